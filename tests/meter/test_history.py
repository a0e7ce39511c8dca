"""A diagnosis that says since when: each statement follows from numbers that were read, with their errors."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import termwise as tw
from termwise.account.reading import Reading, ReadingByDimension
from termwise.measuring.elbo.faults import WHETHER_COLLAPSED, find_faults
from termwise.meter.history import History, StepNotAfter


def account(rate, stderr=0.01, dimensions=()):
    readings = {"rate": Reading("rate", rate, stderr, None, None, None, "nats", "closed form", "exact", 500)}
    if dimensions:
        errors = [0.001] * len(dimensions)
        by_dimension = ReadingByDimension(
            "rate_by_dimension", list(dimensions), errors, None, None, None, "nats", "closed form", "exact", 500
        )
        readings["rate_by_dimension"] = by_dimension
    whole = tw.Account(readings)
    return tw.Account(readings, tuple(find_faults(whole).faults), data={"n": 500})


def said(rates, stderr=0.01, start=100):
    """The last diagnosis of accounts at steps 100, 200, ..., of these rates."""
    history, found = History(), ()
    for place, rate in enumerate(rates):
        one = account(rate, stderr)
        found = history.add(start * (place + 1), one, find_faults(one).faults)
    return " ".join(found)


@pytest.mark.parametrize(
    ("rates", "since"),
    [
        ((5.0, 5.31, 5.30, 3.0, 1.1), "collapsing since step 300: the rate has fallen since, from 5.3 ± 0.01 to 1.1"),
        ((3.0, 2.0, 1.2), "collapsing since step 100"),
        ((5.0, 4.0, 3.0), None),  # not halved
        ((40.0, 25.0, 15.0), None),  # halved, and far from none
        ((5.0, 3.0, 3.1, 1.1), None),  # it rose on the way, and has fallen once since
        ((5.0, 1.1), None),  # one fall
        ((1.0, 1.0, 1.0, 1.0), None),
    ],
)
def test_a_fall_is_a_collapse_on_its_way_where_as_much_again_leaves_next_to_nothing(rates, since):
    assert since in said(rates) if since else "collapsing" not in said(rates)


def test_a_slow_fall_whose_every_step_is_within_the_errors_is_seen_too():
    assert "collapsing since step" in said([3.0 - 0.05 * step for step in range(45)], stderr=0.02)
    assert "collapsing" not in said([3.0 - 0.05 * step for step in range(45)], stderr=2.0)


def test_a_fault_stands_since_the_first_of_an_unbroken_row():
    text = said([3.0, 0.2, 2.0, 0.3, 0.2, 0.1])
    assert (
        "The posterior collapsed after step 300, when the rate was 2 ± 0.01 nats; it is 0.1 ± 0.01 at step 600." in text
    )
    assert "So at every reading since step 400, 3 of them, and not at step 300." in text
    assert "So at every reading since step 100, 2 of them." in said([0.2, 0.1])
    assert "since" not in said([0.2]) and "collapsed after" not in said([0.2, 0.1])


def test_dimensions_that_went_are_named_with_what_they_carried():
    history = History()
    history.add(10, one := account(3.0, dimensions=(1.0, 1.5, 0.5)), find_faults(one).faults)
    text = " ".join(history.add(20, one := account(2.5, dimensions=(1.0, 1.48, 0.02)), find_faults(one).faults))
    assert "are under 0.05 nats now: 2 (0.5 ± 0.001 nats at step 10)." in text


def test_an_account_of_a_step_that_has_been_is_not_remembered():
    history = History()
    history.add(10, one := account(3.0), find_faults(one).faults)
    assert history.add(10, account(0.1), {}) == account(0.1).diagnosis
    assert [moment.step for moment in history.moments] == [10]


def read(meter, **options):
    meter.reset()
    meter.update((torch.randn(50, 2), torch.zeros(50, 2)))
    return meter.compute(**options)


def test_a_step_that_is_not_after_the_last_is_warned_of_once():
    meter = tw.Meter(dataset_size=50)
    for step in (torch.tensor(4), np.int64(5)):
        read(meter, step=step)
    with pytest.warns(StepNotAfter, match=r"step 3 is not after 5: not remembered"):
        read(meter, step=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(meter, step=5)
        read(meter, step=6)
        other = tw.Meter(dataset_size=50)
        read(other)
        other.compute()
    assert [moment.step for moment in meter.history] == [4, 5, 6]


@pytest.mark.parametrize("step", ["a", 2.5, True, -1, torch.tensor([1, 2]), torch.tensor(1.5)])
def test_a_step_is_a_whole_number(step):
    with pytest.raises(tw.errors.Refused, match="Expected step as a whole number"):
        read(tw.Meter(dataset_size=50), step=step)


def test_a_history_is_what_it_was_when_its_state_is_loaded():
    history, rates = History(), [5.0, 3.0, 1.2, 0.2, 0.1]
    for step, rate in enumerate(rates):
        one = account(rate, dimensions=(rate / 2, rate / 2))
        expected = history.add(step, one, find_faults(one).faults)
        history = History.from_state(history.state_dict())
    assert len(history.moments) == 5 and "after step 2" in " ".join(expected)


def loop(weight, updates=200, every=20):
    """The diagnoses of a plain loop on digits, whose rate is weighed by `weight(step)`."""
    torch.manual_seed(0)
    x = tw.load_data("digits").train.tensor().flatten(1)[:400]
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    decoder = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 5e-3)
    meter, found = tw.Meter(dataset_size=len(x)), []
    for step in range(updates):
        index = torch.randperm(len(x))[:200]
        mean, log_variance = encoder(x[index]).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        log_likelihood = -binary_cross_entropy_with_logits(decoder(z), x[index], reduction="none").sum(1)
        meter.update((mean, log_variance), z, log_likelihood, index)
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        optimizer.zero_grad()
        (weight(step) * rate - log_likelihood).mean().backward()
        optimizer.step()
        if (step + 1) % every == 0:
            found.append(" ".join(meter.compute().diagnosis))
    return found, meter


def test_a_loop_whose_rate_weighs_ever_more_is_seen_to_collapse_and_since_when():
    found, meter = loop(lambda step: 0.3 if step < 60 else 0.3 * 1.03 ** (step - 60))
    rates = {moment.step: moment.readings["rate"][0] for moment in meter.history}
    after = max(step for step, rate in rates.items() if rate > 0.5)
    on_its_way, at_last = found[after // 20 - 1], found[-1]
    assert "collapsing since step 60" in on_its_way or "collapsing since step 80" in on_its_way
    assert "collapsed" not in on_its_way.split("has collapsed")[0]
    assert f"collapsed after step {after}, when the rate was {rates[after]:.3g}" in at_last
    assert f"So at every reading since step {after + 20}" in at_last


def test_a_loop_that_learns_is_not_said_to_collapse():
    found, meter = loop(lambda step: 0.3)
    assert not any("collaps" in text for text in found[2:]), found
    assert meter.history[-1].readings["rate"][0] > 2
    assert WHETHER_COLLAPSED not in meter._history._standing
