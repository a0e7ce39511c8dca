"""The links through q(z|s), the codes of those that have the same beside them, as functions, in nats.

    index_code_mi = index_code_mi_given_side + side_information
    rate = index_code_mi_given_side + marginal_kl_given_side

`links.py` has those that know nothing beside x, and says what stands for q(z).
"""

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.functional.given_draw import GivenDraw, Posterior, Reduction, reduced, seen
from termwise.functional.links import STRATIFIED, memory_from, size_of_data
from termwise.terms.aggregate.memory import Memory
from termwise.terms.groups import Grouping, Groups
from termwise.terms.laws import Law
from termwise.terms.link import Link
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.still import End


def index_code_mi_given_side(
    posterior: Posterior,
    z: Tensor,
    side: Tensor,
    index: Tensor,
    *,
    aggregate: str | Memory = STRATIFIED,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The mutual information given side, KL(q(z|x) || q(z|s)), in nats, the batch's mean: to be made small.

    What codes tell of examples beyond what stands beside them.

    Args:
        posterior, z, aggregate, reduction, stop_gradient: As of `index_code_mi`.
        side: What stands beside every example of the data set, as the number of its group, shape (N,), int64.
        index: Which examples these are, shape (B,).

    Example:
        >>> import torch
        >>> apart, side = torch.arange(4.0).unsqueeze(1) * 100, torch.tensor([0, 0, 1, 1])
        >>> index_code_mi_given_side((apart, torch.zeros(4, 1)), apart, side, torch.arange(4))  # log 2 of log 4
        tensor(0.6931)
    """
    return _of_side("posterior", "conditional", posterior, z, None, side, index, aggregate, reduction, stop_gradient)


def side_information(
    posterior: Posterior,
    z: Tensor,
    side: Tensor,
    index: Tensor,
    *,
    aggregate: str | Memory = STRATIFIED,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The side information, KL(q(z|s) || q(z)), in nats, the batch's mean: to be made small.

    What codes tell of what stands beside x: at most H(s). With the `index_code_mi_given_side` it is the index-code MI.

    Args:
        posterior, z, side, index, aggregate, reduction, stop_gradient: As of `index_code_mi_given_side`.

    Example:
        >>> import torch
        >>> apart, side = torch.arange(4.0).unsqueeze(1) * 100, torch.tensor([0, 0, 1, 1])
        >>> side_information((apart, torch.zeros(4, 1)), apart, side, torch.arange(4))  # log 2
        tensor(0.6931)
    """
    return _of_side("conditional", "aggregate", posterior, z, None, side, index, aggregate, reduction, stop_gradient)


def marginal_kl_given_side(
    posterior: Posterior,
    z: Tensor,
    side: Tensor,
    index: Tensor,
    prior: Distribution | None = None,
    *,
    aggregate: str | Memory = STRATIFIED,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """The marginal KL given side, KL(q(z|s) || p(z|s)), in nats, the batch's mean: to be made small.

    With the `index_code_mi_given_side` it is the rate, of a prior that is given s, or is not.

    Args:
        posterior, z, side, index, aggregate, reduction, stop_gradient: As of `index_code_mi_given_side`.
        prior: p(z), or p(z|s) of each example, batch shape (B,); N(0, I) where left out.

    Example:
        >>> import torch
        >>> mean, side = torch.tensor([[0.0], [0.0], [3.0], [3.0]]), torch.tensor([0, 0, 1, 1])
        >>> prior = torch.distributions.Normal(mean, 1.0)  # every q(z|x) is the p(z|s) of its s
        >>> marginal_kl_given_side((mean, torch.zeros(4, 1)), mean, side, torch.arange(4), prior)
        tensor(0.)
    """
    return _of_side("conditional", "prior", posterior, z, prior, side, index, aggregate, reduction, stop_gradient)


def side_and_total_correlation(
    posterior: Posterior,
    z: Tensor,
    side: Tensor,
    index: Tensor,
    *,
    aggregate: str | Memory = STRATIFIED,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """Side information and total correlation, KL(q(z|s) || prod_j q(z_j)), in nats, the batch's mean: to be made small.

    Args:
        posterior, z, side, index, aggregate, reduction, stop_gradient: As of `index_code_mi_given_side`.

    Example:
        >>> import torch
        >>> apart, side = torch.arange(4.0).unsqueeze(1) * 100, torch.tensor([0, 0, 1, 1])
        >>> side_and_total_correlation((apart, torch.zeros(4, 1)), apart, side, torch.arange(4))  # of one dimension
        tensor(0.6931)
    """
    return _of_side("conditional", "marginals", posterior, z, None, side, index, aggregate, reduction, stop_gradient)


def side_and_group_correlation(
    posterior: Posterior,
    z: Tensor,
    side: Tensor,
    index: Tensor,
    groups: Grouping,
    *,
    aggregate: str | Memory = STRATIFIED,
    reduction: Reduction = "mean",
    stop_gradient: End | None = None,
) -> Tensor:
    """Side information and groups' correlation, KL(q(z|s) || prod_g q(z_g)), in nats, the mean: to be made small.

    Args:
        posterior, z, side, index, aggregate, reduction, stop_gradient: As of `index_code_mi_given_side`.
        groups: Lists of dimensions that go together, such as [[0, 1], [2]]; or how many of them do, in order.

    Example:
        >>> import torch
        >>> apart, side = torch.arange(4.0).unsqueeze(1) * 100, torch.tensor([0, 0, 1, 1])
        >>> side_and_group_correlation((apart, torch.zeros(4, 1)), apart, side, torch.arange(4), 1)
        tensor(0.6931)
    """
    groups_law = Groups(groups)
    return _of_side("conditional", groups_law, posterior, z, None, side, index, aggregate, reduction, stop_gradient)


def _of_side(
    left: str,
    right: str | Law,
    posterior: Posterior,
    z: Tensor,
    prior: Distribution | None,
    side: Tensor,
    index: Tensor,
    aggregate: str | Memory,
    reduction: Reduction,
    stop_gradient: End | None,
) -> Tensor:
    if not isinstance(index, Tensor):
        raise Refused(f"Expected index as a Tensor of shape (B,), the places of examples; got {seen(index)}.")
    whole = isinstance(side, Tensor) and side.dim() == 1 and not side.is_floating_point()
    if not len(index):
        raise Refused("Expected index of shape (B,), the places of a batch's examples; got none.")
    if not whole or not 0 <= int(index.min()) <= int(index.max()) < len(side):
        kind = f", {side.dtype}," if isinstance(side, Tensor) else ""
        raise Refused(
            f"Expected side of shape (N,), whole numbers, one for every example of the data set, and index below N; "
            f"got {seen(side)}{kind} and index from {int(index.min())} to {int(index.max())}."
        )
    groups = side.unique(return_inverse=True)[1]
    memory = memory_from(aggregate)
    draw = GivenDraw(posterior, z, prior, index=index, dataset_size=size_of_data(memory, len(side)), groups=groups)
    return reduced(Link(left, right, MonteCarlo(memory), stop_gradient)(draw), reduction)
