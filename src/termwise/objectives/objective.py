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
from termwise.terms.groups import Grouping, Groups
from termwise.terms.laws import Law
from termwise.terms.link import Distortion, Estimator, Link, Term, by_example
from termwise.values import checked


class Gap(BaseModel):
    """|value - target|: pins the batch mean to a target (Burgess et al., 2018, eq. 8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["gap"] = "gap"
    target: Weight

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """|value - target(step)|, shape ()."""
        return (value - as_schedule(self.target)(step)).abs()

    def ends(self) -> int:
        """The step from which the target stays."""
        return as_schedule(self.target).ends()

    def over(self, run: int) -> "Gap":
        """The same over a run of so many steps."""
        return Gap(target=as_schedule(self.target).over(run))


class Floor(BaseModel):
    """max(0, target - value): pushes the batch mean up to a target, and leaves it be above."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["floor"] = "floor"
    target: Weight

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """max(0, target(step) - value), shape ()."""
        return (as_schedule(self.target)(step) - value).clamp(min=0)

    def ends(self) -> int:
        """The step from which the target stays."""
        return as_schedule(self.target).ends()

    def over(self, run: int) -> "Floor":
        """The same over a run of so many steps."""
        return Floor(target=as_schedule(self.target).over(run))


class Opposed(BaseModel):
    """-value: what another player of the game minimises, this one makes large."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["opposed"] = "opposed"

    def __call__(self, value: Tensor, step: int) -> Tensor:
        """The batch mean's negative, shape ()."""
        return -value

    def ends(self) -> int:
        """The step from which nothing changes: 0."""
        return 0

    def over(self, run: int) -> "Opposed":
        """The same over a run of any length."""
        return self


Shaping = Annotated[Gap | Floor, Field(discriminator="name")]
"""How a configuration may shape a term's batch mean."""


@checked
def gap(target: Weight) -> Gap:
    """The shape |value - target|: a batch mean is pinned to a target, a number or a schedule.

    Example:
        >>> gap(25.0)(torch.tensor(22.0), step=0)
        tensor(3.)
    """
    return Gap(target=target)


@checked
def floor(target: Weight) -> Floor:
    """The shape max(0, target - value): a batch mean is pushed up to a target, and left alone above.

    Example:
        >>> floor({"schedule": "linear", "end": 3.0, "steps": 10})(torch.tensor(1.0), step=5)
        tensor(0.5000)
    """
    return Floor(target=target)


@dataclass(frozen=True)
class Weighted:
    """A part of an objective: a term, how much it weighs, and how its batch mean is shaped.

    Example:
        >>> part = 4.0 * Weighted(Distortion())
        >>> part.weighs(step=0)
        4.0
    """

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
        """The weight at a training step; less than 0 where the term is opposed."""
        return -self.weight(step) if isinstance(self.shape, Opposed) else self.weight(step)

    def at_end(self, mean: float) -> float:
        """What a mean of the term counts for once weight and target no longer change."""
        value = mean if self.shape is None else float(self.shape(torch.tensor(mean), self.shape.ends()))
        return self.weight(self.weight.ends()) * value

    def ends(self) -> int:
        """The step from which weight and target no longer change."""
        return max(self.weight.ends(), 0 if self.shape is None else self.shape.ends())

    def over(self, run: int) -> "Weighted":
        """The same over a run of so many steps, of which its schedules may be shares."""
        shape = None if self.shape is None else self.shape.over(run)
        return replace(self, weight=self.weight.over(run), shape=shape)

    def shaped(self, shape: Gap | Floor | Opposed | None) -> "Weighted":
        """The same part, its batch mean shaped."""
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

    Example:
        >>> from termwise.terms import ClosedForm
        >>> (distortion() + 4.0 * rate(ClosedForm())).names
        ('distortion', 'rate')
    """

    def __init__(self, parts: tuple[Weighted, ...]) -> None:
        self.parts = parts
        self.names = tuple(part.term.name for part in parts)
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise Refused(f"{', '.join(sorted(twice))} stands twice in the objective. Give it once, with one weight.")

    def __add__(self, other: "Weighted | Objective") -> "Objective":
        return Objective(self.parts + (other.parts if isinstance(other, Objective) else (other,)))

    def ends(self) -> int:
        """The step from which no weight and no target changes any more."""
        return max(part.ends() for part in self.parts)

    def over(self, run: int) -> "Objective":
        """The same terms over a run of so many steps, of which schedules of their weights may be shares."""
        return Objective(tuple(part.over(run) for part in self.parts))

    @property
    def memories(self) -> list[Memory]:
        """The memories of q(z) that the terms read, each once."""
        by_identity = {id(part.term.memory): part.term.memory for part in self.parts}
        return [memory for memory in by_identity.values() if memory is not None]

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


@checked
def distortion() -> Weighted:
    """The distortion E_q[-log p(x|z)], nats, weighing 1.

    Example:
        >>> from termwise.terms import ClosedForm
        >>> (distortion() + 2.0 * rate(ClosedForm())).names
        ('distortion', 'rate')
    """
    return Weighted(Distortion())


@checked
def link(left: str | Law, right: str | Law, estimator: Estimator) -> Weighted:
    """A link between two stops of the walk, weighing 1.

    Args:
        left: The law nearer to the posterior, or its name.
        right: The law nearer to the prior, or its name.
        estimator: How the two are compared.

    Example:
        >>> from termwise.terms import Kernel
        >>> (10.0 * link("aggregate", "prior", Kernel("imq"))).term.name
        'marginal_mmd2'
    """
    return Weighted(Link(left, right, estimator))


@checked
def rate(estimator: Estimator) -> Weighted:
    """The rate KL(q(z|x) || p(z)), weighing 1.

    Example:
        >>> from termwise.terms import ClosedForm
        >>> rate(ClosedForm()).shaped(gap(25.0)).term.bias
        'exact for every x'
    """
    return link("posterior", "prior", estimator)


@checked
def index_code_mi(estimator: Estimator) -> Weighted:
    """The mutual information of code and index, KL(q(z|x) || q(z)), weighing 1.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> index_code_mi(MonteCarlo(aggregate="minibatch-stratified")).term.bias
        'biased up (Jensen)'
    """
    return link("posterior", "aggregate", estimator)


@checked
def marginal_kl(estimator: Estimator) -> Weighted:
    """The marginal KL(q(z) || p(z)), weighing 1.

    Example:
        >>> from termwise.terms import Kernel, MonteCarlo
        >>> [marginal_kl(how).term.name for how in (MonteCarlo(aggregate="bank"), Kernel("rbf"))]
        ['marginal_kl', 'marginal_mmd2']
    """
    return link("aggregate", "prior", estimator)


@checked
def total_correlation(estimator: Estimator) -> Weighted:
    """The total correlation KL(q(z) || prod_j q(z_j)), weighing 1.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> (6.0 * total_correlation(MonteCarlo(aggregate="full"))).term.label
        'Monte Carlo, full aggregate'
    """
    return link("aggregate", "marginals", estimator)


@checked
def group_correlation(estimator: Estimator, groups: Grouping) -> Weighted:
    """The total correlation of groups of dimensions, KL(q(z) || prod_g q(z_g)), weighing 1.

    Args:
        estimator: How the two are compared.
        groups: Lists of dimensions, or how many stand in a group, in order.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> (4.0 * group_correlation(MonteCarlo(aggregate="bank"), groups=[[0, 1], [2, 3, 4]])).term.name
        'group_correlation'
    """
    return link("aggregate", Groups(groups), estimator)


@checked
def within_group_correlation(estimator: Estimator, groups: Grouping) -> Weighted:
    """The total correlation within groups of dimensions, sum_g KL(q(z_g) || prod_(j in g) q(z_j)), weighing 1.

    Args:
        estimator: How the two are compared.
        groups: Lists of dimensions, or how many stand in a group, in order.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> within_group_correlation(MonteCarlo(aggregate="full"), groups=2).term.label
        'Monte Carlo, full aggregate'
    """
    return link(Groups(groups), "marginals", estimator)


@checked
def dimension_wise_kl(estimator: Estimator) -> Weighted:
    """The dimension-wise KL, sum_j KL(q(z_j) || p(z_j)), weighing 1.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> dimension_wise_kl(MonteCarlo(aggregate="minibatch-stratified")).term.bias
        'biased down (Jensen)'
    """
    return link("marginals", "prior", estimator)
