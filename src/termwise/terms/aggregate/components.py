"""What q(z) is a mixture of: N laws over flat codes, as constants.

Every kind says how its log densities at codes are taken for many components at once (`pairs`), by which dimensions it
falls apart (`by_dimension`), and how it is written over in place. Of an exponential family the log-components are inner
products, phi(z) . a_n + c_n, of statistics of the code with what is kept of each component: one matrix product.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from termwise.models.codes import Codes
from termwise.terms.aggregate.singles import BITS, Singles

FLOOR = -115.0
"""The mass, in bits below the largest component's, under which a component cannot count: exp2 is slow to underflow."""
NOWHERE = -1e300
"""What stands for the log density, in bits, of a code that no component has: minus infinity could not be taken off."""
CANCELLATION = 1e-5
"""The nats that a product's rounding may cost a code, by a bound that is seldom nearly reached."""


class LogDensities(Protocol):
    """The log densities of B codes under N components, some components at a time, and the gradient in the codes.

    Attributes:
        step: How many components are taken at a time.
    """

    step: int

    def bits(self, part: slice) -> Tensor:
        """log2 of the density of every code under the components in `part`, float64, shape (B, n); written over."""
        ...

    def empty(self) -> Tensor:
        """What is gathered before anything is, shape (B, K)."""
        ...

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """Add what the components in `part` give to the gradient, by their mass, shape (B, n)."""
        ...

    def gradient(self, mean: Tensor) -> Tensor:
        """d/dz log q(z), shape (B, D), from the mean by mass of what was gathered."""
        ...


class Alternative(Protocol):
    """What stands for the gradient of log q(z) in the numbers of one category: its log with each in their place.

    Attributes:
        columns: Which numbers of z these are.
    """

    @property
    def columns(self) -> slice: ...  # noqa: D102

    def add(self, bits: Tensor, part: slice) -> None:
        """Take in the components in `part`, whose weighted log2 densities at the codes are `bits`, shape (B, n)."""
        ...

    def write(self, gradient: Tensor, log_weight: float) -> None:
        """Write it to a gradient in z, shape (B, D), components weighing so much."""
        ...


class Alternatives:
    """log q(z) of codes with every category of one position in the place of their own, summed up over components.

    Args:
        own: The categories that the codes have there, shape (B,).
        log_probs: Of every component there, float64, shape (N, K).
        columns: Which numbers of z the position has; of one that is a single number, 0 or 1, K is 2.
    """

    def __init__(self, own: Tensor, log_probs: Tensor, columns: slice) -> None:
        self.columns = columns
        self.bits = (log_probs * BITS).T.contiguous()  # (K, N)
        self.probs = log_probs.T.float().exp().contiguous()
        self.own = one_hot(own, len(self.bits)).to(self.bits)  # by it rows are taken in a product, which is quick
        self.peak = log_probs.new_full((len(own),), -torch.inf)
        self.total = log_probs.new_zeros(len(self.bits), len(own))

    def add(self, bits: Tensor, part: slice) -> None:
        """Take in the components in `part`, whose weighted log2 densities at the codes are `bits`, shape (B, n)."""
        rest = torch.addmm(bits, self.own, self.bits[:, part], alpha=-1)  # all that a code has beside this position
        higher = torch.maximum(self.peak, rest.amax(1)).clamp(min=NOWHERE)
        mass = rest.sub_(higher.unsqueeze(1)).float().clamp_(min=FLOOR).exp2_()
        self.total = self.total * (self.peak - higher).exp2() + self.probs[:, part] @ mass.T
        self.peak = higher

    def write(self, gradient: Tensor, log_weight: float) -> None:
        """Write them to a gradient in z, shape (B, D), components weighing so much; of 0 or 1, their difference."""
        tiny = torch.finfo(self.total.dtype).tiny
        found = (self.peak / BITS + log_weight).unsqueeze(1) + self.total.clamp(min=tiny).log().T
        one_number = self.columns.stop - self.columns.start == 1
        gradient[:, self.columns] = (found.diff(dim=1) if one_number else found).to(gradient.dtype)


class Components(ABC):
    """N laws over flat codes, as constants. Abstract.

    Attributes:
        TENSORS: What is kept of every component: the names of tensors whose first dimension is N.
    """

    TENSORS: ClassVar[tuple[str, ...]] = ()

    @property
    def knows_marginals(self) -> bool:
        """Whether log q(z_j) can be had."""
        return True

    @property
    def linear(self) -> "LinearComponents | None":
        """The same as members of an exponential family, whose log densities are products; None where they are none."""
        return None

    @property
    def most(self) -> float:
        """So many of them at the most are asked at as many codes: without a product, each is asked by itself."""
        return math.inf

    @abstractmethod
    def __len__(self) -> int:
        """N, how many there are."""

    @property
    @abstractmethod
    def size(self) -> int:
        """D, the numbers of a code."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where their numbers are held."""

    @abstractmethod
    def pairs(self, codes: Codes, block: int, slopes: bool) -> LogDensities:
        """The components' log densities at codes, and what is gathered of their slopes, where `slopes` is true.

        About `block` numbers may be held at a time.
        """

    def log_sum_at_once(self, codes: Codes, index: Tensor | None, gain: float) -> Tensor | None:
        """log sum_n q(z|x_n), float64, shape (B,), where it is known without asking every component; else None.

        Args:
            codes: Shape (B, D).
            index: Which component is each code's own, shape (B,), or -1; None where all count alike.
            gain: The log of how much more the own one counts.
        """
        return None

    def by_dimension(self) -> "Sequence[tuple[slice, Components]] | None":
        """The components of each dimension alone, and which numbers of the code it has; None where they are unknown.

        Kinds of which many dimensions are taken together have a way of their own in `mixture.py`.
        """
        return None

    def alternatives(self, codes: Codes, start: int = 0) -> Sequence[Alternative]:
        """What stands for the gradient in a code's discrete numbers, counted from `start`; none where it has none."""
        return []

    @abstractmethod
    def at(self, rows: Tensor) -> Self:
        """The components at these rows, shape (n,)."""

    @classmethod
    @abstractmethod
    def joined(cls, several: Sequence[Self]) -> Self:
        """The components of several of one kind, in order."""

    def write(self, rows: Tensor, new: Self) -> None:
        """Replace the components at `rows`, shape (B,), by others, in place."""
        for name in self.TENSORS:
            kept = getattr(self, name)
            kept[rows] = getattr(new, name).to(kept.device)

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold, so that `components_from_state` makes them again."""


class LinearComponents(Components):
    """Components whose log densities are phi(z) . a_n + c_n: members of an exponential family.

    Attributes:
        slope: a_n, float64, shape (N, K).
        intercept: c_n, float64, shape (N,).
        slope32: a_n in the type of the codes.
        exact_at_pairs: Whether `at_pairs` does not cancel, either.
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("slope", "intercept", "slope32")
    slope: Tensor
    intercept: Tensor
    slope32: Tensor
    exact_at_pairs: ClassVar[bool] = False
    _steepest: Tensor | None = None
    _singles: Singles | None = None

    def __len__(self) -> int:
        return len(self.intercept)

    @property
    def linear(self) -> "LinearComponents":
        """These themselves, as they are."""
        return self

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.slope.device

    @abstractmethod
    def features(self, z: Tensor) -> Tensor:
        """phi(z), float64, shape (B, K), of codes in float64."""

    @abstractmethod
    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        """d/dz of phi(z) . mean_slope, shape (B, D); mean_slope of shape (B, K)."""

    def write(self, rows: Tensor, new: Self) -> None:
        """Replace the components at `rows`, shape (B,), by others, in place."""
        super().write(rows, new)
        self._steepest = None
        if self._singles is not None:
            self._singles.write(rows, new.slope, new.intercept)

    def singles(self) -> Singles:
        """a_n and c_n in float32, made when they are first asked for, and kept."""
        if self._singles is None:
            self._singles = Singles.of(self.slope, self.intercept)
        return self._singles

    def at_pairs(
        self, codes: Codes, features: Tensor, rows: Tensor, columns: Tensor, slopes: bool
    ) -> tuple[Tensor, Tensor | None]:
        """log q(z|x_n), float64, shape (P,), of pairs of a code and a component, and its gradients in z, (P, D).

        Args:
            codes: Shape (B, D).
            features: Theirs, shape (B, K).
            rows: Which codes, shape (P,).
            columns: Which components, shape (P,).
            slopes: Whether the gradients are wanted.
        """
        slope = self.slope.index_select(0, columns)
        value = (features.index_select(0, rows) * slope).sum(1) + self.intercept.index_select(0, columns)
        return value, self.gradient(codes.exact.index_select(0, rows), slope) if slopes else None

    def cancellation(self, features: Tensor) -> float:
        """A bound on what rounding costs phi(z) . a_n + c_n in float64, in nats, over all codes and components."""
        if self._steepest is None:
            self._steepest = torch.linalg.vector_norm(self.slope, torch.inf, dim=0)
        terms = torch.linalg.vector_norm(features, torch.inf, dim=0) @ self._steepest
        return float(terms + torch.linalg.vector_norm(self.intercept, torch.inf)) * torch.finfo(torch.float64).eps

    def pairs(self, codes: Codes, block: int, slopes: bool) -> LogDensities:
        """By one product; or directly, where that would cancel too much and there is another way."""
        if self.cancellation(self.features(codes.exact)) <= CANCELLATION:  # false for nan, too
            return Product(codes, self, min(max(64, block // len(codes)), len(self)))
        return self.direct_pairs(codes, block)

    def direct_pairs(self, codes: Codes, block: int) -> LogDensities:
        """The log densities in a way that does not cancel, where the family has one."""
        return Product(codes, self, min(max(64, block // len(codes)), len(self)))


class Product:
    """Log-components as inner products with phi(z)."""

    def __init__(self, codes: Codes, components: LinearComponents, step: int) -> None:
        self.z, self.components, self.step = codes.exact, components, step
        self.features = components.features(self.z)
        self.buffer = self.features.new_empty(len(codes), step)  # written over, block after block

    def bits(self, part: slice) -> Tensor:
        """log2 of the components' densities in `part`, float64, shape (B, n)."""
        intercept, slope = self.components.intercept[part], self.components.slope[part]
        out = self.buffer[:, : len(intercept)]
        return torch.addmm(intercept, self.features, slope.T, beta=BITS, alpha=BITS, out=out)

    def empty(self) -> Tensor:
        """What is gathered before anything is."""
        return torch.zeros_like(self.features, dtype=self.components.slope32.dtype)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """Add what the components in `part` give to the gradient, by their mass, shape (B, n)."""
        gathered.addmm_(mass, self.components.slope32[part])

    def gradient(self, mean: Tensor) -> Tensor:
        """d/dz log q(z), shape (B, D), from the mean by mass of what was gathered."""
        return self.components.gradient(self.z.to(mean.dtype), mean)
