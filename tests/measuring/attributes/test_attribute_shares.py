"""Shares of images, with intervals as scipy has them and errors that know that one image answers many times."""

import math

import pytest
import torch
from scipy.stats import binomtest

from termwise.measuring.attributes.shares import share_readings, wilson

SAID = {"estimator": "judged", "bias": "none", "order": "a, b"}


@pytest.mark.parametrize(("hits", "count"), [(0, 7), (7, 7), (3, 7), (180, 200), (1, 1)])
def test_an_interval_is_wilsons(hits, count):
    theirs = binomtest(hits, count).proportion_ci(0.95, "wilson")
    ours = wilson(torch.tensor(hits / count, dtype=torch.float64), torch.tensor(float(count), dtype=torch.float64))
    assert ours.tolist() == pytest.approx([theirs.low, theirs.high], abs=1e-7)


def made(n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    has = torch.rand(n, 2, generator=generator) < torch.tensor([0.5, 0.1])
    return torch.rand(n, 2, generator=generator) < torch.where(has, 0.8, 0.3), has


def test_shares_by_attribute_are_those_of_the_images_asked():
    right, has = made()
    found, _ = share_readings("added", right, (~has,), **SAID)
    by_attribute = found["added_by_attribute"]
    for j in range(2):
        some = right[:, j][~has[:, j]]
        share = float(some.double().mean())
        theirs = binomtest(int(some.sum()), len(some)).proportion_ci(0.95, "wilson")
        assert by_attribute.value[j] == pytest.approx(share)
        assert by_attribute.stderr[j] == pytest.approx(math.sqrt(share * (1 - share) / len(some)))
        assert by_attribute.interval[j] == pytest.approx([theirs.low, theirs.high], abs=1e-7)
    assert found["added"].value == pytest.approx(sum(by_attribute.value) / 2)


def test_a_rare_attribute_counts_both_ways_alike():
    right, has = made()
    found, values = share_readings("success", right, (~has, has), **SAID)
    halves = [right[:, j][side[:, j]].double().mean() for j in range(2) for side in (has, ~has)]
    assert found["success"].value == pytest.approx(float(sum(halves)) / 4)
    assert float(values.mean()) == pytest.approx(found["success"].value)
    counts = [int(side[:, 1].sum()) for side in (has, ~has)]
    variance = sum(float(p * (1 - p)) / n for p, n in zip(halves[2:], counts, strict=True)) / 4
    assert found["success_by_attribute"].stderr[1] == pytest.approx(math.sqrt(variance))


def test_an_image_that_answers_twice_alike_counts_once():
    right, has = made()
    once, _ = share_readings("x", right[:, :1], (~has[:, :1], has[:, :1]), **SAID)
    twice, _ = share_readings("x", right[:, [0, 0]], (~has[:, [0, 0]], has[:, [0, 0]]), **SAID)
    assert twice["x"].stderr == pytest.approx(once["x"].stderr)
    binomial = once["x_by_attribute"].stderr[0]
    assert once["x"].stderr == pytest.approx(binomial * math.sqrt(400 / 399))


def test_the_error_is_that_of_many_repetitions():
    def draw(generator: torch.Generator) -> dict:
        shared = torch.rand(60, 1, generator=generator)  # what makes an image's answers alike
        has = torch.rand(60, 3, generator=generator) < 0.4
        right = (shared + torch.rand(60, 3, generator=generator)) / 2 < torch.where(has, 0.6, 0.4)
        return share_readings("x", right, (~has, has), **SAID)[0]["x"]

    generator = torch.Generator().manual_seed(1)
    drawn = [draw(generator) for _ in range(600)]
    spread = float(torch.tensor([reading.value for reading in drawn]).std())
    told = sum(reading.stderr for reading in drawn) / 600
    assert told == pytest.approx(spread, rel=4 / math.sqrt(2 * 600) + 0.03)  # 3%: of the order 1/N, N = 60


def test_where_all_succeed_the_interval_is_still_as_wide_as_the_images_are_few():
    right, has = torch.ones(9, 2, dtype=torch.bool), torch.tensor([[0, 1], [1, 0], [0, 1]] * 3).bool()
    found, _ = share_readings("x", right, (~has, has), **SAID)
    low = binomtest(9, 9).proportion_ci(0.95, "wilson").low
    assert found["x"].interval == pytest.approx([low, 1.0], abs=1e-7)


def test_by_image_a_plain_share_is_what_each_image_answered():
    right, _ = made(50)
    _, values = share_readings("success", right[:, :1], (torch.ones(50, 1, dtype=torch.bool),), **SAID)
    assert values.tolist() == pytest.approx(right[:, 0].double().tolist())
