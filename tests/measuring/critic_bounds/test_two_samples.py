"""The ratio of two sets of samples, and its bounds, on normals whose divergences are known."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import termwise as tw
from termwise.errors import BadData, Refused

SHIFT = 0.7
KL = 2 * SHIFT**2 / 2  # of N(m, I) from N(0, I), two dimensions
HELLINGER = 2 - 2 * math.exp(-2 * SHIFT**2 / 8)
PEARSON = math.exp(2 * SHIFT**2) - 1


def samples(n, m, shift=SHIFT, size=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(count, size, generator=generator) for count in (n, m)]
    return draw[0] + shift, draw[1]


@pytest.fixture(scope="module")
def ratio():
    return tw.density_ratio(*samples(3000, 2000), "hellinger", steps=250)


def test_bounds_lie_below_what_is_true_and_close_where_laws_are_near(ratio):
    for reading, truth in ((ratio.account["kl_nwj"], KL), (ratio.account["kl_dv"], KL), (ratio.lower, HELLINGER)):
        assert reading.value < truth + 4 * reading.stderr
        assert reading.value > 0.8 * truth - 4 * reading.stderr
        assert 0 < reading.stderr < 0.1 * (1 + truth)
    assert ratio.lower.lower < ratio.lower.value and "LOWER bound" in ratio.lower.bias
    assert ratio.divergence.bias == "plug-in: NEITHER bound" and ratio.divergence.unit == "units"
    assert abs(ratio.divergence.value - HELLINGER) < 0.15


def test_the_ratio_is_that_of_the_normals(ratio):
    x = torch.randn(500, 2) * 0.7 + SHIFT / 2
    truth = SHIFT * x.sum(1) - SHIFT**2
    assert float((ratio.log_ratio(x) - truth).square().mean().sqrt()) < 0.3
    assert torch.allclose(ratio(x.numpy()), ratio.log_ratio(x).exp())


def test_the_error_is_that_of_two_means_of_samples_that_are_independent(ratio):
    left, right = (torch.cat(parts) for parts in zip(*outputs_of(ratio), strict=True))
    nwj = ratio.account["kl_nwj"]
    assert nwj.value == pytest.approx(float(left.mean() - right.exp().mean() + 1), abs=1e-9)
    error = math.sqrt(float(left.var()) / len(left) + float(right.exp().var()) / len(right))
    assert nwj.stderr == pytest.approx(error, abs=1e-9) and nwj.n == 5000


def outputs_of(ratio):
    """T of either critic on the half that it was not trained on, by the same halves."""
    sides, generator = [one.double() for one in samples(3000, 2000)], torch.Generator().manual_seed(0)
    halves = [torch.randperm(len(one), generator=generator).tensor_split(2) for one in sides]
    with torch.no_grad():
        return [
            [critic(one[half[1 - fold]]).double() for one, half in zip(sides, halves, strict=True)]
            for fold, critic in enumerate(ratio.critics)
        ]


@pytest.mark.parametrize(
    ("f", "truth"),
    [("reverse-kl", KL), ("jensen-shannon", None)]
    + [pytest.param(*case, marks=pytest.mark.slow) for case in (("kl", KL), ("pearson", PEARSON), ("neyman", None))],
)
def test_every_divergence_has_its_bound(f, truth):
    lower = tw.density_ratio(*samples(1500, 1500), f, steps=100, batch_size=128).lower
    if truth is None:
        z = torch.randn(200_000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + SHIFT
        truth = float(tw.DIVERGENCES[f].value(SHIFT * z.sum(1) - SHIFT**2).mean())
    assert 0.4 * truth - 4 * lower.stderr < lower.value < truth + 4 * lower.stderr


def test_equal_laws_have_no_bound_above_nothing():
    ratio = tw.density_ratio(*samples(400, 600, shift=0.0), steps=60)
    assert ratio.account["kl_nwj"].value < 4 * ratio.account["kl_nwj"].stderr
    assert ratio.lower == ratio.account["kl_nwj"]  # of the KL they are one


def test_what_is_given_may_be_a_list_or_an_array_of_numbers_in_any_unit():
    p, q = (1e6 * one[:, :1] + 3e7 for one in samples(300, 300, shift=2.0))
    values = [
        tw.density_ratio(one, other, steps=20).divergence.value
        for one, other in ((p.numpy(), q.numpy()), (p[:, 0].tolist(), np.asarray(q)[:, 0].tolist()), (p / 7, q / 7))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-6) == pytest.approx(values[2], rel=1e-3)
    assert values[0] > 0.5


def test_laws_apart_are_told():
    told = tw.density_ratio(*samples(200, 200, shift=9.0), steps=30).account.diagnosis
    assert any("Where laws do not overlap" in one for one in told)
    told = tw.density_ratio(*samples(2000, 40, shift=2.5), steps=40).account.diagnosis
    assert any("One sample of q is" in one for one in told)


def test_an_f_of_ones_own_is_pearsons(tmp_path, monkeypatch):
    (tmp_path / "own_divergence.py").write_text("def pearson(r):\n    return (r - 1) ** 2\n")
    monkeypatch.chdir(tmp_path)
    p, q = samples(300, 300)
    own, named, known = (
        tw.density_ratio(p, q, f, steps=30).lower.value
        for f in (lambda r: (r - 1) ** 2, "own_divergence:pearson", "pearson")
    )
    assert own == pytest.approx(known, rel=1e-4) and named == pytest.approx(known, rel=1e-4)
    assert "own_divergence_pearson_lower" in tw.density_ratio(p, q, "own_divergence:pearson", steps=1).account


def test_the_lines_of_the_page_run():
    page = (Path(__file__).parents[3] / "docs" / "games.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    p, q = samples(40, 40)
    exec(compile(lines.replace('"hellinger")', '"hellinger", steps=2)'), "games.md", "exec"),
         named := {"tw": tw, "codes_before": p, "codes_after": q, "points": p})  # fmt: skip
    assert list(named["ratio"].account) == ["hellinger_by_critic", "hellinger_lower", "kl_nwj", "kl_dv"]


def test_what_cannot_be_is_refused_in_a_line():
    p, q = samples(30, 30)
    for given, said in (
        ((p[:5], q), r"20 samples of either law or more; got 5 of p"),
        ((p, q[:, :1]), r"of one size; got 2 and 1"),
        ((p, q * torch.nan), r"q has such that are not"),
        ((["a"] * 30, q), r"Expected p as an array"),
    ):
        with pytest.raises(BadData, match=said):
            tw.density_ratio(*given)
    with pytest.raises(Refused, match="Give one without"):
        tw.density_ratio(p, q, critic=tw.terms.Critic(quadratic=True))
    with pytest.raises(tw.TermwiseError, match="Unknown divergence 'k'"):
        tw.density_ratio(p, q, "k")
    with pytest.raises(Refused, match=r"Expected points of shape \(2,\)"):
        tw.density_ratio(p, q, steps=1)(torch.zeros(3, 3))


def test_the_random_state_is_left_as_it_was():
    torch.manual_seed(5)
    one = tw.density_ratio(*samples(40, 40), steps=3).divergence.value
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
    assert one == tw.density_ratio(*samples(40, 40), steps=3).divergence.value
