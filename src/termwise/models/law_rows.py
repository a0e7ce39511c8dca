"""Laws of some of a batch's examples, and of several batches together, however deep what they hold lies."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform

from termwise.models.block_law import Conditional
from termwise.models.distributions import copied


def rows(law: Distribution, part: slice | Tensor) -> Distribution:
    """The law of some of a batch's examples, which are the first dimension of every tensor that it holds.

    Example:
        >>> law = torch.distributions.Normal(torch.tensor([0.0, 1.0, 2.0]), 1.0)
        >>> rows(law, slice(1, 3)).mean
        tensor([1., 2.])
    """
    size = law.batch_shape[0]
    if isinstance(part, slice):
        count = len(range(size)[part])
    else:
        count = int(part.sum()) if part.dtype == torch.bool else len(part)
    chosen: Distribution = _combined([law], lambda tensors: tensors[0][part], [size], count)
    return chosen


def joined_laws(laws: Sequence[Distribution]) -> Distribution:
    """The law of all examples of several batches of one kind, in order.

    Example:
        >>> joined_laws([torch.distributions.Normal(torch.tensor([at]), 1.0) for at in (0.0, 1.0)]).mean
        tensor([0., 1.])
    """
    sizes = [law.batch_shape[0] for law in laws]
    whole: Distribution = _combined(laws, torch.cat, sizes, sum(sizes))
    return whole


UNBROADCAST = {
    "_unbroadcasted_scale_tril": 3, "_unbroadcasted_cov_factor": 3, "_unbroadcasted_cov_diag": 2, "_capacitance_tril": 3
}  # fmt: skip
"""What torch's laws hold as it was given, and how many dimensions it has where it is of each example."""


def least_dimensions(thing: object, name: str, event: int) -> int:
    """How many dimensions a tensor has at least, where it is of each example: fewer, and it is one for all.

    By its shape alone a covariance of D dimensions could not be told from D variances, one an example.

    Args:
        thing: The law or the transform that holds it.
        name: By which name.
        event: How many dimensions an event of the law has, about which a transform's numbers are spread from the right.

    Example:
        >>> shared = torch.distributions.AffineTransform(torch.zeros(3), torch.ones(3), event_dim=1)
        >>> least_dimensions(shared, "loc", event=1)
        2
    """
    if isinstance(thing, torch.distributions.AffineTransform | torch.distributions.PowerTransform):
        return 1 + event
    return UNBROADCAST.get(name, 1)


def _combined(
    several: Sequence[Any],
    combine: Callable[[list[Tensor]], Tensor],
    sizes: list[int],
    count: int,
    least: int = 1,
    event: int = 0,
) -> Any:
    """A copy of the first of several things of one kind, what each has for every example combined, however deep.

    Of `sizes` examples each, `count` in the end. A tensor of fewer than `least` dimensions is one for all; an event of
    the law that holds it has `event` dimensions.
    """
    first = several[0]
    if isinstance(first, Tensor):
        whole = all(one.shape[:1] == (size,) for one, size in zip(several, sizes, strict=True))
        return combine(list(several)) if whole and first.dim() >= least else first
    if isinstance(first, list | tuple) and not isinstance(first, torch.Size):
        return type(first)(_combined(of, combine, sizes, count, 1, event) for of in zip(*several, strict=True))
    if not isinstance(first, Distribution | Transform | Conditional):
        return first
    result: Any = copied(first)
    event = len(first.event_shape) if isinstance(first, Distribution) else event
    for name, value in vars(result).items():
        own = [value, *(vars(one).get(name) for one in several[1:])]
        setattr(result, name, _combined(own, combine, sizes, count, least_dimensions(first, name, event), event))
    if isinstance(first, Distribution):
        result._batch_shape = torch.Size([count, *first.batch_shape[1:]])
    return result
