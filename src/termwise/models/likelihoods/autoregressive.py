"""The autoregressive likelihood: p(x|z) = prod_i p(x_i | x_<i, z), pixel after pixel (Gulrajani et al., 2017).

The decoder gives features of each pixel, and a network makes the law of pixel i of them and of the pixels before it.
All densities are had in one pass, since x is known; an example is made in as many as it has pixels. A decoder that sees
x may do without the code: whether it does is what the rate says.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.types import _size

from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models.likelihoods.discretized_logistic import LevelsOfPixels, levels_of
from termwise.models.likelihoods.likelihood import Likelihood
from termwise.models.likelihoods.pixel_cnn import PixelCNN
from termwise.values import Count

FEATURES = 4
"""How many numbers of each pixel the decoder gives."""


class PixelByPixel(Distribution):
    """The law of examples whose pixels follow each other, batch shape (B,), event shape (C, H, W).

    Args:
        network: Of x and features, logits of each pixel's levels, (B, levels, C, H, W), from the pixels before it.
        features: Of the codes, shape (B, F, H, W).
        channels: C.
        levels: How many levels a pixel has, from 0 to 1.
        looks: Whether `log_prob` looks at whether it is asked of levels.
    """

    arg_constraints = {"features": constraints.real}  # noqa: RUF012

    def __init__(self, network: nn.Module, features: Tensor, channels: int, levels: int, looks: bool) -> None:
        self.network, self.features, self.levels, self.looks = network, features, levels, looks
        event = torch.Size([channels, *features.shape[2:]])
        super().__init__(features.shape[:1], event, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Levels from 0 to 1."""
        return LevelsOfPixels(self.levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p(x|z), shape (..., B), nats."""
        batch = torch.broadcast_shapes(value.shape[:-3], self.batch_shape)
        x = value.expand(*batch, *self.event_shape).reshape(-1, *self.event_shape)
        features = self.features.expand(*batch, *self.features.shape[1:]).reshape(-1, *self.features.shape[1:])
        level = levels_of(x, self.levels, "autoregressive", self.looks).long()
        logits = self.network(x.to(features.dtype), features).log_softmax(1)
        return logits.gather(1, level.unsqueeze(1)).flatten(1).sum(1).view(batch)

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Examples, shape (*sample_shape, B, C, H, W), made pixel by pixel."""
        with torch.no_grad():
            batch = torch.Size([*sample_shape, *self.batch_shape])
            features = self.features.expand(*batch, *self.features.shape[1:]).reshape(-1, *self.features.shape[1:])
            x = features.new_zeros(len(features), *self.event_shape)
            rows, columns = self.event_shape[1:]
            reach = self.network.reach if isinstance(self.network, PixelCNN) else max(rows, columns)
            for row, column in itertools.product(range(rows), range(columns)):
                left = max(0, column - reach)
                near = (..., slice(max(0, row - reach), row + 1), slice(left, column + reach + 1))  # what a pixel sees
                logits = self.network(x[near], features[near])[..., -1, column - left]  # (B, levels, C)
                level = torch.distributions.Categorical(logits=logits.movedim(1, -1), validate_args=False).sample()
                x[:, :, row, column] = level.to(x.dtype) / (self.levels - 1)
            return x.view(*batch, *self.event_shape)

    def example(self) -> Tensor:
        """One example of each code, shape (B, C, H, W): there is no mean but that of many."""
        return self.sample()


class AutoregressiveLikelihood(Likelihood):
    """Pixels of so many levels, from 0 to 1, each given those before it and the code.

    Args:
        levels: 2 for zeros and ones, 256 for pixels that were bytes, divided by 255.
        network: A module of your own in place of `PixelCNN`: of x, shape (B, C, H, W), and features, (B, 4, H, W), the
            logits of every pixel's levels, (B, levels, C, H, W); it is refused where they look at what comes after.

    Example:
        >>> likelihood = AutoregressiveLikelihood()
        >>> likelihood.for_examples((1, 8, 8))
        >>> likelihood(torch.zeros(3, 4, 8, 8)).log_prob(torch.ones(3, 1, 8, 8)).shape
        torch.Size([3])
    """

    def __init__(self, levels: Count = 2, network: nn.Module | None = None) -> None:
        super().__init__()
        if levels < 2:
            raise Refused(f"An autoregressive likelihood needs two levels or more; got {levels}.")
        self.levels, self.network, self.channels = levels, network, 0
        self.spec = f"autoregressive:{levels}" if network is None else ""

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Features of each pixel: (F, H, W)."""
        return (FEATURES, *shape[1:])

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """Make the network for images of `shape`, (C, H, W), or look at whether one's own sees no pixel too early."""
        if len(shape) != 3:
            raise Refused(f"An autoregressive likelihood is of images (C, H, W); the model's examples are {shape}.")
        if self.network is None:
            self.network = PixelCNN(shape[0], self.levels, FEATURES)
        elif not isinstance(self.network, PixelCNN):
            _check_order(self.network, shape, self.levels)
        self.channels = shape[0]

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) of features, shape (B, F, H, W)."""
        if self.network is None:
            raise Refused("The network of this likelihood is made with a model: VAE.build(...), train(...).")
        return PixelByPixel(self.network, decoded, self.channels, self.levels, looks=not self.training)

    def check(self, values: ValueRange) -> None:
        """Refuse what is not from 0 to 1, or between zero and one where there are no other levels."""
        if values.minimum < 0 or values.maximum > 1 or (self.levels == 2 and not values.integer):
            remedy = 'Binarise them (binarize="fixed"), or say' if self.levels == 2 else "Divide pixels by 255, and say"
            raise BadData(
                f"An autoregressive likelihood of {self.levels} levels needs multiples of 1/{self.levels - 1} from 0 "
                f"to 1; the data has {'whole numbers' if values.integer else 'fractions'} in [{values.minimum:g}, "
                f"{values.maximum:g}]. {remedy} how many levels there are, as in 'autoregressive:256'."
            )


def _check_order(network: nn.Module, shape: tuple[int, ...], levels: int) -> None:
    """Raise Refused unless a network's logits are of the right shape, and no pixel's depend on it or on later ones."""
    channels, rows, columns = shape
    place = next(network.parameters(), torch.zeros(()))
    x, features = torch.rand(1, *shape).to(place), torch.randn(1, FEATURES, rows, columns).to(place)
    training = network.training
    with torch.no_grad():
        before = network.eval()(x, features)
        if before.shape != (1, levels, *shape):
            raise Refused(
                f"The network of an autoregressive likelihood must give logits of shape (B, {levels}, {channels}, "
                f"{rows}, {columns}); got {tuple(before.shape)}."
            )
        for first in (0, rows * columns // 2, rows * columns - 1):
            changed = x.clone()
            changed.view(1, channels, -1)[:, :, first:] = torch.rand_like(changed.view(1, channels, -1)[:, :, first:])
            after = network(changed, features)
            until = (slice(None), slice(None), slice(None), slice(first + 1))
            if not torch.allclose(before.flatten(3)[until], after.flatten(3)[until], atol=1e-5):
                raise Refused(
                    f"This network's logits of pixel {first} change with that pixel or with later ones, so that they "
                    "are no law of it given those before. Mask its convolutions."
                )
    network.train(training)
