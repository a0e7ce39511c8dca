import pytest
import torch
from torch.distributions import Normal, kl_divergence

from termwise.terms.aggregate import drift as module
from termwise.terms.aggregate.drift import FARTHEST, RIDGE, AffineMap, Drift, divergence


def near_identity(generator, size=4, by=0.05):
    matrix = torch.eye(size, dtype=torch.float64) + by * torch.randn(
        size, size, generator=generator, dtype=torch.float64
    )
    return AffineMap(matrix, by * torch.randn(size, generator=generator, dtype=torch.float64))


def test_a_map_is_found_from_more_points_than_it_has_unknowns():
    generator = torch.Generator().manual_seed(0)
    there = near_identity(generator)
    before = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    found = AffineMap.fitted(before, there(before), ridge=0.0)
    assert torch.allclose(found.matrix, there.matrix, atol=1e-12)
    assert torch.allclose(found.offset, there.offset, atol=1e-12)
    assert torch.allclose(found.back(found(before)), before, atol=1e-12)


def test_the_ridge_is_that_of_its_formula_and_leaves_the_mean_where_it_is():
    generator = torch.Generator().manual_seed(1)
    before, after = torch.randn(2, 50, 3, generator=generator, dtype=torch.float64)
    found = AffineMap.fitted(before, after, ridge=7.0)
    x, y = before - before.mean(0), after - after.mean(0)
    wanted = torch.eye(3).double() + torch.linalg.inv(x.T @ x + 7.0 * torch.eye(3).double()) @ (x.T @ (y - x))
    assert torch.allclose(found.matrix, wanted, atol=1e-12)
    assert torch.allclose(found(before).mean(0), after.mean(0), atol=1e-12)


def test_fewer_points_than_unknowns_move_nothing_that_they_do_not_show():
    before = torch.zeros(3, 10, dtype=torch.float64)
    before[:, 0] = torch.tensor([-1.0, 0.0, 1.0])
    found = AffineMap.fitted(before, before * 2, ridge=1e-9)
    assert torch.allclose(found.matrix.diagonal(), torch.tensor([2.0] + [1.0] * 9).double(), atol=1e-6)


@pytest.mark.parametrize("period", [7, 10**6])
def test_means_follow_an_encoder_that_moves_all_alike_through_writes_and_restarts(period, monkeypatch):
    monkeypatch.setattr(module, "PERIOD", period)
    generator = torch.Generator().manual_seed(2)
    true = torch.randn(500, 4, generator=generator, dtype=torch.float64)
    followed, narrow = torch.randn(40, 4, generator=generator, dtype=torch.float64), torch.full((40, 4), 1e-9)
    drift = Drift(torch.zeros_like(true))
    assert not drift.follow(followed, narrow)
    drift.write(torch.arange(500), true)  # all are written, at one time or another
    for _ in range(100):
        step = near_identity(generator, by=0.01)
        true, followed = step(true), step(followed)
        assert drift.follow(followed, narrow)
        rows = torch.randperm(500, generator=generator)[:50]
        true[rows] = torch.randn(50, 4, generator=generator, dtype=torch.float64)
        others = torch.ones(500, dtype=torch.bool).index_fill(0, rows, False)
        assert torch.allclose(drift.mean[others], true[others], atol=1e-8)
        drift.write(rows, true[rows])
        if drift.due:
            drift.restart(drift.mean)
    assert torch.allclose(drift.mean, true, atol=1e-8)
    assert period > 100 or drift.steps < period


def test_what_single_examples_do_by_themselves_is_no_motion_of_all():
    """Each goes its own way, of standard deviation 0.3: what is fitted to 64 of them is noise of its standard error."""
    generator = torch.Generator().manual_seed(3)
    before = torch.randn(20_000, 5, generator=generator)
    after = before + 0.3 * torch.randn(20_000, 5, generator=generator)
    drift = Drift(before)
    sigma = torch.full((64, 5), 0.3)
    drift.follow(before[:64], sigma)
    drift.follow(after[:64], sigma)
    error = (drift.mean - before).square().mean().sqrt()
    expected = 0.3 * (6 / 64) ** 0.5  # of a regression with six unknowns
    assert 0.5 * expected < error < 1.7 * expected


def test_a_dimension_whose_means_are_all_the_same_is_left_alone():
    generator = torch.Generator().manual_seed(4)
    collapsed = 1e-4 * torch.randn(2, 64, 3, generator=generator)
    drift = Drift(collapsed[0])
    drift.follow(collapsed[0], torch.ones(64, 3))
    drift.follow(collapsed[1], torch.ones(64, 3))
    assert (drift.map.matrix - torch.eye(3)).abs().max() < 1e-6 * RIDGE  # noise over noise would be of order one


def test_means_that_are_not_finite_move_nothing_and_others_begin_anew():
    drift = Drift(torch.ones(5, 2))
    drift.follow(torch.randn(20, 2), torch.ones(20, 2))
    assert not drift.follow(torch.full((20, 2), torch.nan), torch.ones(20, 2))
    assert not drift.follow(torch.randn(30, 2), torch.ones(30, 2))  # another number of them: no motion is known
    assert torch.equal(drift.mean, torch.ones(5, 2))


def test_a_map_that_can_hardly_be_undone_is_due_for_a_restart():
    drift = Drift(torch.randn(50, 2))
    points, narrow = torch.randn(30, 2), torch.full((30, 2), 1e-6)
    drift.follow(points, narrow)
    drift.follow(points * torch.tensor([1.0, 0.9]), narrow)
    assert not drift.due
    drift.follow(points * torch.tensor([1.0, 0.01]), narrow)
    assert drift.due


def test_the_divergence_is_torch_s_and_a_posterior_that_is_far_away_counts_no_more_than_that():
    generator = torch.Generator().manual_seed(6)
    mean, former_mean = torch.randn(2, 7, 3, generator=generator)
    scale, former_scale = torch.randn(2, 7, 3, generator=generator).exp()
    wanted = kl_divergence(Normal(mean, scale), Normal(former_mean, former_scale)).sum(1)
    nats = divergence(mean, scale, former_mean, former_scale)
    assert torch.allclose(nats, wanted, rtol=1e-5)
    drift = Drift(mean)
    drift.compare(nats, torch.zeros(7, dtype=torch.bool))
    assert drift.left == 0
    drift.compare(torch.tensor([1.0, 1e9, torch.nan, 5.0]), torch.tensor([True, True, True, False]))
    assert drift.left == pytest.approx(0.05 * (1 + 2 * FARTHEST) / 3)


def test_a_restored_drift_goes_on_bit_for_bit():
    generator = torch.Generator().manual_seed(5)
    drift, sigma = Drift(torch.randn(100, 3, generator=generator)), torch.full((30, 3), 0.1)
    steps = torch.randn(6, 30, 3, generator=generator)
    for mean in steps[:4]:
        drift.follow(mean, sigma)
    restored = Drift.restored({name: x.clone() if torch.is_tensor(x) else x for name, x in drift.state().items()})
    for mean in steps[4:]:
        for one in (drift, restored):
            one.follow(mean, sigma)
            one.write(torch.arange(10), mean[:10])
        assert torch.equal(drift.mean, restored.mean) and drift.steps == restored.steps
