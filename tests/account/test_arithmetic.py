import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap

from termwise.account import Account, Reading
from termwise.account.reading import reading_of, reading_without_error
from termwise.errors import Refused

N = 400
GENERATOR = torch.Generator().manual_seed(0)
EASE = torch.randn(N, generator=GENERATOR, dtype=torch.float64)
VALUES = {
    "distortion": 80 + 5 * EASE + 0.3 * torch.randn(N, generator=GENERATOR, dtype=torch.float64),
    "rate": 10 - 4 * EASE + 0.3 * torch.randn(N, generator=GENERATOR, dtype=torch.float64).exp(),
}


def account(values=None, fingerprint="abc", likelihood="probabilities", **more):
    values = VALUES if values is None else values
    readings = {name: reading_of(one, name, estimator="by hand", bias="unbiased") for name, one in values.items()}
    data = {"name": "made up", "n": N, "fingerprint": fingerprint, "likelihood": likelihood}
    return Account({**readings, **more}, per_example=values, data=data)


def bound(name, lower, upper, bias="a bracket"):
    ends = [lower, upper] if None not in (lower, upper) else None
    return Reading(name, upper if lower is None else lower, 0.1, ends, lower, upper, "nats", "a critic", bias, N)


def test_the_value_is_a_float():
    rate = account()["rate"]
    assert float(rate) == rate.value and math.sqrt(rate) == math.sqrt(rate.value)


@pytest.mark.parametrize("sign", [1, -1])
def test_of_the_same_examples_the_error_is_that_of_the_pairs(sign):
    one, two = account()["distortion"], account()["rate"]
    both = one + two if sign > 0 else one - two
    by_hand = VALUES["distortion"] + sign * VALUES["rate"]
    assert both.value == pytest.approx(float(by_hand.mean()), rel=1e-12)
    assert both.stderr == pytest.approx(float(by_hand.std()) / math.sqrt(N), rel=1e-12)
    independent = math.hypot(one.stderr, two.stderr)
    assert both.stderr < 0.35 * independent if sign > 0 else both.stderr > 1.3 * independent
    assert (both.unit, both.n, both.estimator) == ("nats", N, "paired by example")


def test_the_interval_of_pairs_is_that_of_their_bootstrap():
    both = account()["distortion"] + account()["rate"]
    pairs = (VALUES["distortion"] + VALUES["rate"]).numpy()
    drawn = bootstrap((pairs,), np.mean, n_resamples=4000, method="BCa", random_state=np.random.default_rng(0))
    ends = drawn.confidence_interval.low, drawn.confidence_interval.high
    assert both.interval == pytest.approx(
        ends, abs=0.1 * both.stderr
    )  # of 4000 draws an end is known to 4% of an error


def test_readings_of_accounts_of_the_same_examples_are_paired_too():
    shifted = {name: values + 1 for name, values in VALUES.items()}
    difference = account(shifted)["rate"] - account()["rate"]
    assert difference.value == pytest.approx(1) and difference.stderr == pytest.approx(0, abs=1e-12)


def test_a_sum_of_a_sum_is_of_all_its_pairs():
    a = account()
    elbo = -a["distortion"] - a["rate"]
    assert (elbo + a["distortion"] + a["rate"]).stderr == pytest.approx(0, abs=1e-12)
    assert sum([a["distortion"], a["rate"]]).value == pytest.approx(-elbo.value)
    assert elbo.name == "-distortion - rate" and (2 * elbo).name == "2 (-distortion - rate)"


def test_of_other_examples_they_are_independent():
    difference = account()["rate"] - account(fingerprint="other")["rate"]
    assert difference.stderr == pytest.approx(math.sqrt(2) * account()["rate"].stderr)
    assert difference.estimator == "of other examples each, so independent"
    (low, high), value = account()["rate"].interval, account()["rate"].value
    assert difference.interval[1] == pytest.approx(math.hypot(high - value, value - low))


def test_where_it_is_not_known_of_which_examples_they_are_independence_is_said_to_be_assumed():
    rate = reading_of(VALUES["rate"], "rate", estimator="by hand", bias="unbiased")
    assert (rate + rate).estimator == "errors taken as independent"


def test_of_the_same_examples_without_values_for_each_the_error_is_not_guessed():
    loose = reading_of(VALUES["rate"], "population_mi", estimator="by hand", bias="unbiased")
    a = account(population_mi=loose)
    with pytest.raises(Refused, match=r"no values by example to pair. float\(rate\)"):
        a["rate"] - a["population_mi"]
    mixed = a["rate"] - account(fingerprint="other")["rate"]
    with pytest.raises(Refused, match="the same examples"):
        mixed + a["distortion"]


def test_multiples_have_multiples_of_errors_and_ends():
    rate = replace(account()["rate"], lower=9.0, upper=12.0, interval=[9.5, 11.0])
    less = -2 * rate
    assert less.value == -2 * rate.value and less.stderr == 2 * rate.stderr
    assert (less.interval, less.lower, less.upper) == ([-22.0, -19.0], -24.0, -18.0)
    assert (rate / 2).value == rate.value / 2 and (np.float64(3) * rate).value == 3 * rate.value
    assert (rate + 1.5).interval == [11.0, 12.5] and (1.5 - rate).value == 1.5 - rate.value


def test_sums_of_bounds_are_bounds_whose_ends_are_sums():
    a = account()
    between = a["rate"] - bound("rate", 2.0, 5.0)
    assert between.stderr is None
    assert between.bounds == pytest.approx((a["rate"].interval[0] - 5.0, a["rate"].interval[1] - 2.0))
    least = bound("elbo", -90.0, None) + bound("rate", 2.0, None)
    assert least.bounds == (-88.0, None)
    assert (-bound("elbo", -90.0, None)).bounds == (None, 90.0)
    with pytest.raises(Refused, match="from one side"):
        bound("elbo", -90.0, None) - bound("rate", 2.0, None)


def test_a_bound_told_by_its_bias_alone_keeps_its_side_when_it_is_turned():
    iwae = Reading("iwae", -90.0, 0.5, [-91.0, -89.0], None, None, "nats", "IWAE", "a lower bound", N)
    assert iwae.bounds == (-91.0, None) and (-iwae).bounds == (None, 91.0) and (2 * iwae).bounds == (-182.0, None)


def test_what_has_no_error_gives_none():
    units = reading_without_error("active_units", 3.0, estimator="count", bias="", n=N)
    assert (units - units).stderr is None and (units - units).value == 0


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (reading_without_error("active_units", 3.0, estimator="count", bias="", n=N), "units have no difference"),
        (account(likelihood="densities")["distortion"], "nats that are not the same"),
    ],
)
def test_what_is_in_other_units_is_refused(other, why):
    with pytest.raises(Refused, match=why):
        account()["distortion"] - other


@pytest.mark.parametrize("other", ["2", None, [1.0]])
def test_what_is_no_number_is_a_type_error(other):
    for attempt in (lambda a: a + other, lambda a: a - other, lambda a: a * other, lambda a: a / other):
        with pytest.raises(TypeError):
            attempt(account()["rate"])


def test_a_saved_account_s_readings_are_paired_as_before(tmp_path):
    account().save(tmp_path / "a.json", tmp_path / "a.npz")
    a = Account.load(tmp_path / "a.json", tmp_path / "a.npz")
    assert (a["distortion"] + a["rate"]).stderr == (account()["distortion"] + account()["rate"]).stderr
    assert "sample" not in (tmp_path / "a.json").read_text()
