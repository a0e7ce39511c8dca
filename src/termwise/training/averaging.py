"""An exponential average of the weights, which is what is evaluated and saved where it is kept."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from termwise.training.config import AverageSection


def averaged(model: nn.Module, settings: AverageSection | None) -> AveragedModel | None:
    """A model whose weights are to be the average of this one's over the steps; None where none is asked for."""
    return None if settings is None else AveragedModel(model, multi_avg_fn=warmed_up(settings.decay))


def warmed_up(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """An exponential average that forgets where it began: after n steps its decay is min(decay, (1 + n) / (10 + n))."""

    @torch.no_grad()
    def average(means: Sequence[Tensor], weights: Sequence[Tensor], steps: Tensor | int) -> None:
        new: Tensor | float
        if isinstance(steps, Tensor) and steps.device.type != "cpu":  # to read it would be to wait for the device
            new = 1 - ((1 + steps) / (10 + steps)).clamp(max=decay)
        else:
            new = 1 - min(decay, (1 + int(steps)) / (10 + int(steps)))
        for mean, weight in zip(means, weights, strict=True):
            mean.lerp_(weight, new.to(mean.dtype) if isinstance(new, Tensor) else new)

    return average
