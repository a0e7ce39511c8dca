"""Sprites in colour: a creature with a face, whose ten binary attributes are known and can be changed one at a time.

Example i of a seed has attributes a_j in {0, 1}, each 1 with probability 1/2, and continuous nuisances t_k uniform in
[0, 1), all computed from (seed, i) alone. Two attributes follow another, CORRELATED_PAIRS, with correlation rho:

    a_j = a_i with probability (1 + rho) / 2, else 1 - a_i;   all else is independent.

    attribute  1                                     0                            varies beside
    large      half-height 14 to 16.5                10.5 to 12                  size
    round      round ends                            corners
    warm       hue from red to yellow                from cyan to blue            hue
    day        a light background                    a dark one                   its hue
    outline    dark by day, white by night           none
    hat        a top hat                             none
    smile      an open mouth                         a flat one
    stripes    four pale bands                       plain
    tilted     18 to 30 degrees to either side       within 5 degrees             angle
    left       centre at 20 to 25 from the left      39 to 44                     place, and height 35 to 43

Lengths are in 64ths of the side. The picture is painted from the back in the creature's own frame, in which it is
two high and v points down: with its centre c, half-height b and angle t,

    (u, v) = R(-t) (p - c) / b,   cover = clip(1/2 - distance / pixel, 0, 1),   x <- x + cover (colour - x).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.data.annotations import Annotations
from termwise.data.binarize import uniform
from termwise.data.dataset import Dataset
from termwise.data.examples import LARGEST_SIDE, InMemory, as_float, chunks
from termwise.errors import BadData
from termwise.main_memory import check_fits

ATTRIBUTES = ("large", "round", "warm", "day", "outline", "hat", "smile", "stripes", "tilted", "left")
NUISANCES = ("size", "hue", "background", "angle", "across", "down")
CORRELATED_PAIRS = (("warm", "hat"), ("large", "outline"))  # the second follows the first
_LARGEST_HELD = 2**30  # bytes
_BESIDE = 500  # bytes that the attributes of a creature take while they are drawn
_TOGETHER = 32  # images painted at once: more would leave the processor's cache
_INK, _WHITE, _TONGUE = (0.08, 0.08, 0.12), (0.98, 0.98, 0.98), (0.45, 0.06, 0.12)
_HAT, _BAND = (0.62, 0.22, 0.72), (1.0, 0.85, 0.3)


def scenes(seed: int, index: Tensor, correlation: float) -> tuple[Tensor, Tensor]:
    """What the examples at `index` (B,) show: attributes (B, 10) int64 of 0 and 1, and nuisances (B, 6) in [0, 1)."""
    drawn = uniform(seed, index, len(ATTRIBUTES) + len(NUISANCES))
    attributes = (drawn[:, : len(ATTRIBUTES)] < 0.5).to(torch.int64)
    for first, second in CORRELATED_PAIRS:
        i, j = ATTRIBUTES.index(first), ATTRIBUTES.index(second)
        attributes[:, j] = attributes[:, i] ^ (drawn[:, j] >= (1 + correlation) / 2)
    return attributes, drawn[:, len(ATTRIBUTES) :]


def render_creatures(attributes: Tensor, nuisances: Tensor, size: int = 64) -> Tensor:
    """The pictures of scenes, uint8 of shape (B, 3, size, size); a flipped attribute changes nothing beside."""
    parts = zip(attributes.split(_TOGETHER), nuisances.split(_TOGETHER), strict=True)
    return torch.cat([_painted(some, beside, size) for some, beside in parts])


def _painted(attributes: Tensor, nuisances: Tensor, size: int) -> Tensor:
    """The pictures of a few scenes."""
    has = dict(zip(ATTRIBUTES, attributes.to(torch.float32).view(-1, len(ATTRIBUTES), 1, 1).unbind(1), strict=True))
    at = dict(zip(NUISANCES, nuisances.view(-1, len(NUISANCES), 1, 1).unbind(1), strict=True))  # each (B, 1, 1)
    swing = 2 * at["angle"] - 1
    angle = torch.lerp(5 * swing, swing.sign() * (18 + 12 * swing.abs()), has["tilted"]) * (math.pi / 180)
    half = torch.lerp(10.5 + 1.5 * at["size"], 14 + 2.5 * at["size"], has["large"])
    pixel = 64 / size
    place = (torch.arange(size) + 0.5) * pixel
    across = (place - (39 - 19 * has["left"] + 5 * at["across"])) / half  # (B, 1, size)
    down = (place.unsqueeze(1) - (35 + 8 * at["down"])) / half  # (B, size, 1)
    u = (angle.cos() * across + angle.sin() * down).abs()  # every creature is as wide to the left as to the right
    v = angle.cos() * down - angle.sin() * across

    def cover(distance: Tensor) -> Tensor:
        return (0.5 - distance * (half / pixel)).clamp_(0, 1)

    def paint(where: Tensor, colour: Tensor | tuple[float, float, float]) -> None:
        canvas.lerp_(torch.as_tensor(colour).view(-1, 3, 1, 1), where.unsqueeze(1))

    day, warm = has["day"].flatten(), has["warm"].flatten()
    hue = torch.lerp(180 + 65 * at["hue"].flatten(), 55 * at["hue"].flatten() - 8, warm)
    skin = _rgb(hue, torch.tensor(0.75), torch.tensor(0.92))
    sky = _rgb(360 * at["background"].flatten(), 0.55 - 0.39 * day, 0.2 + 0.75 * day)
    canvas = sky.view(-1, 3, 1, 1).repeat(1, 1, size, size)
    body = _rounded_box(u, v, 0.8, 1.0, 0.06 + 0.74 * has["round"])
    inside = cover(body)
    paint(inside, skin)
    bands = ((2 * v).frac().abs() - 0.5).abs() - 0.25
    paint(cover(bands / 2).mul_(inside) * has["stripes"], torch.lerp(skin, torch.ones(3), 0.65))
    ink = torch.lerp(torch.tensor(_WHITE), torch.tensor(_INK), day.unsqueeze(1))
    paint(cover(body.abs() - 0.11) * has["outline"], ink)
    brim_or_crown = torch.minimum(_box(u, v, 0.72, 0.09, -0.9), _box(u, v, 0.46, 0.3, -1.2))
    paint(cover(brim_or_crown) * has["hat"], _HAT)
    paint(cover(_box(u, v, 0.46, 0.09, -1.06)) * has["hat"], _BAND)
    open_mouth = torch.maximum(torch.hypot(u, v - 0.16) - 0.4, 0.16 - v)
    paint(cover(torch.where(has["smile"] > 0, open_mouth, _box(u, v, 0.27, 0.06, 0.32))), _TONGUE)
    eye = torch.hypot(u - 0.34, v + 0.26)
    paint(cover(eye - 0.23), _WHITE)
    paint(cover(eye - 0.12), _INK)
    return canvas.mul_(255).round_().to(torch.uint8)


def _box(u: Tensor, v: Tensor, width: float, height: float, centre: float) -> Tensor:
    """How far outside a box about (0, centre) of half-sides `width` and `height`, for u >= 0; negative inside."""
    return torch.maximum(u - width, (v - centre).abs_().sub_(height))


def _rounded_box(u: Tensor, v: Tensor, width: float, height: float, radius: Tensor) -> Tensor:
    """The signed distance to a box about the origin whose corners are rounded, for u >= 0."""
    beside, below = u - (width - radius), v.abs() - (height - radius)
    outside = torch.hypot(beside.clamp(min=0), below.clamp(min=0))
    return outside + torch.maximum(beside, below).clamp_(max=0) - radius


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Red, green and blue (B, 3) of a hue in degrees (B,), a saturation and a value (Smith, 1978)."""
    k = (torch.tensor([5.0, 3.0, 1.0]) + hue.unsqueeze(-1) / 60) % 6
    fall = torch.minimum(k, 4 - k).clamp(0, 1)
    return value.unsqueeze(-1) * (1 - saturation.unsqueeze(-1) * fall)


@dataclass(frozen=True)
class CreatureExamples:
    """Examples 0 to `count` - 1 of a seed, painted batch by batch."""

    count: int
    size: int
    seed: int
    correlation: float
    in_memory: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Three colours, `size` rows, `size` columns."""
        return (3, self.size, self.size)

    def __len__(self) -> int:
        return self.count

    def batches(self, order: Tensor, batch_size: int, drop_last: bool) -> Iterator[Tensor]:
        """The pictures at the positions of `order`, from 0 to 1."""
        for index in chunks(order, batch_size, drop_last):
            yield as_float(self.pixels(index), 255.0)

    def pixels(self, index: Tensor) -> Tensor:
        """The pictures at some positions (B,), uint8 of shape (B, 3, size, size)."""
        return render_creatures(*scenes(self.seed, index, self.correlation), self.size)


def load_sprites_colour(
    *, seed: int = 0, count: int = 60_000, size: int = 64, correlation: float = 0.5, in_memory: bool = False
) -> Dataset:
    """Creatures and their attributes; the first of a longer set are those of a shorter one.

    Args:
        seed: Of everything that varies.
        count: The number of creatures.
        size: The side in pixels, from 32 to 4096.
        correlation: That between a hat and a warm colour, and between an outline and a large body: -1 to 1.
        in_memory: True to paint everything now, and hold it as uint8: up to 1 GiB, 87,381 pictures of 64 x 64.
    """
    if count < 1 or not 32 <= size <= LARGEST_SIDE or not -1 <= correlation <= 1:
        raise BadData(
            f"sprites-colour: expected count of 1 or more, size of 32 to {LARGEST_SIDE} and correlation from -1 to 1, "
            f"got count={count}, size={size}, correlation={correlation}."
        )
    check_fits(_BESIDE * count, f"sprites-colour: what is known of {count} creatures", "Ask for fewer: count=60000.")
    painted = CreatureExamples(count, size, seed, float(correlation))
    everything = torch.arange(count)
    annotations = Annotations(attributes=scenes(seed, everything, correlation)[0], attribute_names=ATTRIBUTES)
    if not in_memory:
        return Dataset("sprites-colour", painted, annotations)
    if count * math.prod(painted.shape) > _LARGEST_HELD:
        raise BadData(
            f"sprites-colour: expected at most {_LARGEST_HELD // math.prod(painted.shape)} pictures of this size to "
            f"hold in memory, got {count}. Take fewer, or leave in_memory out."
        )
    pixels = torch.empty(count, *painted.shape, dtype=torch.uint8)
    for kept, index in zip(pixels.split(1024), everything.split(1024), strict=True):
        kept.copy_(painted.pixels(index))
    return Dataset("sprites-colour", InMemory(pixels, 255.0), annotations)
