"""Where laws live, so far as torch says it: a rate compares two laws over the same values, or it is no number.

    rate = E_q[log q(z|x) - log p(z)]

asks that q and p both have a density, or both a mass function; that both are over one space, since a density over a
simplex and one over all vectors are in different units; and that p is nowhere zero where q is not, or the rate has no
end. A law that does not say where it lives is taken at its word.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Cauchy,
    Distribution,
    FisherSnedecor,
    HalfCauchy,
    InverseGamma,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Pareto,
    StudentT,
    TransformedDistribution,
    VonMises,
    constraints,
)
from torch.distributions.relaxed_categorical import ExpRelaxedCategorical

from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models.block_law import LawOfBlocks
from termwise.models.categories import Categories
from termwise.models.codewords import Codewords, UniformCodewords
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.models.distributions import in_double, innermost
from termwise.models.likelihoods import Likelihood

NUMBERS, WHOLE, ONE_HOT, CODEWORDS = "numbers", "whole numbers", "one-hot vectors", "codewords"
OTHER_SPACES = {
    constraints.simplex: "vectors of shares that sum to one",
    constraints.lower_cholesky: "triangular matrices",
    constraints.corr_cholesky: "factors of correlations",
    constraints.positive_definite: "positive definite matrices",
    constraints.multinomial: "vectors of counts",
}
"""What is neither a number for every dimension nor one-hot, in words."""

HEAVY_TAILED = (Cauchy, FisherSnedecor, HalfCauchy, InverseGamma, Pareto, StudentT)
"""The laws that may have no variance, or no mean."""


@dataclass(frozen=True)
class Support:
    """Where a law lives.

    Attributes:
        space: What its values are: `NUMBERS` or `WHOLE` numbers in every dimension, `ONE_HOT`, or another in words.
        lower: Of numbers the least, float64, a shape that broadcasts; minus infinity where there is no end.
        upper: Likewise the largest.

    Example:
        >>> Support(WHOLE, torch.tensor(0.0), torch.tensor(1.0)).in_words
        'zeros and ones'
    """

    space: str
    lower: Tensor
    upper: Tensor

    @property
    def discrete(self) -> bool:
        """Whether a law over it has a mass function, and no density."""
        return self.space in (WHOLE, OTHER_SPACES[constraints.multinomial]) or self.space.startswith(
            (ONE_HOT, CODEWORDS)
        )

    def holds(self, other: "Support") -> bool:
        """Whether all of another lies in it: whole numbers hold one-hot vectors, which are zeros and ones."""
        if self.space != other.space and (self.space, other.space) != (WHOLE, ONE_HOT):
            return False
        return bool((self.lower <= other.lower).all() and (self.upper >= other.upper).all())

    @property
    def _ends(self) -> tuple[float, float]:
        return float(self.lower.min()), float(self.upper.max())

    @property
    def in_words(self) -> str:
        """What its values are, as an error says it."""
        low, high = self._ends
        if self.space not in (NUMBERS, WHOLE):
            return self.space
        if self.space == WHOLE and (low, high) == (0.0, 1.0):
            return "zeros and ones"
        what = "real numbers" if self.space == NUMBERS and math.isinf(low) and math.isinf(high) else self.space
        return (
            what + (f" from {low:g}" if math.isfinite(low) else "") + (f" to {high:g}" if math.isfinite(high) else "")
        )

    def example_prior(self, size: int) -> str:
        """How a user writes a prior that lives here, over codes of `size` dimensions; nothing where none is known."""
        low, high = self._ends
        zeros, ones = f"torch.zeros({size})", f"torch.ones({size})"
        if self.space == ONE_HOT:
            return f"OneHotCategorical(logits={zeros})"
        if self.space.startswith((ONE_HOT, CODEWORDS)):
            return '"uniform"'
        if self.space == OTHER_SPACES[constraints.simplex]:
            return f"Dirichlet({ones})"
        if self.space == WHOLE and (low, high) == (0.0, 1.0):
            return f"Independent(Bernoulli(logits={zeros}), 1)"
        if self.space == WHOLE and low == 0 and math.isfinite(high):
            return f"Independent(Categorical(logits=torch.zeros({size}, {int(high) + 1})), 1)"
        if self.space == WHOLE:
            return f"Independent(Poisson({ones}), 1)"
        if self.space != NUMBERS:
            return ""
        if (low, high) == (-math.pi, math.pi):
            return f"Independent(VonMises({zeros}, {ones}), 1)"
        if math.isfinite(low) and math.isfinite(high):
            return f"Independent(Uniform({low:.9g} * {ones}, {high:.9g} * {ones}), 1)"
        if low == 0:
            return f"Independent(Exponential({ones}), 1)"
        return f"Independent(Normal({zeros}, 1.0), 1)"


def support_of(law: Distribution) -> Support | None:
    """Where a law lives; None where it does not say.

    Example:
        >>> from torch.distributions import Independent, LogNormal
        >>> support_of(Independent(LogNormal(torch.zeros(2), 1.0), 1)).in_words
        'numbers from 0'
    """
    law = innermost(law)
    if isinstance(law, Categories):
        positions = law.log_probs.shape[-2]
        return _box(ONE_HOT if positions == 1 else f"{ONE_HOT} at each of {positions} positions", 0.0, 1.0)
    if isinstance(law, Codewords | UniformCodewords | CodewordsInOrder):
        positions = law.indices.shape[-1] if isinstance(law, Codewords) else law.positions
        return _box(f"{CODEWORDS} at each of {positions} positions, of {len(law.codebook)}")
    if isinstance(law, LawOfBlocks):
        return _of_blocks(law)
    if isinstance(law, MixtureSameFamily):
        return support_of(law.component_distribution)
    if isinstance(law, VonMises):  # torch says the real numbers, where it is a density over one turn of them
        return _box(NUMBERS, -math.pi, math.pi)
    if isinstance(law, ExpRelaxedCategorical):  # torch says all vectors, as it notes itself
        return _box("logs of shares that sum to one")
    if isinstance(law, TransformedDistribution):
        moved = _moved(law)
        if moved is not None:
            return moved
    try:
        constraint = law.support
    except (NotImplementedError, AttributeError):
        return None
    return None if constraint is None else _of_constraint(constraint)


def check_rate(posterior: Distribution, prior: Distribution) -> None:
    """Raise Refused where no rate can be had between two laws over codes, naming a prior that would do.

    Example:
        >>> from torch.distributions import Independent, Normal, OneHotCategorical
        >>> check_rate(OneHotCategorical(logits=torch.zeros(5, 3)), Independent(Normal(torch.zeros(3), 1.0), 1))
        Traceback (most recent call last):
        termwise.errors.Refused: The posterior (OneHotCategorical) has a mass function over one-hot vectors, and ...
    """
    if isinstance(posterior, LawOfBlocks) and isinstance(prior, LawOfBlocks) and posterior.slices == prior.slices:
        for blocks in zip(posterior.blocks, prior.blocks, strict=True):
            check_rate(*blocks)
        return
    left, right = support_of(posterior), support_of(prior)
    q, p = type(innermost(posterior)).__name__, type(innermost(prior)).__name__
    if left is None or right is None:
        return
    if right.holds(left):
        if moment := _missing_moment(innermost(posterior), innermost(prior)):
            raise Refused(
                f"The rate is infinite: the posterior ({q}) has no finite {moment}, and the prior ({p}) falls off too "
                f"fast for that. Pass a prior with tails as heavy, such as prior={_heavy_prior(posterior)}."
            )
        return
    example = left.example_prior(posterior.event_shape.numel())
    would_do = "Pass a prior over the same values" + (f", such as prior={example}." if example else ".")
    would_do += ' By name it is prior="uniform".' if left.space == ONE_HOT else ""
    kinds = ["a mass function" if one.discrete else "a density" for one in (left, right)]
    if kinds[0] != kinds[1] or (left.space != right.space and {left.space, right.space} != {WHOLE, ONE_HOT}):
        raise Refused(
            f"The posterior ({q}) has {kinds[0]} over {left.in_words}, and the prior ({p}) {kinds[1]} over "
            f"{right.in_words}: there is no KL between the two. {would_do}"
        )
    raise Refused(
        f"The rate is infinite: the posterior ({q}) is over {left.in_words}, and the prior ({p}) over "
        f"{right.in_words} alone, which some codes are not. {would_do}"
    )


def check_support_of_data(likelihood: Distribution, values: ValueRange) -> None:
    """Raise BadData where data of this range are no values of p(x|z); grey values pass for a Bernoulli's, in [0, 1].

    Example:
        >>> from torch.distributions import Independent, Poisson
        >>> check_support_of_data(Independent(Poisson(torch.ones(5, 2)), 1), ValueRange(-1.0, 3.0, integer=True))
        Traceback (most recent call last):
        termwise.errors.BadData: The likelihood (Poisson) is over whole numbers from 0; the data has whole numbers ...
    """
    law = innermost(likelihood)
    support = support_of(law)
    if support is None or support.space not in (NUMBERS, WHOLE) or isinstance(law, VonMises):
        return
    fits = values.integer or support.space == NUMBERS or isinstance(law, Bernoulli)
    ends = torch.tensor(values.minimum) >= support.lower, torch.tensor(values.maximum) <= support.upper
    if fits and all(bool(end.any()) for end in ends):
        return
    got = "whole numbers" if values.integer else "fractions"
    raise BadData(
        f"The likelihood ({type(law).__name__}) is over {support.in_words}; the data has {got} in "
        f"[{values.minimum:g}, {values.maximum:g}]. Recode the data, or take a likelihood over such values."
    )


def takes_real_numbers(likelihood: Likelihood, shape: tuple[int, ...]) -> bool:
    """Whether a likelihood is of any real numbers, as x is once it is standardised, and does not standardise x itself.

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> [takes_real_numbers(likelihood_from(name), (3,)) for name in ("normal", "bernoulli", "categorical:4")]
        [True, False, False]
    """
    if likelihood.scales:
        return False
    values = ValueRange(-1.0, 1.0, integer=False)
    where = next((part.device for part in (*likelihood.parameters(), *likelihood.buffers())), None)
    try:
        likelihood.check(values)
        with torch.no_grad():
            decoded = torch.zeros(1, *likelihood.decoded_shape(shape), device=where)
            check_support_of_data(likelihood(decoded), values)
    except BadData:
        return False
    return True


def _of_blocks(law: LawOfBlocks) -> Support | None:
    """Where all blocks live together: of one space, with each number's ends; else what each has, in words."""
    found = [support_of(block) for block in law.blocks]
    supports = [one for one in found if one is not None]
    if len(supports) < len(found):
        return None
    if len({one.space for one in supports}) > 1 or supports[0].discrete:
        words = (f"{name}, {one.in_words}" for name, one in zip(law.names, supports, strict=True))
        return _box(f"blocks ({'; '.join(words)})")
    sizes = [block.event_shape.numel() for block in law.blocks]
    ends = zip(
        *((one.lower.expand(n), one.upper.expand(n)) for one, n in zip(supports, sizes, strict=True)), strict=True
    )
    return _box(supports[0].space, *(torch.cat(of) for of in ends))


def _missing_moment(posterior: Distribution, prior: Distribution) -> str:
    """The moment without which E log p(z) has no end, where some posterior lacks it; else nothing."""
    if not isinstance(posterior, HEAVY_TAILED):
        return ""
    moment = (
        "variance" if isinstance(prior, Normal | MultivariateNormal) else "mean" if isinstance(prior, Laplace) else ""
    )
    wide = in_double(posterior) or posterior  # a scale of 1e20 has a variance, though none in float32
    return moment if moment and not bool(getattr(wide, moment).isfinite().all()) else ""


def _heavy_prior(posterior: Distribution) -> str:
    zeros, ones = (f"torch.{name}({posterior.event_shape.numel()})" for name in ("zeros", "ones"))
    return f"Independent(Cauchy({zeros}, {ones}), 1)"


def _box(space: str, lower: float | Tensor = -math.inf, upper: float | Tensor = math.inf) -> Support:
    return Support(space, *(torch.as_tensor(end, dtype=torch.float64).detach().cpu() for end in (lower, upper)))


def _of_constraint(constraint: constraints.Constraint) -> Support | None:
    while isinstance(constraint, constraints.independent):
        constraint = constraint.base_constraint
    if constraint in OTHER_SPACES:
        return _box(OTHER_SPACES[constraint])
    if isinstance(constraint, constraints.multinomial):
        return _box(OTHER_SPACES[constraints.multinomial])
    if constraint is constraints.one_hot:
        return _box(ONE_HOT, 0.0, 1.0)
    if constraint is constraints.boolean:
        return _box(WHOLE, 0.0, 1.0)
    if constraint is constraints.real:
        return _box(NUMBERS)
    ends = [getattr(constraint, f"{side}_bound", None) for side in ("lower", "upper")]
    if constraint.event_dim or ends == [None, None]:
        return None
    low, high = ends
    space = WHOLE if constraint.is_discrete else NUMBERS
    return _box(space, -math.inf if low is None else low, math.inf if high is None else high)


def _moved(law: TransformedDistribution) -> Support | None:
    """Where numbers between bounds are moved by transforms that shift and scale alone, of which torch forgets them."""
    base = support_of(law.base_dist)
    if base is None or base.space != NUMBERS:
        return None
    lower, upper = base.lower, base.upper
    for one in law.transforms:
        if not isinstance(one, AffineTransform):
            return None
        ends = torch.broadcast_tensors(one.loc + one.scale * lower, one.loc + one.scale * upper)
        lower, upper = torch.minimum(*ends), torch.maximum(*ends)
    return _box(NUMBERS, lower, upper)
