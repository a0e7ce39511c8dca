"""A data set through a model: a batch as a draw, and one pass over every example, in evaluation mode.

The model is left as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch
from torch import Tensor, nn

from termwise.data.dataset import Batch, Dataset
from termwise.models.draw import Draw, Drawable, networks_of
from termwise.models.finite import broken_examples, joined_masks, not_finite

Progress = Callable[[str, float], None]
"""What is told how far a measurement has come: the name of what is being done, and how much of it is, 0 to 1."""


@contextmanager
def evaluating(model: Drawable | nn.Module) -> Iterator[None]:
    """The model in evaluation mode and without gradients, and afterwards every part of it as it was.

    Example:
        >>> model = nn.Dropout()
        >>> with evaluating(model):
        ...     model.training
        False
        >>> model.training
        True
    """
    networks = networks_of(model)
    modes = {part: part.training for network in networks for part in network.modules()}
    for network in networks:
        network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training


class DataPass:
    """A data set through a model, in evaluation mode, as often as it is called.

    Args:
        model: What draws.
        data: The examples.
        batch_size: How many at a time.
        device: Where the model is.
        dtype: The type of its numbers.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> draws = DataPass(world, tw.load_data(world.data(25), test=0.0), batch_size=10)
        >>> [len(draw) for draw in draws()]
        [10, 10, 5]
    """

    def __init__(
        self,
        model: Drawable,
        data: Dataset,
        batch_size: int = 1024,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model, self.data, self.batch_size, self.device, self.dtype = model, data, batch_size, device, dtype

    def __len__(self) -> int:
        return len(self.data)

    def __call__(self) -> Iterator[Draw]:
        """The draws, in order of their index, each with its posterior; the rest is drawn as its user's mode has it.

        Raises:
            NotFinite: The posterior of some example is no law, for its means, say, are not finite.
        """
        for batch in self.data.batches(self.batch_size):
            yield self._inferred(batch)

    def at(self, index: Tensor) -> Draw:
        """The draw of the examples at these positions, with its posterior; raises as a call does."""
        return self._inferred(next(iter(self.data.batches(len(index), order=index.cpu()))))

    def draw(self, batch: Batch, together: bool = False) -> Draw:
        """The draw of one batch; the batch independent of it is chosen at random, if anyone asks.

        Args:
            batch: The examples, with their positions.
            together: Whether codes of posterior and prior are decoded in one pass (`Draw`).
        """
        x, index = batch.x.to(self.device, self.dtype, non_blocking=True), batch.index.to(self.device)
        return Draw(self.model, x, index, len(self), lambda: self._another(len(x)), together)

    def _inferred(self, batch: Batch) -> Draw:
        draw = self.draw(batch)
        with evaluating(self.model):
            if broken_examples(draw.posterior):
                self._refuse()
        return draw

    def _refuse(self) -> NoReturn:
        """Raise NotFinite, once it is known how many of all examples have a posterior that is none."""
        batches = (
            (broken_examples(draw.posterior), len(draw)) for draw in map(self.draw, self.data.batches(self.batch_size))
        )
        broken = joined_masks(batches)
        raise not_finite(f"The encoder gives {' and '.join(broken)}", torch.stack(list(broken.values())).any(0))

    def _another(self, count: int) -> Draw:
        order = torch.randint(len(self), (count,))
        return self.draw(next(iter(self.data.batches(count, order=order))))
