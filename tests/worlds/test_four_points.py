import math
from dataclasses import replace

import pytest
import torch

from termwise.worlds import Grid, best_four_points, four_points
from termwise.worlds.four_points import SUPREMUM, best_logits
from termwise.worlds.random_worlds import bernoulli


def test_the_best_normal_posteriors_are_known_and_below_the_supremum():
    truth = best_four_points().truth()
    assert truth["elbo"] == pytest.approx(-1.6319, abs=5e-5)  # known to these digits from a search over 56 starts
    assert truth["elbo"] < SUPREMUM == -math.log(4)
    assert truth["elbo"] < truth["log_likelihood"] < SUPREMUM


@pytest.mark.slow
def test_ascent_from_other_starts_ends_no_higher():
    generator = torch.Generator().manual_seed(0)
    best = float(best_four_points(grid=Grid(step=0.1)).elbo().mean())
    for _ in range(2):
        start = torch.randn(4, 4, generator=generator, dtype=torch.float64)
        start[:, 2:] = 0.3 * start[:, 2:] - 0.7
        assert float(best_four_points(start, grid=Grid(step=0.1)).elbo().mean()) < best + 1e-6


def test_no_decoder_of_independent_pixels_does_better_than_the_responsibilities():
    generator = torch.Generator().manual_seed(1)
    mean, scale = torch.randn(4, 2, generator=generator).double(), torch.full((4, 2), 0.5).double()
    best = four_points(mean, scale, grid=Grid())
    for tilt in (0.05, -0.05):

        def decode(z, tilt=tilt):
            return bernoulli(best_logits(z, mean, scale) * (1 + tilt) + tilt * torch.sin(z[:, :1]))

        other = replace(best, decode=decode)
        assert float(other.elbo().mean()) < float(best.elbo().mean()) - 1e-5
    pixels = torch.sigmoid(best_logits(best.grid.nodes, mean, scale))
    assert torch.allclose(pixels.sum(1), torch.ones(len(pixels)).double())


def test_posteriors_that_ignore_x_leave_the_entropy_of_four_pixels():
    world = four_points(torch.zeros(4, 2), torch.ones(4, 2), grid=Grid())
    entropy = 4 * (0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    truth = world.truth()
    assert truth["distortion"] == pytest.approx(entropy, abs=1e-9)
    assert truth["rate"] == pytest.approx(0.0, abs=1e-9)
    assert truth["log_likelihood"] == pytest.approx(-entropy, abs=1e-9)
