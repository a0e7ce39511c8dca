"""Shapes of a term's batch mean as functions: towards a target, over it, or free below it."""

from torch import Tensor

from termwise.errors import Refused
from termwise.functional.given_draw import seen
from termwise.objectives.shapes import floor as floor_shape, free_bits as free_bits_shape, gap as gap_shape
from termwise.schedules import Linear, Weight


def gap(value: Tensor, target: Weight, step: int = 0) -> Tensor:
    """The gap |value - target|, in the value's unit, shape (), 0 or more: to be made small.

    Burgess et al. (2018, eq. 8).

    Args:
        value: A batch mean, shape ().
        target: A number, or a schedule, such as {"schedule": "linear", "end": 25.0, "steps": 100_000}.
        step: The training step, for a schedule.

    Example:
        >>> import torch
        >>> gap(torch.tensor(22.0), 25.0)
        tensor(3.)
    """
    return gap_shape(target)(_one(value), step)


def capacity(value: Tensor, step: int, *, end: float, steps: int) -> Tensor:
    """The gap to a capacity that rises from 0 to `end`, in the value's unit, shape (), 0 or more: to be made small.

    Weighted by a thousand or so it makes a rate follow the capacity (Burgess et al., 2018, eq. 8).

    Args:
        value: The rate's batch mean, shape ().
        step: The training step.
        end: The capacity at last, nats.
        steps: By when.

    Example:
        >>> import torch
        >>> capacity(torch.tensor(5.0), step=500, end=20.0, steps=1000)
        tensor(5.)
    """
    return gap_shape(Linear(start=0.0, end=end, steps=steps))(_one(value), step)


def floor(value: Tensor, target: Weight, step: int = 0) -> Tensor:
    """The lack max(0, target - value), in the value's unit, shape (), 0 or more: to be made small.

    It pushes a batch mean up to a target, and leaves it be above.

    Args:
        value, target, step: As of `gap`.

    Example:
        >>> import torch
        >>> floor(torch.tensor(1.0), 3.0), floor(torch.tensor(4.0), 3.0)
        (tensor(2.), tensor(0.))
    """
    return floor_shape(target)(_one(value), step)


def free_bits(value: Tensor, target: Weight, step: int = 0) -> Tensor:
    """The sum of max(target, value), in nats, shape (), 0 or more: to be made small.

    What is below the target costs no more than it: of each dimension's batch mean, so that none need collapse (Kingma
    et al., 2016, eq. 15).

    Args:
        value: Batch means by dimension, shape (D,), as `rate(..., reduction="dimension")` gives.
        target: What each may cost for nothing, nats: a number or a schedule.
        step: The training step, for a schedule.

    Example:
        >>> import torch
        >>> free_bits(torch.tensor([0.1, 2.0]), 0.25)
        tensor(2.2500)
    """
    if not isinstance(value, Tensor) or value.dim() != 1:
        raise Refused(
            f"Expected batch means by dimension, shape (D,); got {seen(value)}. A link gives them with "
            'reduction="dimension".'
        )
    return free_bits_shape(target)(value, step).sum()


def _one(value: Tensor) -> Tensor:
    if not isinstance(value, Tensor) or value.dim():
        raise Refused(f'Expected a batch mean of shape (); got {seen(value)}. A link gives it with reduction="mean".')
    return value
