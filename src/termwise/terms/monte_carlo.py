"""E_q[log left(z) - log right(z)] at the draw's codes: one sample for every example."""

from typing import cast

from torch import Tensor

from termwise.errors import Refused
from termwise.models.codewords import Codewords
from termwise.models.draw import Draw
from termwise.terms.aggregate.table import AnyAggregate, aggregate_from
from termwise.terms.laws import Factorised, Law, PosteriorLaw


def log_ratio(left: Law, right: Law, draw: Draw) -> Tensor:
    """log left(z) - log right(z) at the draw's codes: shape (B, D) where both laws factorise alike, else (B,); nats."""
    if left.factorises(draw) and right.factorises(draw):
        one, other = (cast(Factorised, law).log_prob_by_dimension(draw.z, draw) for law in (left, right))
        return one - other if one.shape == other.shape else one.sum(1) - other.sum(1)
    first = left.log_prob_of_own(draw) if isinstance(left, PosteriorLaw) else left.log_prob(draw.z, draw)
    return first - right.log_prob(draw.z, draw)


class MonteCarlo:
    """The log ratio of two laws with densities, at z ~ q(z|x).

    Unbiased given log q(z); how that is known, and with which bias, is the aggregate's.

    Args:
        aggregate: What q(z) is remembered from: a memory, or one of `AGGREGATES` by name or as a table with its
            options. Links that are given one estimator share its memory.

    Example:
        >>> from termwise.terms import Link
        >>> mi = Link("posterior", "aggregate", MonteCarlo(aggregate="full"))
        >>> mi.name, mi.label
        ('index_code_mi', 'Monte Carlo, full aggregate')
    """

    name = "monte-carlo"
    quantity, unit = "KL", "nats"

    def __init__(self, aggregate: AnyAggregate = "bank") -> None:
        self.aggregate = aggregate_from(aggregate)

    @property
    def label(self) -> str:
        """What readings call it: Monte Carlo, and what q(z) comes from."""
        return f"Monte Carlo, {self.aggregate.label}"

    def check(self, left: Law, right: Law) -> None:
        """Every law so far has a density, once its memory is given."""
        if left.name == right.name:
            raise Refused(f"A link from {left.name} to itself is zero; leave it out.")

    def check_laws(self, left: Law, right: Law, draw: Draw) -> None:
        """Refused where q(z) has no gradient to train by: of points at codewords it is a table of counts."""
        of_aggregate = {left.name, right.name} - {"posterior", "reference", "prior"}
        if of_aggregate and isinstance(draw.posterior, Codewords):
            raise Refused(
                f"{left.name} -> {right.name} of codes that are codewords is a function of counts, which has no "
                "gradient to train by; it is measured in the account. Leave the link out (recipe vq-vae, or fsq), or "
                "train by an estimator that needs samples only, such as Kernel or DensityRatio, whose gradient goes "
                "straight through."
            )

    def bias(self, link: str) -> str:
        """No bias where neither law is made of q(z); else the memory's."""
        return "unbiased" if link in ("rate", "reference_kl", "reference_to_prior") else self.aggregate.bias(link)

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B, D) where both laws factorise, else (B,); nats."""
        return log_ratio(left, right, draw)
