"""An exponential average of the weights, which is what is evaluated and saved where it is kept."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from termwise.training.config import AverageSection


def averaged(model: nn.Module, settings: AverageSection | None) -> AveragedModel | None:
    """A model whose weights are to be the average of this one's over the steps; None where none is asked for."""
    return None if settings is None else AveragedModel(model, avg_fn=warmed_up(settings.decay))


def warmed_up(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential average that forgets where it began: after n steps its decay is min(decay, (1 + n) / (10 + n))."""

    def average(mean: Tensor, new: Tensor, steps: Tensor | int) -> Tensor:
        return mean.lerp(new, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))

    return average
