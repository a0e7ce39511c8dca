"""KL between two laws that are torch Distributions, exactly.

KL(N(mu, S) || N(m, diag s^2)) = 1/2 sum_j [(S_jj + (mu_j - m_j)^2) / s_j^2 + log s_j^2 - 1] - 1/2 log|S|
"""

from typing import cast

from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.laws import Closed, Law


def kl(left: Distribution, right: Distribution) -> Tensor:
    """KL(left || right) in nats: by dimension, shape (B, D), where both factorise; else shape (B,).

    Raises:
        Refused: No closed form is known for this pair.
    """
    p = _normal(right)
    q = _normal(left)
    if p is not None and q is not None:
        ratio = (q.scale / p.scale).square()
        return 0.5 * (ratio + ((q.loc - p.loc) / p.scale).square() - 1 - ratio.log())
    if p is not None and isinstance(left, MultivariateNormal):
        energy = (left.scale_tril.square().sum(-1) + (left.loc - p.loc).square()) / p.scale.square()
        log_det = left.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return (0.5 * (energy - 1) + p.scale.log()).sum(-1) - log_det
    try:
        return kl_divergence(left, right)
    except NotImplementedError:
        raise Refused(
            f"No closed form is known for KL({type(left).__name__} || {type(right).__name__}). Use MonteCarlo."
        ) from None


def _normal(law: Distribution) -> Normal | None:
    """The normal whose product over dimensions `law` is; None where it is no such product."""
    base = law.base_dist if isinstance(law, Independent) else None
    return base if isinstance(base, Normal) else None


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

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B, D) where both laws factorise, else (B,); nats."""
        return kl(cast(Closed, left).distribution(draw), cast(Closed, right).distribution(draw))
