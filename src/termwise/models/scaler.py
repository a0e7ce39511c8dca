"""What brings x to one scale within a model, and back: u = (x - m) / s, by entry or by channel, of the training part.

Networks and the likelihood see u (one over categories, say, sees x); whoever asks the model has x, in its own units.
The density is x's own, too:

    log p(x|z) = log p(u|z) - sum_i log s_i

so that it can be compared with that of a model without a scaler, or with another one's.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.types import _size

from termwise.data.dataset import Dataset
from termwise.data.scales import scaled_entries, scales_of


class Scaler(nn.Module):
    """u = (x - mean) / scale, and back; mean and scale are saved with the model, and learn nothing.

    Args:
        mean: m, of a shape that broadcasts to that of an example.
        scale: s > 0, likewise.
        shape: The shape of an example.

    Example:
        >>> scaler = Scaler(torch.tensor([5.0, 0.0]), torch.tensor([100.0, 1.0]), (2,))
        >>> scaler(torch.tensor([[105.0, 3.0]]))
        tensor([[1., 3.]])
        >>> scaler.back(torch.tensor([[1.0, 3.0]]))
        tensor([[105.,   3.]])
        >>> round(scaler.log_volume.item(), 4)  # log 100 + log 1
        4.6052
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    @classmethod
    def of(cls, data: Dataset) -> "Scaler":
        """The scaler of a data set's training part: of every column; of anything but vectors, of every channel.

        Columns of zeros and ones, and those of which all examples have one value, keep their scale.
        """
        scales = scales_of(data.train)
        scaled = scaled_entries(data.train, scales)
        mean, scale = scales.mean.where(scaled, 0.0).float(), scales.stddev.where(scaled, 1.0).float()
        size = _statistics_shape(data.shape)
        return cls(mean.view(size), scale.view(size), data.shape)

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> "Scaler":
        """One that leaves x as it is, to be given another's numbers."""
        size = _statistics_shape(shape)
        return cls(torch.zeros(size), torch.ones(size), shape)

    @property
    def log_volume(self) -> Tensor:
        """sum_i log s_i over the entries of an example: what log p(u|z) is above log p(x|z), nats, shape ()."""
        return self.scale.log().sum() * (math.prod(self.shape) / self.scale.numel())

    def log_volumes(self, x: Tensor) -> Tensor:
        """The same of the entries that each x has, shape (B,): what is missing is in no density."""
        return self.scale.log().expand_as(x).where(~x.isnan(), torch.zeros_like(x)).flatten(1).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        """u of examples x, shape (..., *shape)."""
        return (x - self.mean) / self.scale

    def back(self, u: Tensor) -> Tensor:
        """x of standardised examples u, shape (..., *shape)."""
        return u * self.scale + self.mean


class ScaledLaw(Distribution):
    """The law of x, in its own units, whose u = (x - m) / s has another law.

    Args:
        base: The law of u: batch shape (B,), the event an example.
        scaler: What makes u of x.
        gaps: Whether entries of x may be missing, nan, which `base` leaves out.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> scaler = Scaler(torch.tensor([5.0, 0.0]), torch.tensor([100.0, 1.0]), (2,))
        >>> law = ScaledLaw(Independent(Normal(torch.zeros(1, 2), 1.0), 1), scaler)
        >>> own = Independent(Normal(torch.tensor([[5.0, 0.0]]), torch.tensor([100.0, 1.0])), 1)
        >>> x = torch.tensor([[205.0, 1.0]])
        >>> law.mean, torch.allclose(law.log_prob(x), own.log_prob(x))
        (tensor([[5., 0.]]), True)
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, base: Distribution, scaler: Scaler, gaps: bool = False) -> None:
        self.base, self.scaler, self.gaps = base, scaler, gaps
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples have a pathwise gradient, as those of u have."""
        return self.base.has_rsample

    @property
    def support(self) -> constraints.Constraint | None:
        """Where u lives, which is all real numbers, or it would have no scaler."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """The mean, in x's units."""
        return self.scaler.back(self.base.mean)

    @property
    def variance(self) -> Tensor:
        """The variance, in x's units squared."""
        return self.base.variance * self.scaler.scale.square()

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Examples, shape (*sample_shape, B, *shape)."""
        return self.scaler.back(self.base.sample(sample_shape))

    def rsample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """The same, with their pathwise gradient."""
        return self.scaler.back(self.base.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(u) - sum_i log s_i, shape (B,), nats: a density of x."""
        volume = self.scaler.log_volumes(value) if self.gaps else self.scaler.log_volume
        return self.base.log_prob(self.scaler(value)) - volume


def sum_log_scale(model: object) -> dict[str, float | None]:
    """What an account says of a model's scaler: how many nats log p(u|z) is above log p(x|z); nothing without one.

    Where entries may be missing it is None: it is another number for every example.

    Example:
        >>> import termwise as tw
        >>> scaler = Scaler(torch.tensor([5.0, 0.0]), torch.tensor([100.0, 1.0]), (2,))
        >>> sum_log_scale(tw.VAE.build((2,), latent=1, likelihood="normal", scaler=scaler))
        {'sum_log_scale': 4.605170249938965}
    """
    scaler = getattr(model, "scaler", None) if getattr(model, "is_of_standardised", False) else None
    if not isinstance(scaler, Scaler):
        return {}
    return {"sum_log_scale": None if getattr(model, "filler", None) is not None else float(scaler.log_volume)}


def _statistics_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """That of mean and scale: (D,) for vectors, (C, 1, ...) for what has channels."""
    return shape[:1] + (1,) * (len(shape) - 1)
