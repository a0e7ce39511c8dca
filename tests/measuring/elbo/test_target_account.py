"""How well a target is foretold: against quadrature where all is known, and against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from torch import nn
from torch.distributions import Categorical, Independent, Normal

import termwise as tw
from termwise.measuring.elbo.target_account import foretelling_readings
from termwise.models import VAE

SPREAD = 0.8


class ToItself(nn.Module):
    """An encoder of one number to N(x, SPREAD^2)."""

    def forward(self, x):
        return torch.cat([x, torch.full_like(x, 2 * math.log(SPREAD))], 1)


class LogOdds(nn.Module):
    """A decoder of one number to logits of two categories, their difference `slope` z."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, z):
        return torch.stack([0 * z, self.slope * z], 1)


def signs(slope, n=2000):
    """A model of x, -1 or 1, whose target is the sign: at a slope of 2 / SPREAD^2 its decoder is p(t|z) itself."""
    x = torch.tensor([[-1.0], [1.0]]).repeat(n // 2, 1)
    data = tw.load_data(x, test=0.0).with_side({"sign": ["-" if one < 0 else "+" for one in x.flatten()]})
    target = data.side.variables[0]
    slope = slope if target.categories[1] == "+" else -slope
    return VAE(ToItself(), LogOdds(slope), shape=(1,), latent=1, target=target), data


def exact_information() -> float:
    """I(z; sign), by quadrature."""
    z = np.linspace(-9, 9, 40_001)
    own, other = stats.norm(1, SPREAD).pdf(z), stats.norm(-1, SPREAD).pdf(z)
    return float((own * np.log(own / ((own + other) / 2))).sum() * (z[1] - z[0]))


def test_where_the_decoder_is_right_the_bound_is_the_information():
    account = tw.measure(*signs(2 / SPREAD**2), samples=4)
    exact = exact_information()
    bound, knows = account["target_information"], account["side_information"]
    assert abs(bound.value - exact) < 4 * bound.stderr
    assert abs(knows.value - exact) < 4 * knows.stderr + 1e-3
    assert abs(account["distortion"].value - (math.log(2) - exact)) < 4 * account["distortion"].stderr
    # by example at the same codes, but for the controls, the two are one
    assert abs(bound.value - knows.value) < 4 * math.hypot(bound.stderr, knows.stderr)


@pytest.mark.parametrize("slope", [0.0, 0.8, 9.0])
def test_a_decoder_that_is_wrong_reads_less_than_there_is(slope):
    account = tw.measure(*signs(slope), samples=4)
    bound = account["target_information"]
    assert bound.value < exact_information() - 4 * bound.stderr
    if slope == 0:
        assert abs(bound.value) < 1e-6


def test_there_is_no_elbo_of_x_and_the_account_says_why():
    account = tw.measure(*signs(2.0, n=200))
    assert "elbo" not in account and "elbo" not in account.per_example
    assert account.withheld["elbo"].startswith("the distortion is of sign, and not of x")
    assert account["distortion"].bias.endswith("of sign, and not of x")
    assert account.data["target"] == "sign" and "entries" not in account.data
    assert any("It says sign rightly of" in sentence for sentence in account.diagnosis)
    assert not any("prior" in sentence or "vfae" in sentence for sentence in account.diagnosis)


def test_a_group_of_other_variables_is_read_beside():
    model, data = signs(2.0, n=200)
    site = ["a", "a", "b", "b"] * 50  # independent of the sign
    signs_of_each = [data.side.variables[0].categories[int(one)] for one in data.side.values.flatten()]
    account = tw.measure(model, data, side={"site": site, "sign": signs_of_each})
    assert account.data["side"] == ["site", "sign"]
    by_variable = account.by_dimension["side_information_by_variable"].value
    assert by_variable[1] > 0.2 and by_variable[0] < 1e-6


def test_categories_against_scikit_learn():
    torch.manual_seed(0)
    law, truth = Categorical(logits=torch.randn(300, 4, dtype=torch.float64)), torch.randint(4, (300,))
    batches = [(Categorical(logits=law.logits[part]), truth[part]) for part in (slice(0, 100), slice(100, 300))]
    readings, values = foretelling_readings(batches, "by hand")
    assert math.isclose(
        readings["prediction_cross_entropy"].value, log_loss(truth, law.probs, labels=range(4)), rel_tol=1e-9
    )
    accuracy = accuracy_score(truth, law.probs.argmax(1))
    assert math.isclose(readings["prediction_accuracy"].value, accuracy)
    assert math.isclose(readings["prediction_accuracy"].stderr, math.sqrt(accuracy * (1 - accuracy) / 299))
    assert len(values["prediction_accuracy"]) == 300


def test_numbers_against_scikit_learn_and_their_errors_against_resampling():
    generator = np.random.default_rng(0)
    truth = generator.normal(40, 9, 400)
    foretold = 0.6 * truth + generator.normal(15, 4, 400)
    law = Independent(Normal(torch.tensor(foretold).unsqueeze(1), 5.0), 1)
    flat = Normal(law.mean.squeeze(1), 5.0)
    readings, _ = foretelling_readings([(flat, torch.tensor(truth))], "by hand")
    assert math.isclose(readings["prediction_r2"].value, r2_score(truth, foretold), rel_tol=1e-9)
    assert math.isclose(readings["prediction_rmse"].value, root_mean_squared_error(truth, foretold), rel_tol=1e-9)
    exact = -stats.norm(foretold, 5).logpdf(truth).mean()
    assert math.isclose(readings["prediction_cross_entropy"].value, exact, rel_tol=1e-6)
    rows = generator.integers(400, size=(2000, 400))
    mse = np.square(truth - foretold)[rows].mean(1)
    resampled = {"prediction_r2": 1 - mse / truth[rows].var(1), "prediction_rmse": np.sqrt(mse)}
    for name, values in resampled.items():
        assert abs(readings[name].stderr / values.std() - 1) < 0.12  # the bootstrap's own error is 1.6%, and n is 400
