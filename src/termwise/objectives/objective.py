"""Objectives: a weighted sum of terms, each of which may be shaped.

    total = sum_k weight_k(step) * shape_k(mean over the batch of term_k)    (`shapes.py`)

Terms keep their unweighted values, so that what is logged is in the term's own unit whatever it weighs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw, Itself
from termwise.objectives.shapes import By, Opposed, Shape
from termwise.schedules import Constant, Schedule, Weight, as_schedule
from termwise.terms.aggregate.memory import Memory
from termwise.terms.by_block import ByBlock, blocks_by_name
from termwise.terms.groups import Grouping, Groups
from termwise.terms.laws import Law
from termwise.terms.link import Distortion, Estimator, Link, Term, by_example
from termwise.terms.score_function import with_score
from termwise.terms.still import End
from termwise.values import checked

Means = Mapping[str, Tensor]
"""What of a term is shaped: its mean, shape (), or means by dimension, (D,), under ""; or those of blocks by name."""


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
    shape: Shape | None = None

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

    @property
    def by(self) -> By:
        """What is shaped: the mean, each dimension's, or each block's."""
        return "total" if self.shape is None else self.shape.by

    def means(self, values: Tensor, draw: Draw) -> "Means":
        """What is shaped, of the term's values on a draw."""
        if self.by == "block":
            return dict(zip(blocks_by_name(draw), _values(self._by_block, draw).mean(0), strict=True))
        return {"": mean_by_dimension(self.term, values) if self.by == "dimension" else by_example(values).mean()}

    @cached_property
    def _by_block(self) -> ByBlock:
        return ByBlock(self.term)

    def shaped_mean(self, means: "Means", step: int) -> Tensor:
        """The means, shaped at a training step and summed: shape ()."""
        if self.shape is None:
            return means[""]
        if self.by == "block" and not isinstance(self.shape, Opposed):
            return self.shape.of_blocks(means, step)
        return self.shape(means[""], step).sum()

    def at_end(self, means: "Means") -> float:
        """What the means of the term count for once weight and target no longer change."""
        step = 0 if self.shape is None else self.shape.ends()
        return self.weight(self.weight.ends()) * float(self.shaped_mean(means, step))

    def ends(self) -> int:
        """The step from which weight and target no longer change."""
        return max(self.weight.ends(), 0 if self.shape is None else self.shape.ends())

    def over(self, run: int) -> "Weighted":
        """The same over a run of so many steps, of which its schedules may be shares."""
        shape = None if self.shape is None else self.shape.over(run)
        return replace(self, weight=self.weight.over(run), shape=shape)

    def shaped(self, shape: Shape | None) -> "Weighted":
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
        means = tuple(draw.once(("mean", Itself(part.term)), partial(_mean, part.term, draw)) for part in self.parts)
        weights = tuple(part.weight(step) for part in self.parts)
        shaped = [_shaped(part, mean, draw, step) for part, mean in zip(self.parts, means, strict=True)]
        total = sum(
            (value if weight == 1 else weight * value for weight, value in zip(weights, shaped, strict=True) if weight),
            start=means[0].new_zeros(()),
        )
        return Breakdown(total, self.names, means, weights)


def _values(term: Term, draw: Draw) -> Tensor:
    return draw.once(("values", Itself(term)), partial(with_score, term, draw))


def _mean(term: Term, draw: Draw) -> Tensor:
    return by_example(_values(term, draw)).mean()


def _shaped(part: Weighted, mean: Tensor, draw: Draw, step: int) -> Tensor:
    """The batch mean of a part, shape (), shaped; or the sum of its means by dimension or block, each shaped."""
    return part.shaped_mean({"": mean} if part.by == "total" else part.means(_values(part.term, draw), draw), step)


def mean_by_dimension(term: Term, values: Tensor) -> Tensor:
    """The batch mean of a term's values by dimension, shape (D,); Refused where it has none."""
    if values.dim() != 2:
        raise Refused(
            f"{term.name} has no values by dimension here: both its laws must be products over dimensions, as the "
            "rate's are under a diagonal posterior and prior. Shape the total: by = 'total'."
        )
    return values.mean(0)


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
def link(left: str | Law, right: str | Law, estimator: Estimator, stop_gradient: End | None = None) -> Weighted:
    """A link between two stops of the walk, weighing 1.

    Args:
        left: The law nearer to the posterior, or its name.
        right: The law nearer to the prior, or its name.
        estimator: How the two are compared.
        stop_gradient: "from" or "to", the end whose law gets no gradient of the link.

    Example:
        >>> from termwise.terms import ClosedForm, Kernel
        >>> (10.0 * link("aggregate", "prior", Kernel("imq"))).term.name
        'marginal_mmd2'
        >>> balanced = 0.8 * link("posterior", "prior", ClosedForm(), stop_gradient="from")  # the prior's part
        >>> (balanced + 0.2 * link("posterior", "prior", ClosedForm(), stop_gradient="to")).names
        ('rate_posterior_still', 'rate_prior_still')
    """
    return Weighted(Link(left, right, estimator, stop_gradient))


@checked
def rate(estimator: Estimator) -> Weighted:
    """The rate KL(q(z|x) || p(z)), weighing 1.

    Example:
        >>> from termwise.objectives import gap
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
def side_information(estimator: Estimator) -> Weighted:
    """The mutual information of the code and what stands beside x, KL(q(z|s) || q(z)), weighing 1.

    Weighed up, it takes out of the code what it knows of s; with a `floor`, it keeps it there.

    Example:
        >>> from termwise.terms import Kernel, MonteCarlo
        >>> [side_information(how).term.name for how in (MonteCarlo(aggregate="bank"), Kernel("imq"))]
        ['side_information', 'side_information_mmd2']
    """
    return link("conditional", "aggregate", estimator)


@checked
def index_code_mi_given_side(estimator: Estimator) -> Weighted:
    """The mutual information of code and index given what stands beside x, KL(q(z|x) || q(z|s)), weighing 1.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> index_code_mi_given_side(MonteCarlo(aggregate="full")).term.label
        'Monte Carlo, full aggregate'
    """
    return link("posterior", "conditional", estimator)


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
def group_correlation(estimator: Estimator, groups: Grouping | None = None) -> Weighted:
    """The total correlation of groups of dimensions, KL(q(z) || prod_g q(z_g)), weighing 1.

    Args:
        estimator: How the two are compared.
        groups: As of `Groups`; the blocks, or of a flat code pairs, where left out.

    Example:
        >>> from termwise.terms import MonteCarlo
        >>> (4.0 * group_correlation(MonteCarlo(aggregate="bank"), groups=[[0, 1], [2, 3, 4]])).term.name
        'group_correlation'
    """
    return link("aggregate", Groups(groups), estimator)


@checked
def within_group_correlation(estimator: Estimator, groups: Grouping | None = None) -> Weighted:
    """The total correlation within groups of dimensions, sum_g KL(q(z_g) || prod_(j in g) q(z_j)), weighing 1.

    Args:
        estimator: How the two are compared.
        groups: As of `Groups`; the blocks, or of a flat code pairs, where left out.

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
