"""Sprites: white shapes on black whose factors are known, rendered when they are asked for.

A re-creation of dSprites (Matthey et al., 2017), fitted to its published animation to within a few pixels; not the
published file. The grid is the same: shape 3 x scale 6 x orientation 40 x pos_x 32 x pos_y 32, pos_y fastest, so
737,280 binary images of 64 x 64. With scale s in [0.5, 1], orientation t in [0, 2 pi] and centre (16 + 32 pos_x,
16 + 32 pos_y) in pixels, a pixel is on where its own centre, (dx, dy) from the shape's, lies within the shape at

    u = (cos t dx - sin t dy) / s,   v = (sin t dx + cos t dy) / s.

Orientations 0 and 39 are the same picture.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory, chunks
from termwise.errors import BadData, UnknownName

SHAPES = ("square", "ellipse", "heart")
GRID = {"shape": 3, "scale": 6, "orientation": 40, "pos_x": 32, "pos_y": 32}
GRID_SIZE = math.prod(GRID.values())
_SIDE = 64
_REACH = 14  # pixels from the centre's own that a shape can touch: the largest radius is 13.6
_LARGEST_HELD = 512 * 2**20  # bytes


def sprite_factors(cells: Tensor) -> Tensor:
    """Factor indices (B, 5) of grid cells (B,)."""
    columns = []
    for count in reversed(GRID.values()):
        columns.append(cells % count)
        cells = cells // count
    return torch.stack(columns[::-1], dim=1)


def render_sprites(cells: Tensor) -> Tensor:
    """The images of grid cells (B,), uint8 0 and 1 of shape (B, 1, 64, 64)."""
    kind, scale, orientation, x, y = sprite_factors(cells).unbind(1)
    size = 0.5 + 0.1 * scale
    offsets = torch.arange(-_REACH, _REACH + 1)
    dx = (offsets + 0.5 - (32 * x % 31 / 31).unsqueeze(1)) / size.unsqueeze(1)  # (B, 29)
    dy = (offsets + 0.5 - (32 * y % 31 / 31).unsqueeze(1)) / size.unsqueeze(1)  # (B, 29)
    cosine, sine = _COSINE[orientation].unsqueeze(1), _SINE[orientation].unsqueeze(1)
    across, down = (cosine * dx, sine * dx), (sine * dy, cosine * dy)
    inside = torch.empty(len(cells), len(offsets), len(offsets), dtype=torch.uint8)
    for code, contains in enumerate(_CONTAINS):
        chosen = (kind == code).nonzero().squeeze(1)
        u = across[0][chosen].unsqueeze(1) - down[0][chosen].unsqueeze(2)  # (b, rows, columns)
        v = across[1][chosen].unsqueeze(1) + down[1][chosen].unsqueeze(2)
        inside[chosen] = contains(u, v).to(torch.uint8)
    left, top = 16 + 32 * x // 31, 16 + 32 * y // 31
    rows = top.unsqueeze(1) + offsets
    pixels = _SIDE * rows.unsqueeze(2) + (left.unsqueeze(1) + offsets).unsqueeze(1)  # (B, 29, 29)
    canvas = torch.zeros(len(cells), _SIDE * _SIDE, dtype=torch.uint8)
    return canvas.scatter_(1, pixels.flatten(1), inside.flatten(1)).view(-1, 1, _SIDE, _SIDE)


def _in_square(u: Tensor, v: Tensor) -> Tensor:
    """Side 19.2."""
    return torch.maximum(u.abs(), v.abs()) <= 9.6


def _in_ellipse(u: Tensor, v: Tensor) -> Tensor:
    """Semi-axes 12.8 and 7.2."""
    return (u / 12.8).square() + (v / 7.2).square() <= 1


def _in_heart(u: Tensor, v: Tensor) -> Tensor:
    """The curve u = 9.6 sin^3 a, v = -(0.66 (13 cos a - 5 cos 2a - 2 cos 3a - cos 4a) + 1.4).

    One u is met at a and pi - a: with k = |cos a|, the column between them is
    |-(v + 1.4) / 0.66 + 5 cos 2a + cos 4a| < 13 k - 2 cos 3a = 19 k - 8 k^3.
    """
    square = 1 - (u.abs() / 9.6).pow(2 / 3)  # k^2, negative beside the heart
    double = 2 * square - 1  # cos 2a
    k = square.clamp(min=0).sqrt()
    middle = (v + 1.4) / -0.66 + 5 * double + 2 * double.square() - 1
    return middle.abs() < k * (19 - 8 * square)


_CONTAINS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_in_square, _in_ellipse, _in_heart)
_TURNS = [2 * math.pi * step / 39 for step in range(GRID["orientation"])]
_COSINE = torch.tensor([math.cos(turn) for turn in _TURNS])
_SINE = torch.tensor([math.sin(turn) for turn in _TURNS])


@dataclass(frozen=True)
class SpriteExamples:
    """The whole grid, drawn batch by batch."""

    shape: tuple[int, ...] = (1, _SIDE, _SIDE)
    in_memory: bool = False

    def __len__(self) -> int:
        return GRID_SIZE

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The images of the cells of `order`."""
        for cells in chunks(order, batch_size, drop_last):
            yield render_sprites(cells).to(torch.float32)


@dataclass(frozen=True)
class SpriteFactors:
    """The factors of the whole grid, computed where they are asked for."""

    def __len__(self) -> int:
        return GRID_SIZE

    def __getitem__(self, cells: Tensor, /) -> Tensor:
        return sprite_factors(cells)


def load_sprites(
    *,
    seed: int = 0,
    fraction: float = 1.0,
    factors: Mapping[str, Sequence[int | str]] | None = None,
    in_memory: bool = False,
) -> Dataset:
    """The grid, or a part of it.

    Args:
        seed: Of the choice of `fraction`.
        fraction: The fraction of what `factors` leaves to take, at random and without repeats: 0 < fraction <= 1.
        factors: The indices to keep, by factor: {"shape": ["heart"], "orientation": [0]}; shapes by name too.
        in_memory: True to render everything now, and hold it as uint8: up to 512 MiB, 131,072 images.
    """
    if not 0.0 < fraction <= 1.0:
        raise BadData(f"sprites: expected 0 < fraction <= 1, got {fraction}.")
    cells = _restricted(factors or {})
    if fraction < 1.0:
        count = max(1, round(fraction * len(cells)))
        drawn = torch.randperm(len(cells), generator=torch.Generator().manual_seed(seed))[:count]
        cells = cells[drawn.sort().values]
    names = tuple(GRID)
    if not in_memory:
        positions = None if len(cells) == GRID_SIZE else cells
        return Dataset("sprites", SpriteExamples(), Annotations(factors=SpriteFactors(), factor_names=names), positions)
    if len(cells) * _SIDE * _SIDE > _LARGEST_HELD:
        raise BadData(
            f"sprites: expected at most {_LARGEST_HELD // _SIDE**2} images to hold in memory, got {len(cells)}. "
            "Take a smaller fraction, restrict the factors, or leave in_memory out."
        )
    images = torch.empty(len(cells), 1, _SIDE, _SIDE, dtype=torch.uint8)
    for kept, part in zip(images.split(1024), cells.split(1024), strict=True):
        kept.copy_(render_sprites(part))
    return Dataset("sprites", InMemory(images), Annotations(factors=sprite_factors(cells), factor_names=names))


def _restricted(factors: Mapping[str, Sequence[int | str]]) -> Tensor:
    """The cells, in order, whose factors are all among those given."""
    cells = torch.zeros(1, dtype=torch.int64)
    for name in factors:
        if name not in GRID:
            raise UnknownName("factor of sprites", name, GRID)
    for name, count in GRID.items():
        kept = _indices(name, factors[name]) if name in factors else torch.arange(count)
        cells = (cells.unsqueeze(1) * count + kept).flatten()
    return cells


def _indices(name: str, values: Sequence[int | str]) -> Tensor:
    """Sorted distinct indices of one factor."""
    if isinstance(values, (str, int)):
        values = [values]
    chosen = set()
    for value in values:
        if name == "shape" and isinstance(value, str):
            if value not in SHAPES:
                raise UnknownName("shape of sprites", value, SHAPES)
            chosen.add(SHAPES.index(value))
        elif isinstance(value, int) and 0 <= value < GRID[name]:
            chosen.add(value)
        else:
            raise BadData(f"sprites: expected {name} indices from 0 to {GRID[name] - 1}, got {value!r}.")
    if not chosen:
        raise BadData(f"sprites: expected one {name} or more to keep, got none.")
    return torch.tensor(sorted(chosen))
