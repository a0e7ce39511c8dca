"""A plain loop, as people write it: its meter's account is that of `measure`, of the same posteriors."""

import importlib.util
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

import termwise as tw
from termwise.models.codes import Codes
from termwise.models.randomness import own_randomness

SCRIPT = Path(__file__).parents[2] / "examples" / "loops" / "plain.py"


@cache
def outcome():
    spec = importlib.util.spec_from_file_location("plain", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, test, meter = module.main()
    return model, test, meter.compute()


def measured(model, test):
    def encode(x):
        return model.encoder(x).chunk(2, dim=1)

    return tw.measure(tw.adapt(encode, model.decoder, likelihood="bernoulli-logits"), test)


def test_termwise_is_at_most_five_lines_of_the_script():
    assert 0 < SCRIPT.read_text().count("# termwise") <= 5


def test_readings_in_closed_form_are_those_of_measure_and_sampled_ones_are_within_their_errors():
    model, test, account = outcome()
    expected = measured(model, test)
    assert set(expected) - set(account) == {"code_use"}
    assert account["rate"].value == pytest.approx(expected["rate"].value, abs=1e-5)
    assert account["rate_by_dimension"].value == pytest.approx(expected["rate_by_dimension"].value, abs=1e-5)
    assert account["active_units"].value == expected["active_units"].value
    for name, one in account.overall.items():  # of other codes of the same examples
        if one.stderr is not None and expected[name].stderr is not None:
            assert abs(one.value - expected[name].value) <= 4 * max(one.stderr, expected[name].stderr) + 1e-5, name


def test_of_the_codes_that_measure_draws_every_reading_is_its_own():
    model, test, _ = outcome()
    with torch.no_grad():
        mean, log_variance = model.encoder(test).chunk(2, dim=1)
        with own_randomness(0):
            z = Codes.of(Independent(Normal(mean, (0.5 * log_variance).exp()), 1)).z
        log_likelihood = Independent(Bernoulli(logits=model.decoder(z)), 1).log_prob(test)
    meter = tw.Meter(dataset_size=len(test))
    for rows in torch.arange(len(test)).split(128):
        meter.update((mean[rows], log_variance[rows]), z[rows], log_likelihood[rows])
    account, expected = meter.compute(), measured(model, test)
    for name in set(account) - {"marginal_mmd2"}:  # which draws codes of the prior, too
        assert account[name].value == pytest.approx(expected[name].value, rel=1e-5, abs=1e-5), name
        if account[name].stderr is not None:
            assert account[name].stderr == pytest.approx(expected[name].stderr, rel=1e-4, abs=1e-6), name
    assert account.data["n"] == expected.data["n"] == 397


def test_the_number_that_the_script_is_said_to_reach():
    _, _, account = outcome()
    assert account["elbo"].value == pytest.approx(-19.0, abs=0.5)
    assert account["population_mi"].value == pytest.approx(4.4, abs=0.3)
