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
from termwise.models.distributions import innermost, joined_laws, rows
from termwise.terms.aggregate.components import BITS, Components

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
        return [(slice(j, j + 1), LawComponents(Independent(_number(base, j), 1, validate_args=False))) for j in parts]


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
            self.values = log_density_at(rows(self.law, part), moved).double()  # (B, n)
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


def _number(base: Distribution, j: int) -> Distribution:
    """One number of a batch of laws over numbers, batch shape (N, D): batch shape (N, 1)."""
    turned = base.expand(base.batch_shape)
    for name, value in vars(turned).items():
        if isinstance(value, Distribution):
            setattr(turned, name, _number(value, j))
        elif isinstance(value, Tensor) and value.shape[:2] == base.batch_shape:
            setattr(turned, name, value[:, j : j + 1])
    turned._batch_shape = torch.Size([base.batch_shape[0], 1])
    return turned
