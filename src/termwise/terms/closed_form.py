"""KL between two laws that are torch Distributions, exactly.

KL(N(mu, S) || N(m, diag s^2)) = 1/2 sum_j [(S_jj + (mu_j - m_j)^2) / s_j^2 + log s_j^2 - 1] - 1/2 log|S|

and of any q with a variance, KL(q || N(m, s^2)) = 1/2 [(Var q + (E q - m)^2) / s^2 + log 2 pi s^2] - H[q]
"""

import math
from typing import TypeVar, cast

import torch
from torch import Tensor
from torch.distributions import (
    ContinuousBernoulli,
    Distribution,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    kl_divergence,
)

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, Conditional, LawOfBlocks
from termwise.models.categories import Categories, kl_by_position
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, factorises, log_density_at
from termwise.models.codewords import Codewords, UniformCodewords
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.models.distributions import innermost
from termwise.models.draw import Draw
from termwise.terms.laws import Closed, Law
from termwise.terms.link import by_example
from termwise.terms.normal_kl import normal_kl

LawT = TypeVar("LawT", bound=Distribution)


def kl(left: Distribution, right: Distribution) -> Tensor:
    """KL(left || right) in nats: by dimension, shape (B, D), where both factorise; else shape (B,).

    A position of categories or codewords is one dimension, and so is a block that is no product.

    Raises:
        Refused: No closed form is known for this pair.
    """
    if isinstance(left, LawOfBlocks) and isinstance(right, LawOfBlocks):
        return _kl_of_blocks(left, right)
    if isinstance(left, Categories) and isinstance(right, Categories):
        return kl_by_position(left, right)
    if isinstance(left, Codewords) and isinstance(right, UniformCodewords):
        return torch.full_like(left.words[..., 0], math.log(len(right.codebook)))
    if isinstance(left, Codewords) and isinstance(right, CodewordsInOrder):
        return -right.log_prob_of(left.indices)
    q, p = _factors(left), _factors(right)
    if isinstance(p, Normal) and isinstance(q, Normal):
        return normal_kl(q.loc, q.scale, p.loc, p.scale)
    if isinstance(p, Normal) and isinstance(left, MultivariateNormal):
        energy = (left.scale_tril.square().sum(-1) + (left.loc - p.loc).square()) / p.scale.square()
        log_det = left.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (0.5 * (energy - 1) + p.scale.log()).sum(-1) - log_det
    if isinstance(q, Normal) and isinstance(right, MultivariateNormal) and not right.batch_shape:
        inverse = torch.linalg.inv(right.scale_tril)  # of the factor, (D, D)
        energy = inverse.square().sum(0) * q.scale.square() + ((q.loc - right.loc) @ inverse.mT).square()
        log_det = right.scale_tril.diagonal().log().sum()
        return (0.5 * (energy - 1) - q.scale.log()).sum(-1) + log_det
    if isinstance(p, Normal) and isinstance(q, StudentT):
        energy = (q.variance + (q.loc - p.loc).square()) / p.scale.square()
        return 0.5 * (energy + math.log(2 * math.pi)) + p.scale.log() - q.entropy()
    pair = (left, right) if q is None or p is None else (q, p)
    try:
        if {type(one) for one in pair} == {ContinuousBernoulli, Uniform}:
            raise NotImplementedError  # torch's is infinite where both end at 0 or 1
        return kl_divergence(pair[0], _of_shape(pair[1], pair[0].batch_shape))
    except NotImplementedError:
        raise Refused(
            f"No closed form is known for KL({type(left).__name__} || {type(right).__name__}). Use MonteCarlo."
        ) from None


def has_closed_form(left: Distribution, right: Distribution) -> bool:
    """Whether `kl` knows this pair.

    Example:
        >>> from torch.distributions import Independent, Laplace, StudentT
        >>> heavy, light = (Independent(law(torch.ones(2), 1.0), 1) for law in (StudentT, Laplace))
        >>> has_closed_form(light, light), has_closed_form(light, heavy)
        (True, False)
    """
    try:
        kl(left, right)
    except Refused:
        return False
    return True


def kl_given_codes(left: Distribution, right: Distribution, z: Tensor) -> Tensor:
    """KL(left || right) of blocks given those before them, these at codes z ~ left, shape (B, D): as of `kl`.

    Its expectation over the codes is the KL.

    Raises:
        Refused: Neither law is of blocks that are given others, or a block has no closed form, or is given one that
            `left` draws after it.
    """
    if not (isinstance(left, ChainedLaw) or isinstance(right, ChainedLaw)):
        raise Refused("No block is given others: its KL is in closed form, or Monte Carlo.")
    if isinstance(right, ChainedLaw) and not right.in_order:
        raise Refused("A block's prior is given blocks after it, which know it: its KL is Monte Carlo.")
    return kl(_at(left, z), _at(right, z))


def kl_by_block(left: Distribution, right: Distribution, z: Tensor) -> Tensor | None:
    """KL of the blocks of a code, shape (B, blocks), nats; None of a flat one.

    Of blocks that are given more than a few categories, those before them are taken from codes z ~ left, (B, D). One
    whose prior is given blocks after it, or that has no closed form, is log left(z_b) - log right(z_b) at these codes:
    of the first kind it may be below 0, and only with the blocks that the prior gives it a part of the rate.
    """
    if not (isinstance(left, LawOfBlocks) and isinstance(right, LawOfBlocks)):
        return None
    try:
        of_blocks = _kl_of_each(left, right)
    except Refused:
        of_blocks = _kl_of_each_at(left, right, z)
    return torch.stack([by_example(values) for values in of_blocks], 1)


def _kl_of_each_at(left: LawOfBlocks, right: LawOfBlocks, z: Tensor) -> list[Tensor]:
    """The KL of every block, given those before it in codes z ~ left, shape (B, D)."""
    found = []
    parts = zip(_at(left, z).blocks, _at(right, z).blocks, left.slices, right.links, strict=True)
    for place, (one, other, part, link) in enumerate(parts):
        given_later = isinstance(link, Conditional) and max(link.given) >= place
        if not given_later and has_closed_form(one, other):
            found.append(kl(one, other))
        else:
            codes = Codes.at(z[..., part])
            found.append(log_density_at(one, codes) - log_density_at(other, codes))
    return found


def _at(law: LawT, z: Tensor) -> LawT | BlockLaw:
    """What a law of blocks is at codes z."""
    return law.at(z) if isinstance(law, ChainedLaw) else law


def _kl_of_blocks(left: LawOfBlocks, right: LawOfBlocks) -> Tensor:
    if left.slices != right.slices:
        sizes = [[part.stop - part.start for part in law.slices] for law in (left, right)]
        raise Refused(f"Expected blocks of the same sizes in both laws; got {sizes[0]} and {sizes[1]}.")
    parts = list(zip(_kl_of_each(left, right), right.blocks, strict=True))
    if any(values.dim() == 1 and factorises(other) for values, other in parts):  # a full covariance, say
        return torch.stack([by_example(values) for values, _ in parts]).sum(0)
    return torch.cat([values.unsqueeze(1) if values.dim() == 1 else values for values, _ in parts], 1)


def _kl_of_each(left: LawOfBlocks, right: LawOfBlocks) -> list[Tensor]:
    """The KL of every block: of one that is given others, the mean over all values of the categories that these are."""
    chains = [law for law in (left, right) if isinstance(law, ChainedLaw)]
    if not chains:
        return [kl(one, other) for one, other in zip(left.blocks, right.blocks, strict=True)]
    given = set().union(*(law.given for law in chains))
    whole = left if isinstance(left, ChainedLaw) else ChainedLaw(left.blocks, left.names)
    if (values := whole.values(given)) is None:
        raise Refused("No closed form is known where a block is given numbers, or many categories.")
    probs = whole.log_prob_of(values, given).exp()  # (V, B)
    every = values.unsqueeze(1)
    under = [law.at(every).blocks if isinstance(law, ChainedLaw) else law.blocks for law in (left, right)]
    found = []
    for one, other, q, p in zip(left.links, right.links, *under, strict=True):
        if not (isinstance(one, Conditional) or isinstance(other, Conditional)):
            found.append(kl(q, p))
            continue
        by_value = kl(q if isinstance(one, Conditional) else q.expand(probs.shape), p)
        found.append(
            torch.einsum("vb,vb...->b...", probs.to(by_value), by_value.expand(*probs.shape, *by_value.shape[2:]))
        )
    return found


def _factors(law: Distribution) -> Distribution | None:
    """The laws of one dimension each whose product a law over codes is, batch shape (..., D); None where it is none."""
    base = innermost(law)
    return base if base is not law and len(law.event_shape) == 1 and not base.event_shape else None


def _of_shape(law: Distribution, shape: torch.Size) -> Distribution:
    """The same law, a batch of as many: torch's formulas mark what is infinite by masks that must fit."""
    return law if law.batch_shape == shape else law.expand(shape)


class ClosedForm:
    """The KL divergence between two laws with a closed form; exact for every x.

    Example:
        >>> import torch
        >>> from termwise.models import VAE
        >>> from termwise.terms import Link
        >>> rate = Link("posterior", "prior", ClosedForm())
        >>> rate(Draw(VAE.build((4,), 3), torch.rand(5, 4))).shape  # by dimension, as both laws factorise
        torch.Size([5, 3])
    """

    name = "closed-form"
    label = "closed form"
    quantity, unit = "KL", "nats"

    def check(self, left: Law, right: Law) -> None:
        """Both laws must be distributions in themselves."""
        for law in (left, right):
            if not isinstance(law, Closed):
                raise Refused(
                    f"There is no closed form for {left.name} -> {right.name}: the {law.name} law is a mixture over "
                    "the data. Use MonteCarlo(aggregate=Bank()), or, from aggregate to prior, Kernel()."
                )

    def bias(self, link: str) -> str:
        """No bias: the value is exact for every x."""
        return "exact for every x"

    def at_no_code(self, left: Law, right: Law, draw: Draw) -> bool:
        """Always: a closed form is of the laws alone."""
        return True

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B, D) where both laws factorise, else (B,); nats."""
        return kl(cast(Closed, left).distribution(draw), cast(Closed, right).distribution(draw))
