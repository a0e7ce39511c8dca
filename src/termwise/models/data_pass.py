"""A data set through a model: a batch as a draw, and one pass over every example, in evaluation mode.

The model is left as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import NoReturn, Protocol

import torch
from torch import Tensor, nn

from termwise.data.batch import Batch
from termwise.data.dataset import Dataset
from termwise.data.side import SIDE_BINS, Side
from termwise.errors import Refused, UnknownName
from termwise.float64 import widest_on
from termwise.models.draw import Draw, ObservedPart
from termwise.models.drawable import Drawable, networks_of, observed_variables, side_variables, target_of
from termwise.models.finite import broken_examples, is_whole, joined_masks, not_finite

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


def with_side_of(model: object, data: Dataset) -> Dataset:
    """The same data, and beside x what a model takes, as it knows it: by name, categories in its own order.

    Variables that it does not take stand after those that it does. What is not beside x yet is looked for by name in
    all that is known of the examples.

    Raises:
        Refused: A variable is lacking.
        BadData: It is a category where the model knows a number, or one that was not there in training.

    Example:
        >>> import termwise as tw
        >>> digits = tw.load_data("digits")
        >>> model = tw.VAE.build((1, 8, 8), latent=2, side=digits.with_side("labels").side)
        >>> with_side_of(model, digits).side.names
        ('labels',)
    """
    taken = side_variables(model)
    side = data.side
    if not taken or (side is not None and side.variables[: len(taken)] == taken):
        return data
    try:
        found = data.with_known_side(taken)
        _check_known(found.side)
        return found
    except UnknownName:
        names = [variable.name for variable in taken]
        lacking = [name for name in names if side is None or name not in side.names]
        raise Refused(
            f"The model takes {', '.join(names)} beside x, and nothing of {data.name} is called "
            f"{' or '.join(lacking)}. Read the data with it, load_data(..., side={names}); or give values by name, "
            f"data.with_side({{{lacking[0]!r}: [...]}})."
        ) from None


def _check_known(side: Side | None) -> None:
    """Raise Refused where a variable that networks take is known of some examples alone."""
    assert side is not None
    whole = [variable.name for variable in side.variables if not variable.partly]
    if told := side.chosen(whole).unknown() if whole else "":
        raise Refused(f"The model takes what stands beside x of every example. {told}")


def values_beside(model: object, data: Dataset) -> Tensor | None:
    """What stands beside every example, shape (N, V), for a model that takes it; None for one that does not.

    Raises:
        Refused, BadData: As `with_side_of`.
    """
    side = with_side_of(model, data).side
    return side.values if side is not None and side_variables(model) else None


class Pass(Protocol):
    """Examples as a model sees them, as often as asked: a data set's (`DataPass`), or those that were handed in.

    Attributes:
        model: What draws.
    """

    @property
    def model(self) -> Drawable: ...  # noqa: D102

    def __len__(self) -> int:
        """N, how many there are."""
        ...

    def __call__(self) -> Iterator[Draw]:
        """The draws of all, in order of their index, each with its posterior."""
        ...

    def at(self, index: Tensor) -> Draw:
        """The draw of the examples at these positions."""
        ...

    def first(self, count: int) -> "Pass":
        """The first of them alone."""
        ...


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
        self.model, self.data = model, with_side_of(model, data)
        self.batch_size, self.device, self.dtype = batch_size, device, dtype
        self._unread: list[Tensor] | None = None

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

    def first(self, count: int) -> "DataPass":
        """The first of the examples alone, as many as there are up to `count`."""
        some = self.data.subset(torch.arange(min(count, len(self))))
        return DataPass(self.model, some, self.batch_size, self.device, self.dtype)

    def draw(self, batch: Batch, together: bool = False) -> Draw:
        """The draw of one batch; the batch independent of it is chosen at random, if anyone asks.

        Args:
            batch: The examples, with their positions.
            together: Whether codes of posterior and prior are decoded in one pass (`Draw`).
        """
        groups = None if self.data.side is None else lambda: self._groups
        x, index = (
            batch.x.to(self.device, self.dtype, non_blocking=True),
            batch.index.to(self.device, non_blocking=True),
        )
        side, another = self._beside(batch), lambda: self._another(len(x))
        observed = self._observed_part(len(x))
        return Draw(self.model, x, index, len(self), another, together, side, groups, self.data.side, observed)

    @contextmanager
    def unread(self) -> Iterator[list[Tensor]]:
        """A context in which a device is not waited for: whether each posterior is a law is left in the list, shape ().

        On the CPU, which need not wait, the list stays empty, and a posterior that is none raises as ever. Who finds
        one in the list calls `refuse`.
        """
        self._unread = []
        try:
            yield self._unread
        finally:
            self._unread = None

    @cached_property
    def _observed(self) -> tuple[str, Tensor] | None:
        """The variable that a block of the code observes, and the positions of the examples of which it is known."""
        observed = observed_variables(self.model)
        if not observed or self.data.side is None:
            return None
        name = observed[0].name
        values = self.data.side.values[:, self.data.side.names.index(name)]
        return name, (~values.isnan()).nonzero().squeeze(1)

    def _observed_part(self, count: int) -> ObservedPart | None:
        """The examples of which it is known what a block observes, batches of which have `count` at most."""
        if self._observed is None:
            return None
        name, known = self._observed

        def another() -> Draw:
            order = known[torch.randperm(len(known))[:count]]
            return self.draw(next(iter(self.data.batches(len(order), order=order))))

        return ObservedPart(name, len(known) / len(self), another)

    @cached_property
    def _groups(self) -> Tensor:
        """The group of every example, of those beside which the same stands but for a target, shape (N,)."""
        assert self.data.side is not None
        side = self.data.side.without(target_of(self.model)) or self.data.side
        return side.binned(SIDE_BINS).groups()[0].to(self.device)

    def _beside(self, batch: Batch) -> Tensor | None:
        """What stands beside x of a batch; in float64, wherever that can be."""
        if batch.side is None:
            return None
        return batch.side.to(self.device, widest_on(self.device), non_blocking=True)

    def _inferred(self, batch: Batch) -> Draw:
        draw = self.draw(batch)
        with evaluating(self.model):
            whole = is_whole(draw.posterior)
            if self._unread is not None and whole.device.type != "cpu":
                self._unread.append(whole)
            elif not whole:
                self.refuse()
        return draw

    def refuse(self) -> NoReturn:
        """Raise NotFinite, once it is known how many of all examples have a posterior that is none."""
        draws = map(self.draw, self.data.batches(self.batch_size))
        with evaluating(self.model):
            broken = joined_masks((broken_examples(draw.posterior), len(draw)) for draw in draws)
        raise not_finite(f"The encoder gives {' and '.join(broken)}", torch.stack(list(broken.values())).any(0))

    def _another(self, count: int) -> Draw:
        order = torch.randint(len(self), (count,))
        return self.draw(next(iter(self.data.batches(count, order=order))))
