"""N laws of any kind that has a density, as constants: every code is asked of every law.

Of laws that are no exponential family, such as Laplace, Student-t or a flow, the log densities are no product, and cost
as much as so many calls of `log_prob`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from termwise.errors import Refused
from termwise.models.codes import Codes, factorises, log_density_at
from termwise.models.distributions import innermost, some_numbers, unchecked
from termwise.models.law_rows import joined_laws, rows
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.singles import BITS

MOST_LAWS = 4000
"""So many laws are asked at as many codes, and no more: twice as many take four times as long."""


class LawComponents(Components):
    """N components that are a batch of torch Distributions.

    Args:
        law: Batch shape (N,), event shape (D,).
    """

    def __init__(self, law: Distribution) -> None:
        self.law = law

    def __len__(self) -> int:
        return self.law.batch_shape[0]

    @property
    def size(self) -> int:
        """D, the numbers of a code."""
        return self.law.event_shape.numel()

    def at(self, rows_: Tensor) -> "LawComponents":
        """The components at these rows, shape (n,)."""
        return LawComponents(rows(self.law, rows_))

    @classmethod
    def joined(cls, several: Sequence["LawComponents"]) -> "LawComponents":
        """The components of several, in order."""
        return cls(joined_laws([one.law for one in several]))

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.law.sample().device

    def state(self) -> dict[str, Any]:
        """Refused: a checkpoint holds tensors, and a law is none."""
        raise Refused(
            f"A bank holds normals, categories and other exponential families; this model's posterior is a "
            f'{type(innermost(self.law)).__name__}. Use aggregate="full", or "minibatch-stratified".'
        )

    def pairs(self, codes: Codes, block: int, slopes: bool) -> "_Asked":
        """Every law at every code."""
        return _Asked(codes, self.law, max(1, min(block // codes.centre.numel(), len(self))), slopes)

    @property
    def knows_marginals(self) -> bool:
        """Whether the laws factorise."""
        return factorises(self.law)

    @property
    def most(self) -> float:
        """As many as take a minute or so."""
        return MOST_LAWS

    def by_dimension(self) -> list[tuple[slice, Components]] | None:
        """Number by number of laws that factorise."""
        if not factorises(self.law):  # as `knows_marginals` says
            return None
        base = self.law.base_dist
        parts = range(self.size)
        return [
            (slice(j, j + 1), LawComponents(Independent(some_numbers(base, [j]), 1, validate_args=False)))
            for j in parts
        ]


class _Asked:
    """The log densities of codes under a batch of laws, each asked by itself."""

    def __init__(self, codes: Codes, law: Distribution, step: int, slopes: bool) -> None:
        self.law, self.step, self.slopes = law, step, slopes
        self.z = torch.zeros_like(codes.centre).requires_grad_()  # what the gradient is taken in
        self.codes = Codes(codes.centre.unsqueeze(1), codes.offset.unsqueeze(1))
        self.values: Tensor | None = None

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        with torch.set_grad_enabled(self.slopes):
            moved = Codes(self.codes.centre, self.codes.offset + self.z.unsqueeze(1))
            self.values = _anywhere(rows(self.law, part), moved)  # (B, n)
        return self.values.detach() * BITS

    def empty(self) -> Tensor:
        """The same as of a product."""
        return torch.zeros_like(self.z, requires_grad=False)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product; what is gathered is the gradient itself, of the components last asked."""
        assert self.values is not None
        (slope,) = torch.autograd.grad(self.values, self.z, mass.to(self.values.dtype))
        gathered.add_(slope.to(gathered.dtype))

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        return mean


def _anywhere(law: Distribution, codes: Codes) -> Tensor:
    """log q(z|x) of codes, shape (B, 1, D), under n laws, where they live, else minus infinity: (B, n), float64."""
    law = unchecked(law)
    try:
        support = law.support
    except NotImplementedError:
        support = None
    if support is None:
        return log_density_at(law, codes).double()
    inside = support.check(codes.z)
    inside = inside.all(-1) if inside.dim() == 3 else inside
    if inside.all():
        return log_density_at(law, codes).double()
    with torch.no_grad():
        within = law.sample().expand(len(codes), -1, -1)  # in the place of codes that have no density, nor a slope
    there = inside.unsqueeze(-1)
    kept = Codes(torch.where(there, codes.centre, within), torch.where(there, codes.offset, 0.0))
    return torch.where(inside, log_density_at(law, kept).double(), -torch.inf)
