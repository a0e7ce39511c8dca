"""Objectives: a weighted sum of terms, each of which may be shaped.

    total = sum_k weight_k(step) * shape_k(mean over the batch of term_k)

Terms keep their unweighted values, so that what is logged is in the term's own unit whatever it weighs.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.objectives.schedules import Constant, Schedule, Weight, as_schedule
from termwise.terms.aggregate.memory import Memory
from termwise.terms.laws import Law
from termwise.terms.link import Distortion, Estimator, Link, Term, by_example


class Gap(BaseModel):
    """|value - target|: pins the batch mean to a target (Burgess et al., 2018, eq. 8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["gap"] = "gap"
    target: Weight

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """|value - target(step)|."""
        return (value - as_schedule(self.target)(step)).abs()


class Floor(BaseModel):
    """max(0, target - value): pushes the batch mean up to a target, and leaves it be above."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["floor"] = "floor"
    target: Weight

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """max(0, target(step) - value)."""
        return (as_schedule(self.target)(step) - value).clamp(min=0)


class Opposed(BaseModel):
    """-value: what another player of the game minimises, this one makes large."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["opposed"] = "opposed"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """-value."""
        return -value


Shaping = Annotated[Gap | Floor, Field(discriminator="name")]
"""How a configuration may shape a term's batch mean."""


def gap(target: Weight) -> Gap:
    """|value - target|."""
    return Gap(target=target)


def floor(target: Weight) -> Floor:
    """max(0, target - value)."""
    return Floor(target=target)


@dataclass(frozen=True)
class Weighted:
    """A term, how much it weighs, and how its batch mean is shaped."""

    term: Term
    weight: Schedule = field(default_factory=lambda: Constant(value=1.0))
    shape: Gap | Floor | Opposed | None = None

    def __post_init__(self) -> None:
        if self.weight.least() < 0:
            raise Refused(
                f"The weight of {self.term.name} would be {self.weight.least():g}. A negative weight rewards what the "
                "objective is to make small; weights must be 0 or more."
            )

    def __rmul__(self, weight: Weight) -> "Weighted":
        if self.weight != Constant(value=1.0):
            raise Refused(f"{self.term.name} is weighted twice, by {self.weight!r} and {weight!r}. Give it one weight.")
        return replace(self, weight=as_schedule(weight))

    def __add__(self, other: "Weighted | Objective") -> "Objective":
        return Objective((self,)) + other

    def weighs(self, step: int) -> float:
        """What it weighs at a training step; less than 0 where it is opposed."""
        return -self.weight(step) if isinstance(self.shape, Opposed) else self.weight(step)

    def shaped(self, shape: Gap | Floor | Opposed | None) -> "Weighted":
        """The same, its batch mean shaped."""
        return replace(self, shape=shape)


@dataclass(frozen=True)
class Breakdown:
    """An objective on one draw.

    Attributes:
        total: What to minimise, shape ().
        names: The terms.
        means: Their batch means, unweighted and unshaped, of which the total is made; shape () each.
        weights: What each weighs at this step.
    """

    total: Tensor
    names: tuple[str, ...]
    means: tuple[Tensor, ...]
    weights: tuple[float, ...]

    @property
    def values(self) -> Tensor:
        """The means without their gradients, shape (terms,)."""
        return torch.stack([mean.detach() for mean in self.means])


class Objective:
    """A sum of weighted terms.

    Raises:
        Refused: Two terms have one name, so that their curves could not be told apart.
    """

    def __init__(self, parts: tuple[Weighted, ...]) -> None:
        self.parts = parts
        self.names = tuple(part.term.name for part in parts)
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise Refused(f"{', '.join(sorted(twice))} stands twice in the objective. Give it once, with one weight.")

    def __add__(self, other: "Weighted | Objective") -> "Objective":
        return Objective(self.parts + (other.parts if isinstance(other, Objective) else (other,)))

    @property
    def memories(self) -> list[Memory]:
        """What the terms remember of q(z), each once."""
        found = {id(part.term.memory): part.term.memory for part in self.parts}
        return [memory for memory in found.values() if memory is not None]

    def __call__(self, draw: Draw, step: int = 0) -> Breakdown:
        """The objective on a draw, at a training step; a term that others share is asked once a draw."""
        means = tuple(draw.once(("mean", id(part.term)), partial(_mean, part.term, draw)) for part in self.parts)
        weights = tuple(part.weight(step) for part in self.parts)
        shaped = [
            mean if part.shape is None else part.shape(mean, step) for part, mean in zip(self.parts, means, strict=True)
        ]
        total = sum(
            (value if weight == 1 else weight * value for weight, value in zip(weights, shaped, strict=True) if weight),
            start=means[0].new_zeros(()),
        )
        return Breakdown(total, self.names, means, weights)


def _mean(term: Term, draw: Draw) -> Tensor:
    return by_example(term(draw)).mean()


def distortion() -> Weighted:
    """E_q[-log p(x|z)]."""
    return Weighted(Distortion())


def link(left: str | Law, right: str | Law, estimator: Estimator) -> Weighted:
    """A link between two stops of the walk."""
    return Weighted(Link(left, right, estimator))


def rate(estimator: Estimator) -> Weighted:
    """KL(q(z|x) || p(z))."""
    return link("posterior", "prior", estimator)


def index_code_mi(estimator: Estimator) -> Weighted:
    """KL(q(z|x) || q(z)), the mutual information of code and index."""
    return link("posterior", "aggregate", estimator)


def marginal_kl(estimator: Estimator) -> Weighted:
    """KL(q(z) || p(z))."""
    return link("aggregate", "prior", estimator)


def total_correlation(estimator: Estimator) -> Weighted:
    """KL(q(z) || prod_j q(z_j))."""
    return link("aggregate", "marginals", estimator)


def dimension_wise_kl(estimator: Estimator) -> Weighted:
    """sum_j KL(q(z_j) || p(z_j))."""
    return link("marginals", "prior", estimator)
