"""Sprites against geometry: areas in closed form, and a heart tested edge by edge."""

import math

import numpy as np
import pytest
import torch

from termwise.data import load_data
from termwise.data.sprites import GRID, GRID_SIZE, render_sprites, sprite_factors
from termwise.errors import BadData, UnknownName

COUNTS = tuple(GRID.values())


def cells(**fixed: int) -> torch.Tensor:
    axes = [np.arange(n) if name not in fixed else np.array([fixed[name]]) for name, n in GRID.items()]
    return torch.from_numpy(np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), COUNTS).ravel())


def test_factors_are_the_grid_indices_with_pos_y_fastest():
    index = torch.randint(0, GRID_SIZE, (500,), generator=torch.Generator().manual_seed(0))
    expected = np.stack(np.unravel_index(index.numpy(), COUNTS), 1)
    assert (sprite_factors(index).numpy() == expected).all()
    assert GRID_SIZE == 737_280


@pytest.mark.parametrize(
    ("shape", "area"),
    # the heart: 180 pi is the area of (16 sin^3 a, 13 cos a - 5 cos 2a - 2 cos 3a - cos 4a), scaled by 0.6 and 0.66
    [(0, 19.2**2), (1, math.pi * 12.8 * 7.2), (2, 180 * math.pi * 0.6 * 0.66)],
    ids=["square", "ellipse", "heart"],
)
@pytest.mark.parametrize("scale", [0, 5])
def test_the_mean_number_of_lit_pixels_is_the_area(shape, area, scale):
    # Centres fall on 31 x 31 places within a pixel, so that the mean over positions is the area by the midpoint rule.
    lit = render_sprites(cells(shape=shape, scale=scale, orientation=7)).flatten(1).sum(1).double()
    assert lit.mean().item() == pytest.approx(area * (0.5 + 0.1 * scale) ** 2, rel=0.004)


def inside_polygon(u: np.ndarray, v: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Even-odd rule."""
    inside = np.zeros(u.shape, dtype=bool)
    for (u0, v0), (u1, v1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if v0 != v1:
            inside ^= ((v0 > v) != (v1 > v)) & (u < (u1 - u0) * (v - v0) / (v1 - v0) + u0)
    return inside


def outline(shape: int) -> np.ndarray:
    a = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    if shape == 0:
        return 9.6 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    if shape == 1:
        return np.stack([12.8 * np.cos(a), 7.2 * np.sin(a)], 1)
    y = 13 * np.cos(a) - 5 * np.cos(2 * a) - 2 * np.cos(3 * a) - np.cos(4 * a)
    return np.stack([9.6 * np.sin(a) ** 3, -(0.66 * y + 1.4)], 1)


@pytest.mark.parametrize("shape", [0, 1, 2], ids=["square", "ellipse", "heart"])
def test_images_agree_with_a_polygon_tested_over_the_whole_canvas(shape):
    generator = torch.Generator().manual_seed(shape)
    chosen = cells(shape=shape)
    chosen = chosen[torch.randint(0, len(chosen), (12,), generator=generator)]
    row, column = np.mgrid[:64, :64] + 0.5
    differing = 0
    for cell, image in zip(chosen.tolist(), render_sprites(chosen)[:, 0].numpy(), strict=True):
        _, scale, orientation, x, y = np.unravel_index(cell, COUNTS)
        s, t = np.linspace(0.5, 1, 6)[scale], np.linspace(0, 2 * np.pi, 40)[orientation]
        dx, dy = column - (16 + 32 * np.linspace(0, 1, 32)[x]), row - (16 + 32 * np.linspace(0, 1, 32)[y])
        u, v = np.cos(t) * dx - np.sin(t) * dy, np.sin(t) * dx + np.cos(t) * dy
        differing += (image != inside_polygon(u / s, v / s, outline(shape))).sum()
    assert differing <= 2  # of 49,152 pixels: those that the polygon's straight edges cut off a curve


def test_no_shape_reaches_beyond_the_window_that_is_drawn():
    radius = max(np.hypot(*outline(shape).T).max() for shape in (0, 1, 2))
    assert radius + 0.5 <= 14.5  # the window's outermost pixel centres lie 13.5 to 14.5 from the shape's centre
    assert radius == pytest.approx(9.6 * math.sqrt(2))


def test_the_corners_that_reach_farthest_are_drawn():
    turn = 2 * math.pi * 5 / 39  # a corner of the square lies 1.2 degrees off each axis
    row, column = np.mgrid[:64, :64] + 0.5
    farthest = 0
    for x in (0, 30):  # centres at the left and at the right end of a pixel
        images = render_sprites(cells(shape=0, scale=5, orientation=5, pos_x=x))[:, 0].bool().numpy()
        for y, image in enumerate(images):
            dx, dy = column - (16 + 32 * x / 31), row - (16 + 32 * y / 31)
            u, v = np.cos(turn) * dx - np.sin(turn) * dy, np.sin(turn) * dx + np.cos(turn) * dy
            expected = np.maximum(abs(u), abs(v)) <= 9.6
            assert (image == expected).all()
            farthest = max(farthest, abs(dx[expected]).max())
    assert farthest >= 13.5


def test_a_heart_stands_upright_at_orientation_0():
    heart = render_sprites(cells(shape=2, scale=5, orientation=0, pos_x=0, pos_y=0))[0, 0]  # centred on 16, 16
    assert torch.equal(heart[:, :16], heart[:, 16:32].flip(1))
    rows = heart.sum(1).nonzero().squeeze(1)
    top, bottom = int(rows[0]), int(rows[-1])
    assert heart[bottom].sum() <= 2  # a tip below
    assert heart[top].sum() > 4  # two lobes above,
    assert heart[top, 15] == 0  # with a notch between them


def test_pos_x_moves_right_and_pos_y_moves_down():
    start, right, down = (
        render_sprites(cells(shape=1, scale=2, orientation=0, pos_x=x, pos_y=y))[0, 0].nonzero().double().mean(0)
        for x, y in ((0, 0), (31, 0), (0, 31))
    )
    assert (right - start).tolist() == pytest.approx([0, 32])
    assert (down - start).tolist() == pytest.approx([32, 0])


def test_a_full_turn_is_the_same_picture():
    first, last = (render_sprites(cells(orientation=turn, pos_x=11)) for turn in (0, 39))
    assert torch.equal(first, last)
    assert not torch.equal(first, render_sprites(cells(orientation=1, pos_x=11)))


def test_the_whole_grid_is_listed_but_not_held():
    data = load_data("sprites", test=0.0)
    assert len(data) == GRID_SIZE
    assert data.shape == (1, 64, 64)
    assert not data.in_memory
    assert data.value_range().binary
    assert data.factor_names == ("shape", "scale", "orientation", "pos_x", "pos_y")
    assert torch.equal(data.factors, sprite_factors(torch.arange(GRID_SIZE)))
    (batch,) = data.batches(2, torch.tensor([GRID_SIZE - 1, 5]))
    assert torch.equal(batch.x, render_sprites(torch.tensor([GRID_SIZE - 1, 5])).float())


def test_a_fraction_is_distinct_seeded_and_as_large_as_asked():
    some, again, other = (load_data("sprites", fraction=0.01, seed=seed) for seed in (0, 0, 1))
    assert len(some) == round(0.01 * GRID_SIZE)
    assert len(some.positions.unique()) == len(some)
    assert torch.equal(some.positions, again.positions)
    assert not torch.equal(some.positions, other.positions)


def test_factors_restrict_the_grid_by_index_or_name():
    data = load_data("sprites", factors={"shape": ["heart", "square"], "orientation": [0], "pos_y": [31, 3]})
    shape, _, orientation, _, y = np.unravel_index(np.arange(GRID_SIZE), COUNTS)
    expected = np.flatnonzero(np.isin(shape, (0, 2)) & (orientation == 0) & np.isin(y, (3, 31)))
    assert data.positions.tolist() == expected.tolist()


def test_rendering_into_memory_changes_nothing_but_where_they_lie():
    options = {"fraction": 0.1, "factors": {"shape": ["ellipse"], "scale": [1]}, "seed": 4}
    drawn, held = load_data("sprites", **options), load_data("sprites", **options, in_memory=True)
    assert held.in_memory
    assert held.fingerprint() == drawn.fingerprint()
    assert torch.equal(held.test.factors, drawn.test.factors)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"factors": {"colour": [0]}}, UnknownName, "colour"),
        ({"factors": {"shape": ["hart"]}}, UnknownName, "heart"),
        ({"factors": {"scale": [6]}}, BadData, "0 to 5"),
        ({"factors": {"scale": []}}, BadData, "one scale or more"),
        ({"fraction": 0.0}, BadData, "fraction"),
        ({"in_memory": True}, BadData, "131072"),
    ],
)
def test_a_part_of_the_grid_that_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        load_data("sprites", **options)
