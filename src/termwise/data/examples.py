"""Where the x of a data set live: in memory, in a stream, or nowhere until they are asked for.

Pixels stay uint8 as long as they can: a batch is `kept / divisor` in float32. uint8 arrays of three or four
dimensions are images: (N, H, W), channel-last (N, H, W, 1 or 3) and channel-first (N, 1 or 3, H, W) all become
channel-first, and are divided by 255, or by 1 where none reaches 32: those are no grey values, but zeros and ones, or
classes. So do channel-last images of other numbers, which are taken as they are; and so is every other array.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from termwise.errors import BadData

Channels = Literal["first", "last"]
"""Where the colours of images lie: (N, C, H, W) or (N, H, W, C)."""

MissingEntries = Literal["refuse", "mean", "mask"]
"""What becomes of entries of an array that have no value: those that are masked, or nan."""

LARGEST_SIDE = 4096
"""The pixels to which a side of pictures may be scaled, padded or painted, at most."""


@runtime_checkable
class Examples(Protocol):
    """All x of one source, addressed by position: what a Dataset takes its batches from.

    Example:
        >>> class Ramp:
        ...     shape, in_memory = (1,), False
        ...     def __len__(self):
        ...         return 1000
        ...     def batches(self, order, batch_size, drop_last):
        ...         return (part.float().unsqueeze(1) / 1000 for part in chunks(order, batch_size, drop_last))
        >>> from termwise.data import Dataset
        >>> Dataset("ramp", Ramp()).tensor(limit=3).flatten().tolist()
        [0.0, 0.001..., 0.002...]
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    @property
    @abstractmethod
    def in_memory(self) -> bool:
        """Whether a pass over everything is cheap."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order` (M,), as float32 (B, *shape)."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Examples in one tensor: float32, or uint8 to be divided by `divisor` in every batch.

    Attributes:
        kept: The tensor, shape (N, *shape).
        divisor: What its numbers are divided by.
        in_memory: Always True: a pass over everything is cheap.
        levels: Whether they are pixels that stay whole numbers, 0 to 255.

    Example:
        >>> pixels = InMemory(torch.tensor([[0, 255], [51, 0]], dtype=torch.uint8), divisor=255.0)
        >>> [batch.tolist() for batch in pixels.batches(torch.tensor([1, 0]), 1, drop_last=False)]
        [[[0.2..., 0.0]], [[0.0, 1.0]]]
    """

    kept: Tensor
    divisor: float = 1.0
    in_memory: bool = True
    levels: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.kept.shape[1:])

    @cached_property
    def has_missing(self) -> bool:
        """Whether some numbers are none, but nan."""
        kept = self.kept
        return kept.is_floating_point() and bool(kept.sum().isnan()) and bool(kept.isnan().any())

    def __len__(self) -> int:
        return len(self.kept)

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The x at the positions of `order`: always copies, so that a batch can be changed in place."""
        for positions in chunks(order, batch_size, drop_last):
            yield as_float(self.kept.index_select(0, positions), self.divisor)


def chunks(order: Tensor, batch_size: int, drop_last: bool) -> list[Tensor]:
    """`order` cut into batches; a last one that is short is kept unless `drop_last`."""
    parts = list(order.split(batch_size)) if len(order) else []
    if drop_last and parts and len(parts[-1]) < batch_size:
        parts.pop()
    return parts


def spread(n: int, limit: int) -> Tensor:
    """Up to `limit` distinct positions, evenly spread over 0..n-1."""
    count = min(n, limit)
    return torch.arange(count) * n // max(count, 1)


def as_float(kept: Tensor, divisor: float) -> Tensor:
    """What is kept, as float32."""
    x = kept.to(torch.float32)
    return x if divisor == 1.0 else x.div_(divisor)


def in_memory_examples(
    array: Any, where: str, channels: Channels | None = None, missing: MissingEntries = "refuse"
) -> InMemory:
    """An array (N, ...) of numbers or pixels as examples in memory.

    Args:
        array: A Tensor or ndarray.
        where: What to call it in errors.
        channels: Where the colours of images lie; what the shape says where left out.
        missing: What becomes of entries that are masked or nan; the mean is taken once the splits are known.

    Raises:
        BadData: Not numbers, no examples, or a number that is not finite.
    """
    gone = np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
    if gone is not None and array.dtype.kind in "ub" and array.itemsize == 1:  # pixels are pixels still
        pixels = layout(numbers(np.ma.getdata(array), where), where, channels)
        holes = layout(torch.from_numpy(gone), where, channels).bool()
        kept = as_float(pixels, divisor_of(pixels)).masked_fill(holes, torch.nan)
    else:
        kept = layout(numbers(array, where), where, channels)
    if missing == "refuse":
        check_finite(kept, where)
    elif kept.isinf().any():
        check_finite(kept.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf), where)
    return InMemory(kept.contiguous(), divisor_of(kept))


def with_mask(array: Any, mask: Any, where: str) -> Any:
    """An array of which entries are masked: those where `mask`, of its shape, is true or 1.

    Example:
        >>> with_mask(np.array([[1.0, 2.0]]), [[False, True]], "x").tolist()
        [[1.0, None]]

    Raises:
        BadData: The mask is of another shape, or says neither.
    """
    values = array.detach().cpu().numpy() if isinstance(array, Tensor) else array
    gone = np.asarray(mask.detach().cpu() if isinstance(mask, Tensor) else mask)
    if gone.shape != tuple(values.shape) or not np.isin(gone, (0, 1)).all():
        raise BadData(
            f"{where}: expected a mask of the shape of x, {tuple(values.shape)}, true where an entry is missing; got "
            f"{gone.dtype} of shape {gone.shape}."
        )
    return np.ma.array(values, mask=gone.astype(bool) | np.ma.getmaskarray(values))


def numbers(array: Any, where: str) -> Tensor:
    """A Tensor or ndarray as a uint8, bool or float32 tensor on the CPU; what is masked is nan.

    Raises:
        BadData: Not numbers; or numbers that float32 takes for one another.
    """
    if isinstance(array, Tensor):
        if array.layout is not torch.strided or array.is_complex() or array.is_quantized:
            raise BadData(f"{where}: expected a dense real tensor, got {array.dtype} ({array.layout}).")
        array = array.detach().cpu()
        if array.dtype not in (torch.int32, torch.int64, torch.float64):
            return array if array.dtype in (torch.uint8, torch.bool) else array.to(torch.float32)
        array = array.numpy()
    masked = np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise BadData(
            f"{where}: expected an array of numbers, got dtype {array.dtype}. Convert it to float32 or uint8."
        )
    _check_told_apart(array if masked is None else array[~masked], where)
    dtype = array.dtype if array.dtype in (np.uint8, np.bool_) and masked is None else np.float32
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=dtype)
    if masked is not None:
        array = np.where(masked, np.float32(np.nan), array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _check_told_apart(array: np.ndarray, where: str) -> None:
    """Raise BadData where float32 would take numbers for one another that are apart."""
    if array.dtype.kind in "iu" and array.itemsize > 2 and array.size:
        least, largest = int(array.min()), int(array.max())
        if max(-least, largest) > 2**24 and (array != array.astype(np.float32).astype(np.float64)).any():
            raise BadData(
                f"{where}: expected whole numbers that float32 tells apart, up to 2^24; got some from {least} to "
                f"{largest}, of which it would take some for others. Subtract what they have in common; or, if near "
                'is near enough, pass x.astype("float32"). Numbers that name rows are no x.'
            )
    if array.dtype == np.float64 and array.ndim == 2 and len(array) > 1:
        some = array[:: max(1, len(array) // 1000)]
        with np.errstate(over="ignore", invalid="ignore"):
            blur = np.abs(some.astype(np.float32) - some).max(0) / some.std(0)
        if (worst := np.where(np.isfinite(blur), blur, 0.0)).max() > 1e-3:
            entry = int(worst.argmax())
            raise BadData(
                f"{where}: entry {entry} of x has numbers that lie so close, for their size (as {some[0, entry]:.12g} "
                f"and {some[-1, entry]:.12g}), that float32 does not tell them apart. Subtract the least from all."
            )


def layout(x: Tensor, where: str, channels: Channels | None = None) -> Tensor:
    """Images channel-first; everything else float32, unchanged."""
    if x.ndim < 2 or x.numel() == 0:
        raise BadData(
            f"{where}: expected examples of shape (N, ...) with N >= 1 and two dimensions or more, "
            f"got shape {tuple(x.shape)}."
        )
    pixels = x.dtype in (torch.uint8, torch.bool) and x.ndim in (3, 4)
    x = x.to(torch.uint8 if pixels else torch.float32)
    if x.ndim != 4:
        return x.unsqueeze(1) if pixels else x  # (N, 1, H, W)
    place = channels or channels_of(tuple(x.shape), pixels, where)
    return x.permute(0, 3, 1, 2) if place == "last" else x  # (N, C, H, W)


def channels_of(shape: tuple[int, ...], pixels: bool, where: str) -> Channels | None:
    """Where the colours of an array (N, a, b, c) lie, which are one or three; None where it is no images.

    Example:
        >>> channels_of((10, 28, 28, 3), False, "x"), channels_of((10, 3, 28, 28), False, "x")
        ('last', 'first')

    Raises:
        BadData: It could be read in both ways; or it is of pixels, and of no such shape.
    """
    _, a, b, c = shape
    colours: dict[Channels, int] = {"first": a, "last": c}
    ways = [way for way, count in colours.items() if count in (1, 3)]
    if len(ways) == 2:  # a picture of one row or one column is none, if there is another way to read it
        ways = [way for way in ways if min((b, c) if way == "first" else (a, b)) > 1] or ways
    if len(ways) == 1:
        return ways[0]
    if ways and (pixels or min(a, b, c) > 1):
        raise BadData(
            f"{where}: expected images with their colours first or last, got {shape}, which could be either: say "
            'channels="first" or channels="last" (--set data.channels=first).'
        )
    if pixels:
        raise BadData(
            f"{where}: expected uint8 images of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3, "
            f"got {shape}. Say where their channels are with channels=, or pass them as float32 if they are no images."
        )
    return None


def notes_on(array: Any, channels: Channels | None = None) -> tuple[str, ...]:
    """What an array that can be used is taken for, where it could be taken for something else: a sentence each.

    Example:
        >>> notes_on(np.zeros((10, 28, 28, 3)))
        ('x of shape (10, 28, 28, 3) is taken for images with their 3 colours last; channels="first" says otherwise.',)
    """
    shape, dtype = tuple(array.shape), str(array.dtype).removeprefix("torch.")
    notes = []
    if len(shape) == 4 and channels is None and channels_of(shape, dtype in ("uint8", "bool"), "x") == "last":
        colours = f"{shape[3]} colour{'s' * (shape[3] > 1)}"
        notes.append(
            f'x of shape {shape} is taken for images with their {colours} last; channels="first" says otherwise.'
        )
    if dtype == "uint8" and len(shape) in (3, 4) and 1 < (largest := int(array.max())) < FEWEST_LEVELS:
        notes.append(f"x has whole numbers up to {largest}, which are no grey values, and are not divided by 255.")
    return tuple(notes)


def notes_on_missing(examples: InMemory, missing: MissingEntries) -> tuple[str, ...]:
    """How many entries have no value, and what becomes of them: a sentence, if there are any.

    Example:
        >>> notes_on_missing(InMemory(torch.tensor([[1.0, torch.nan]])), "mask")
        ('1 entry of x is missing, and left out of the likelihood.',)
    """
    if not (count := int(examples.kept.isnan().sum())):
        return ()
    what = "left out of the likelihood" if missing == "mask" else "filled with the mean of what trains"
    return (f"{count:,} {'entries of x are' if count > 1 else 'entry of x is'} missing, and {what}.",)


FEWEST_LEVELS = 32
"""What some pixel reaches where pixels are grey values, 0 to 255."""


def divisor_of(kept: Tensor) -> float:
    """255 for pixels; 1 for numbers, and for pixels that are zeros and ones, or classes.

    Example:
        >>> [divisor_of(torch.tensor([[0, largest]], dtype=torch.uint8)) for largest in (255, 2)]
        [255.0, 1.0]
    """
    return 255.0 if kept.dtype == torch.uint8 and int(kept.max()) >= FEWEST_LEVELS else 1.0


def undivided(examples: Examples, where: str) -> Examples:
    """The same examples, whose pixels are whole numbers, 0 to 255.

    Raises:
        BadData: They are no pixels.
    """
    if getattr(examples, "divisor", None) is None:
        raise BadData(f"{where}: expected pixels, which are divided by 255; got other numbers. Leave levels out.")
    return replace(examples, divisor=1.0, levels=True)  # type: ignore[type-var]


def check_finite(x: Tensor, where: str, positions: Tensor | None = None) -> None:
    """Raise BadData at the first number that is not finite, in the example that `positions` gives for its row."""
    # A sum is finite unless an entry is not, or it overflows: the slow search runs only then.
    if x.is_floating_point() and not torch.isfinite(x.sum()) and not (finite := torch.isfinite(x)).all():
        row, *place = (~finite).nonzero()[0].tolist()
        example = row if positions is None else int(positions[row])
        raise BadData(
            f"{where}: expected finite numbers, got {x[(row, *place)].item()} in example {example} at "
            f'{tuple(place)}. Remove or fill such entries; of an array, missing="mean" (--set data.missing=mean) fills '
            "those that are nan."
        )
