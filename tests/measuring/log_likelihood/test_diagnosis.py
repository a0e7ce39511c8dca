"""Each sentence on an estimate of log p(x) comes where its evidence is there, and only there."""

import pytest
import torch
from torch.distributions import Beta, Independent, Uniform

import termwise as tw
from termwise.errors import Refused
from termwise.measuring.log_likelihood.diagnosis import diagnose
from termwise.measuring.log_likelihood.result import Procedure


def said(chains=16, temperatures=100, **values):
    """What is said of chains that are sound in all but these values, 100 examples."""
    sound = {
        "log_likelihood": torch.zeros(100),
        "log_likelihood_jackknife": torch.zeros(100),
        "effective_sample_size": torch.full((100,), 12.0),
    }
    if temperatures is not None:
        sound["acceptance"] = torch.full((100,), 0.65)
    procedure = Procedure(20, chains, temperatures, "posterior", "posterior", None, 0.05, False, False)
    return " ".join(diagnose(sound | values, procedure))


def test_moves_that_are_seldom_accepted():
    assert not said() and not said(acceptance=torch.full((100,), 0.45))
    assert "accepted 20% of the time" in said(acceptance=torch.full((100,), 0.2))


def test_an_iwae_above_ais_by_more_than_four_standard_errors_and_the_tolerance():
    def above(mean, deviation):
        values = torch.linspace(-1, 1, 100)
        return mean + deviation * values / values.std()

    assert "IWAE lies 0.50 nats above" in said(iwae=above(0.5, 1.0))  # four errors are 0.4
    assert not said(iwae=above(0.5, 1.2))
    assert not said(iwae=above(0.04, 0.0))


@pytest.mark.parametrize(("temperatures", "size"), [(None, 5.0), (100, 4.0)])
def test_weights_have_collapsed_under_the_limit_and_not_at_it(temperatures, size):
    at, under = torch.full((100,), size), torch.full((100,), size - 0.01)
    assert not said(temperatures=temperatures, effective_sample_size=at)
    assert "weights collapse: in 100 of 100" in said(temperatures=temperatures, effective_sample_size=under)


def test_codes_that_gradients_cannot_move_are_for_importance_weights_alone():
    model = tw.adapt(
        encode=lambda x: Independent(Beta(1 + x, 2 - x), 1),
        decode=lambda z: z,
        prior=Independent(Uniform(torch.zeros(2), torch.ones(2)), 1),
        likelihood="bernoulli",
    )
    x = torch.randint(0, 2, (12, 2), generator=torch.Generator().manual_seed(0)).float()
    found = tw.log_likelihood(model, x, method="iwae", samples=2000)
    error = 4 * 0.03  # log(1/4), the integral of z^x (1 - z)^(1 - x) over the square
    assert found["log_likelihood"].value == pytest.approx(-1.3863, abs=error)
    for asked in ({"method": "ais", "simulated": 0, "temperatures": 8}, {"method": "iwae", "split_gap": True}):
        with pytest.raises(Refused, match="method='iwae'"):
            tw.log_likelihood(model, x, **asked)
