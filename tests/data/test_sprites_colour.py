"""Creatures in colour against plane geometry, another library's hues, and the law of their attributes."""

import colorsys
import math

import numpy as np
import pytest
import torch

from termwise.data import load_data
from termwise.data.sprites_colour import ATTRIBUTES, CORRELATED_PAIRS, NUISANCES, render_creatures, scenes
from termwise.errors import BadData

INDEX = torch.arange(64)


def scene(count=40, seed=0, **chosen):
    """Attributes, all 0 but those chosen, and nuisances."""
    attributes = torch.zeros(count, len(ATTRIBUTES), dtype=torch.int64)
    for name, value in chosen.items():
        attributes[:, ATTRIBUTES.index(name)] = value
    return attributes, scenes(seed, torch.arange(count), 0.0)[1]


def nuisance(nuisances, name):
    return nuisances[:, NUISANCES.index(name)].double().numpy()


def flipped(attributes, name):
    other = attributes.clone()
    other[:, ATTRIBUTES.index(name)] ^= 1
    return other


def touched(pictures):
    """Which pixels are not the sky's, that of the corner, (B, H, W)."""
    return (pictures != pictures[:, :, :1, :1]).any(1)


@pytest.mark.parametrize("large", [0, 1])
@pytest.mark.parametrize("round_", [0, 1])
def test_a_body_covers_the_area_of_a_rounded_box(large, round_):
    attributes, nuisances = scene(large=large, round=round_)
    half = (14 + 2.5 * nuisance(nuisances, "size")) if large else (10.5 + 1.5 * nuisance(nuisances, "size"))
    half *= 256 / 64  # in pixels
    radius = (0.8 if round_ else 0.06) * half
    core = 4 * (0.8 * half - radius) * (half - radius)
    edges = 4 * (0.8 * half - radius + half - radius)
    reach = radius + 0.5 - 1 / 128  # a pixel is touched that lies half a pixel beyond the edge, less what rounds to 0
    area = core + edges * reach + math.pi * reach**2  # Steiner's formula
    counted = touched(render_creatures(attributes, nuisances, 256)).flatten(1).sum(1)
    assert counted.double().mean().item() == pytest.approx(
        area.mean(), rel=0.004
    )  # 4 errors: edges are off by 0.3 pixels


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("tilted", [0, 1])
def test_a_body_lies_and_leans_as_its_scene_says(left, tilted):
    attributes, nuisances = scene(20, left=left, tilted=tilted, large=1)
    mask = touched(render_creatures(attributes, nuisances, 256)).double().numpy()
    place = (np.arange(256) + 0.5) / 4
    weight = mask.sum((1, 2))
    x, y = (mask.sum(1) @ place) / weight, (mask.sum(2) @ place) / weight
    assert x == pytest.approx((20 if left else 39) + 5 * nuisance(nuisances, "across"), abs=0.125)  # half a pixel
    assert y == pytest.approx(35 + 8 * nuisance(nuisances, "down"), abs=0.125)
    dx, dy = place - x[:, None], place - y[:, None]
    xx, yy = (mask.sum(1) * dx**2).sum(1), (mask.sum(2) * dy**2).sum(1)
    xy = np.einsum("bij,bi,bj->b", mask, dy, dx)
    lean = np.degrees(0.5 * np.arctan2(-2 * xy, yy - xx))  # of the long axis, clockwise from upright
    swing = 2 * nuisance(nuisances, "angle") - 1
    assert lean == pytest.approx(
        np.sign(swing) * (18 + 12 * abs(swing)) if tilted else 5 * swing, abs=1
    )  # an edge along the grid may have a step more


@pytest.mark.parametrize("warm", [0, 1])
@pytest.mark.parametrize("day", [0, 1])
def test_hues_are_those_of_another_library(warm, day):
    attributes, nuisances = scene(warm=warm, day=day, large=1)
    pictures = render_creatures(attributes, nuisances).double().numpy() / 255
    x = (39 + 5 * nuisance(nuisances, "across")).astype(int)
    y = (35 + 8 * nuisance(nuisances, "down")).astype(int)
    skin = [colorsys.rgb_to_hsv(*picture[:, row, column]) for picture, row, column in zip(pictures, y, x, strict=True)]
    sky = [colorsys.rgb_to_hsv(*picture[:, 0, 0]) for picture in pictures]
    hue = nuisance(nuisances, "hue")
    degrees = (55 * hue - 8) if warm else (180 + 65 * hue)
    assert [360 * h for h, _, _ in skin] == pytest.approx(degrees % 360, abs=0.5)
    assert [(s, v) for _, s, v in skin] == [pytest.approx((0.75, 0.92), abs=0.005)] * 40
    assert [360 * h for h, _, _ in sky] == pytest.approx(360 * nuisance(nuisances, "background"), abs=5)
    assert [(s, v) for _, s, v in sky] == [pytest.approx((0.16, 0.95) if day else (0.55, 0.2), abs=0.02)] * 40


def test_left_moves_the_picture_by_nineteen_pixels_and_does_nothing_else():
    attributes, nuisances = scenes(0, INDEX, 0.5)
    attributes[:, ATTRIBUTES.index("left")] = 0
    right, left = (
        render_creatures(attributes, nuisances).int(),
        render_creatures(flipped(attributes, "left"), nuisances).int(),
    )
    assert (right.roll(-19, 3) - left).abs().max() <= 1  # a position that is rounded otherwise


@pytest.mark.parametrize(
    ("name", "above", "below"),
    [("hat", -1.5, -0.81), ("smile", 0.16, 0.56), ("stripes", -0.875, 0.875), ("outline", -1.11, 1.11)],
)
def test_what_is_put_on_changes_only_the_rows_where_it_lies(name, above, below):
    attributes, nuisances = scenes(3, INDEX, 0.0)
    attributes[:, [ATTRIBUTES.index("tilted"), ATTRIBUTES.index("large")]] = torch.tensor([0, 1])
    nuisances[:, NUISANCES.index("angle")] = 0.5  # upright
    before, after = render_creatures(attributes, nuisances), render_creatures(flipped(attributes, name), nuisances)
    changed = (before != after).any(1).any(2).numpy()
    v = np.arange(64) + 0.5 - (35 + 8 * nuisance(nuisances, "down"))[:, None]
    half = (14 + 2.5 * nuisance(nuisances, "size"))[:, None]
    outside = (v < above * half - 1) | (v > below * half + 1)
    assert not changed[outside].any()
    ends = (abs(v - (above * half + 1.5)) <= 0.5) | (abs(v - (below * half - 1.5)) <= 0.5)
    assert changed[ends].mean() > 0.7  # it reaches from one to the other
    assert changed.any(1).all()


def test_every_attribute_can_be_seen_in_every_picture():
    for size in (64, 32):
        attributes, nuisances = scenes(1, INDEX, 0.5)
        pictures = render_creatures(attributes, nuisances, size).int()
        for name in ATTRIBUTES:
            difference = (pictures - render_creatures(flipped(attributes, name), nuisances, size)).abs().amax(1)
            assert ((difference > 40).flatten(1).sum(1) >= 5 * (size / 64) ** 2).all(), (name, size)


@pytest.mark.parametrize("correlation", [0.5, 0.0, -1.0])
def test_pairs_are_correlated_as_asked_and_all_else_is_independent(correlation):
    n = 20_000
    attributes, nuisances = scenes(0, torch.arange(n), correlation)
    found = np.corrcoef(np.concatenate([attributes.numpy(), nuisances.numpy()], 1).T)
    wanted = np.eye(len(found))
    for pair in CORRELATED_PAIRS:
        i, j = (ATTRIBUTES.index(name) for name in pair)
        wanted[i, j] = wanted[j, i] = correlation
    assert np.abs(found - wanted).max() < 4.5 / n**0.5  # 4.5 standard errors of 120 numbers
    assert np.abs(attributes.numpy().mean(0) - 0.5).max() < 4.5 * 0.5 / n**0.5


def test_a_picture_depends_on_seed_and_index_alone():
    few, many = load_data("sprites-colour", count=50, test=0.0), load_data("sprites-colour", count=300)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    shuffled = torch.cat([batch.x for batch in few.batches(7, order)])
    assert torch.equal(shuffled, many.tensor(50)[order])
    assert torch.equal(few.attributes, many.attributes[:50])
    assert not torch.equal(few.attributes, load_data("sprites-colour", count=50, seed=1).attributes)
    held = load_data("sprites-colour", count=300, in_memory=True)
    assert held.in_memory
    assert torch.equal(held.tensor(), many.tensor())
    assert (held.shape, held.attribute_names) == ((3, 64, 64), ATTRIBUTES)
    assert held.attributes.dtype == torch.int64


def test_a_smaller_picture_shows_the_same():
    attributes, nuisances = scenes(0, INDEX, 0.5)
    small = render_creatures(attributes, nuisances, 32).float()
    averaged = torch.nn.functional.avg_pool2d(render_creatures(attributes, nuisances, 64).float(), 2)
    assert (small - averaged).abs().mean() < 2  # of 255 levels
    assert (small - averaged.roll(1, 3)).abs().mean() > 4  # which a shift by one pixel exceeds


@pytest.mark.parametrize("options", [{"count": 0}, {"size": 16}, {"size": 10**6}, {"correlation": 1.5}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(BadData, match="expected count of 1 or more, size of 32 to 4096 and correlation"):
        load_data("sprites-colour", **options)


def test_more_than_fits_in_memory_is_refused():
    with pytest.raises(BadData, match="at most 87381 pictures"):
        load_data("sprites-colour", count=90_000, in_memory=True)
