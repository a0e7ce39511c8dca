"""The links of the rate as functions, in nats; each is the term of the same name that training minimises.

    rate = index_code_mi + marginal_kl,   marginal_kl = total_correlation + dimension_wise_kl

All but the rate are of q(z), the average posterior of a data set of `dataset_size` examples, and take `aggregate`: what
stands for it. "minibatch-stratified" and "minibatch-weighted" are of the batch alone (Chen et al., 2018, appendix C),
and biased: the second is no value, only a gradient. A `SteppedBank` remembers the posteriors of past batches, which is
nearly exact once it has seen all; step it before the terms are read, and give `index`, which examples these are.
"""

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused, in_short
from termwise.functional.given_draw import GivenDraw, Posterior, Reduction, reduced
from termwise.functional.stepped_bank import SteppedBank
from termwise.terms.aggregate.memory import Memory
from termwise.terms.aggregate.table import aggregate_from
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.groups import Grouping, Groups
from termwise.terms.laws import Law
from termwise.terms.link import Link
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.still import End

STRATIFIED = "minibatch-stratified"
"""What stands for q(z) where nothing is said."""


def rate(
    posterior: Posterior,
    z: Tensor | None = None,
    prior: Distribution | None = None,
    *,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The rate, KL(q(z|x) || p(z)), in nats, the batch's mean, 0 or more: to be made small.

    Exact where the pair has a closed form; else at the codes.

    Args:
        posterior: q(z|x) of the batch: a Distribution, or (mean, log variance).
        z: Codes drawn from it, shape (B, D), at which it is taken where there is no closed form.
        prior: p(z), or one of each example, batch shape (B,), such as p(z|s); N(0, I) where left out.
        reduction: "mean" or "sum", shape (); "none", (B,); "dimension", the means by dimension, (D,).
        stop_gradient: "from", where the posterior gets no gradient of it; "to", where the prior gets none.

    Example:
        >>> import torch
        >>> rate((torch.ones(8, 2), torch.zeros(8, 2)))  # 1/2 a dimension
        tensor(1.)
    """
    draw = GivenDraw(posterior, z, prior)
    return reduced(Link("posterior", "prior", ClosedOrSampled(), stop_gradient)(draw), reduction)


def index_code_mi(
    posterior: Posterior,
    z: Tensor,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The index-code mutual information, KL(q(z|x) || q(z)), in nats, the batch's mean: to be made small.

    What codes tell of the examples that they came from: log N at the most.

    Args:
        posterior: q(z|x) of the batch: a Distribution, or (mean, log variance).
        z: Codes drawn from it, shape (B, D), with their gradient.
        dataset_size: N, of how many examples q(z) is the average; a bank knows it.
        aggregate: What stands for q(z): "minibatch-stratified", "minibatch-weighted", or a bank.
        index: Which examples these are, shape (B,), where a bank is given.
        reduction: "mean" or "sum", shape (); "none", (B,).
        stop_gradient: "from" or "to", the one of the two laws that gets no gradient; the first is the codes' own.

    Example:
        >>> import torch
        >>> apart = torch.arange(4.0).unsqueeze(1) * 100
        >>> index_code_mi((apart, torch.zeros(4, 1)), apart, dataset_size=4)  # log 4: a code tells its example
        tensor(1.3863)
    """
    return _of_aggregate(
        "posterior", "aggregate", posterior, z, None, dataset_size, aggregate, index, reduction, stop_gradient
    )


def marginal_kl(
    posterior: Posterior,
    z: Tensor,
    prior: Distribution | None = None,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The marginal KL, KL(q(z) || p(z)), in nats, the batch's mean: to be made small.

    How far all codes together lie from the prior.

    Args:
        posterior, z, dataset_size, aggregate, index, reduction, stop_gradient: As of `index_code_mi`.
        prior: p(z); N(0, I) where left out.

    Example:
        >>> import torch
        >>> at = torch.zeros(4, 2)
        >>> marginal_kl((at, at), torch.ones(4, 2), dataset_size=4)  # every q(z|x) is the prior
        tensor(0.)
    """
    return _of_aggregate(
        "aggregate", "prior", posterior, z, prior, dataset_size, aggregate, index, reduction, stop_gradient
    )


def total_correlation(
    posterior: Posterior,
    z: Tensor,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The total correlation, KL(q(z) || prod_j q(z_j)), in nats, the batch's mean: to be made small.

    How much the dimensions depend on each other.

    Args:
        posterior, z, dataset_size, aggregate, index, reduction, stop_gradient: As of `index_code_mi`.

    Example:
        >>> import torch
        >>> mean = torch.tensor([[0.0, 0.0], [100.0, 100.0]])
        >>> total_correlation((mean, torch.zeros(2, 2)), mean, dataset_size=2)  # log 2: z_1 tells z_2
        tensor(0.6931)
    """
    return _of_aggregate(
        "aggregate", "marginals", posterior, z, None, dataset_size, aggregate, index, reduction, stop_gradient
    )


def dimension_wise_kl(
    posterior: Posterior,
    z: Tensor,
    prior: Distribution | None = None,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The dimension-wise KL, sum_j KL(q(z_j) || p(z_j)), in nats, the batch's mean: to be made small.

    Args:
        posterior, z, dataset_size, aggregate, index, stop_gradient: As of `index_code_mi`.
        reduction: Likewise; "dimension" gives the means by dimension, (D,), too.
        prior: p(z), a product over dimensions; N(0, I) where left out.

    Example:
        >>> import torch
        >>> at = torch.zeros(4, 2)
        >>> dimension_wise_kl((at, at), torch.ones(4, 2), dataset_size=4, reduction="dimension")
        tensor([0., 0.])
    """
    return _of_aggregate(
        "marginals", "prior", posterior, z, prior, dataset_size, aggregate, index, reduction, stop_gradient
    )


def group_correlation(
    posterior: Posterior,
    z: Tensor,
    groups: Grouping,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The correlation between groups, KL(q(z) || prod_g q(z_g)), in nats, the batch's mean: to be made small.

    Args:
        posterior, z, dataset_size, aggregate, index, reduction, stop_gradient: As of `index_code_mi`.
        groups: Lists of dimensions that go together, such as [[0, 1], [2]]; or how many of them do, in order.

    Example:
        >>> import torch
        >>> mean = torch.tensor([[0.0, 0.0, 0.0], [100.0, 100.0, 0.0]])
        >>> group_correlation((mean, torch.zeros(2, 3)), mean, [[0, 2], [1]], dataset_size=2)  # log 2: z_1 tells z_2
        tensor(0.6931)
    """
    return _of_aggregate(
        "aggregate", Groups(groups), posterior, z, None, dataset_size, aggregate, index, reduction, stop_gradient
    )


def within_group_correlation(
    posterior: Posterior,
    z: Tensor,
    groups: Grouping,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The correlation within groups, sum_g KL(q(z_g) || prod_j q(z_j)), in nats, the batch's mean: to be made small.

    With the `group_correlation` it is the total correlation.

    Args:
        posterior, z, groups, dataset_size, aggregate, index, reduction, stop_gradient: As of `group_correlation`.

    Example:
        >>> import torch
        >>> mean = torch.tensor([[0.0, 0.0, 0.0], [100.0, 100.0, 0.0]])
        >>> within_group_correlation((mean, torch.zeros(2, 3)), mean, [[0, 1], [2]], dataset_size=2)  # log 2
        tensor(0.6931)
    """
    return _of_aggregate(
        Groups(groups), "marginals", posterior, z, None, dataset_size, aggregate, index, reduction, stop_gradient
    )


def group_wise_kl(
    posterior: Posterior,
    z: Tensor,
    groups: Grouping,
    prior: Distribution | None = None,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The KL of groups from the prior, sum_g KL(q(z_g) || p(z_g)), in nats, the batch's mean: to be made small.

    Args:
        posterior, z, groups, dataset_size, aggregate, index, reduction, stop_gradient: As of `group_correlation`.
        prior: p(z), a product over dimensions; N(0, I) where left out.

    Example:
        >>> import torch
        >>> at = torch.zeros(4, 2)
        >>> group_wise_kl((at, at), torch.ones(4, 2), 1, dataset_size=4)
        tensor(0.)
    """
    return _of_aggregate(
        Groups(groups), "prior", posterior, z, prior, dataset_size, aggregate, index, reduction, stop_gradient
    )


def _of_aggregate(
    left: str | Law,
    right: str | Law,
    posterior: Posterior,
    z: Tensor,
    prior: Distribution | None,
    dataset_size: int | None,
    aggregate: str | Memory,
    index: Tensor | None,
    reduction: Reduction,
    stop_gradient: End | None,
) -> Tensor:
    memory = memory_from(aggregate)
    draw = GivenDraw(posterior, z, prior, index=index, dataset_size=size_of_data(memory, dataset_size))
    return reduced(Link(left, right, MonteCarlo(memory), stop_gradient)(draw), reduction)


def memory_from(aggregate: str | Memory) -> Memory:
    """What stands for q(z), by name, where a batch alone will do; or a memory, as it is.

    Raises:
        Refused: It outlives a batch, and nobody holds it.

    Example:
        >>> memory_from("bank")
        Traceback (most recent call last):
        termwise.errors.Refused: 'bank' outlives a batch, and a function remembers nothing: make ...
    """
    if aggregate in ("bank", "full"):
        raise Refused(
            f"{aggregate!r} outlives a batch, and a function remembers nothing: make bank = SteppedBank(dataset_size="
            "N), call bank.step(posterior, index) once a step, and give aggregate=bank."
        )
    return aggregate_from(aggregate)


def size_of_data(memory: Memory, dataset_size: int | None = None) -> int | None:
    """N, of how many examples q(z) is the average, as it was given or as a bank knows it.

    Raises:
        Refused: The two are not one.

    Example:
        >>> size_of_data(SteppedBank(dataset_size=60)), size_of_data(memory_from(STRATIFIED), 80)
        (60, 80)
    """
    if not isinstance(memory, SteppedBank):
        return dataset_size
    if dataset_size not in (None, memory.dataset_size):
        raise Refused(
            f"The bank is of a data set of {memory.dataset_size:,} examples, and dataset_size="
            f"{in_short(dataset_size)}. Leave dataset_size out: the bank knows it."
        )
    return memory.dataset_size
