"""The whole account of a model, and its errors."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Cauchy, Independent, Laplace, Normal, TanhTransform, TransformedDistribution

import termwise as tw
from helpers.factor_codes import grid
from termwise.data import Dataset
from termwise.data.annotations import Annotations
from termwise.data.examples import InMemory
from termwise.errors import BadData, NotFinite, Refused, UnknownName
from termwise.measuring.disentanglement import Score, disentanglement, factors_from
from termwise.measuring.disentanglement.score import bootstrapped, over_parts
from termwise.worlds import LinearGaussian

BY_FACTOR = ("mig", "mig_binned", "explicitness", "beta_vae_score", "factor_vae_score", "dci_completeness", "sap")
SCORES = {*BY_FACTOR, "modularity", "dci_disentanglement", "dci_informativeness", "irs"}
WITHOUT_FACTORS = {"gaussian_tc_of_means", "gaussian_tc_of_aggregate"}


def data_of(x, factors=None, names=(), labels=None):
    return Dataset("known", InMemory(x), Annotations(labels=labels, factors=factors, factor_names=names))


def sized(*sizes, copies):
    """A full grid whose x are its factors, each of unit variance."""
    index = torch.tensor(grid(*sizes, copies=copies).index)
    x = (index - index.float().mean(0)) / index.float().std(0)
    return data_of(x, index, tuple("abc"[: len(sizes)]))


def reader(sigma=0.1, width=0):
    """A model whose posterior is N(x, sigma^2), with `width` dimensions beside that are the prior."""

    def encode(x):
        more = torch.zeros(len(x), width)
        return torch.cat([x, more], 1), torch.cat([torch.full_like(x, 2 * math.log(sigma)), more], 1)

    return tw.adapt(encode=encode)


def test_a_perfect_model_scores_what_it_must_on_every_metric_each_with_its_error():
    data = sized(2, 3, copies=200)
    account = disentanglement(reader(width=1), data, seed=3)
    assert set(account) >= SCORES | WITHOUT_FACTORS | {f"{name}_by_factor" for name in BY_FACTOR}
    assert account.diagnosis == ()
    for name in ("mig", "mig_binned", "modularity", "beta_vae_score", "factor_vae_score", "irs"):
        assert account[name].value == pytest.approx(1, abs=1e-3), name
    for name in ("dci_disentanglement", "dci_completeness", "dci_informativeness"):
        assert account[name].value == pytest.approx(1), name
    # Thresholds on the wrong dimension are right for 1/V by chance, on 5 x 120 examples that were held out.
    assert abs(account["sap"].value - (1 / 2 + 2 / 3) / 2) < 4 * np.sqrt(0.25 / 600)
    for name in SCORES | WITHOUT_FACTORS:
        reading = account[name]
        assert reading.stderr is not None and 0 <= reading.stderr < 0.03, name
        assert reading.interval[0] <= reading.value <= reading.interval[1]
        assert reading.n == 1200
        assert reading.unit == ("nats" if name in WITHOUT_FACTORS else "score")
        assert "bootstrap" in reading.estimator or "5 disjoint parts of 240 examples" in reading.estimator, name
    assert account["mig_by_factor"].estimator.endswith("in the order a, b")
    assert np.mean(account["mig_by_factor"].value) == pytest.approx(account["mig"].value)
    assert account.to_json()["data"]["n"] == 1200


def test_the_gaussian_total_correlation_of_a_linear_gaussian_world_is_its_truth():
    world = LinearGaussian.random(1, latent=3, mutual_information=2.0, diagonal=False)
    account = disentanglement(world, data_of(world.data(8000)))
    reading = account["gaussian_tc_of_aggregate"]
    assert abs(reading.value - world.truth()["total_correlation"]) < 4 * reading.stderr
    assert set(account) == WITHOUT_FACTORS
    assert "only what needs none" in account.diagnosis[0]


def test_labels_are_one_factor_and_what_compares_factors_says_why_it_cannot():
    labels = torch.arange(1200) % 4
    account = disentanglement(reader(width=1), data_of(labels.float().unsqueeze(1), labels=labels))
    assert account["mig"].value == pytest.approx(1, abs=1e-3)
    assert {"mig", "mig_binned", "explicitness", "sap", "dci_completeness", "dci_informativeness"} <= set(account)
    missing = ("modularity", "beta_vae", "factor_vae", "irs")
    assert not [name for name in account if name.startswith((*missing, "dci_disentanglement"))]
    said = " ".join(account.diagnosis)
    assert "labels were taken as one" in said
    assert all(f"{name} was not measured" in said for name in missing)


def test_factors_that_never_vary_are_left_out_and_said():
    data = sized(3, 2, copies=100)
    factors = torch.cat([data.factors, torch.full((600, 1), 5)], 1)
    account = disentanglement(reader(), data_of(data.tensor(), factors, ("a", "b", "still")), metrics=["mig_binned"])
    assert len(account["mig_binned_by_factor"].value) == 2
    assert "only one value of each is in this data: still" in account.diagnosis[0]


def test_a_posterior_that_is_not_normal_has_every_score_but_the_exact_gap():
    model = tw.adapt(encode=lambda x: Independent(Laplace(x, torch.full_like(x, 0.1)), 1))
    data = sized(2, 3, copies=100)
    account = disentanglement(model, data, limit=300)
    assert (SCORES - {"mig"}) <= set(account) and "mig" not in account
    assert "mig was not measured" in account.diagnosis[0]
    with pytest.raises(Refused, match="normal posteriors"):
        disentanglement(model, data, metrics=["mig"])


def test_a_posterior_without_a_mean_is_refused():
    def encode(x):
        return TransformedDistribution(Independent(Normal(x, torch.ones_like(x)), 1), [TanhTransform()])

    model = tw.adapt(encode=encode)
    with pytest.raises(Refused, match="posterior means"):
        disentanglement(model, sized(2, 3, copies=10))


def test_a_code_that_gives_one_dimension_twice_has_an_infinite_total_correlation_which_is_withheld():
    model = tw.adapt(encode=lambda x: (torch.cat([x, x], 1), torch.zeros(len(x), 4)))
    account = disentanglement(model, sized(2, 3, copies=10), metrics=["gaussian_tc"])
    assert account.withheld["gaussian_tc_of_means"].startswith("it reads inf nats")
    assert account["gaussian_tc_of_aggregate"].stderr > 0


def test_a_limit_and_a_seed_decide_which_examples_are_used_and_leave_the_random_state():
    data, state = sized(2, 3, copies=100), torch.random.get_rng_state()
    told = []
    few = {"metrics": ["mig", "sap"], "limit": 240, "repeats": 3}
    first = disentanglement(reader(), data, seed=1, progress=lambda *said: told.append(said), **few)
    assert first["mig"].value == pytest.approx(1, abs=0.03)  # each code has kept its own factors
    assert first["mig"].n == 240 and told == [("mig", 0.0), ("sap", 0.5)]
    assert "3 disjoint parts of 80 examples" in first["sap"].estimator
    assert disentanglement(reader(), data, seed=1, **few).readings == first.readings
    assert disentanglement(reader(), data, seed=2, **few)["mig"].value != first["mig"].value
    assert torch.equal(torch.random.get_rng_state(), state)


def test_mistakes_are_said():
    data = sized(2, 3, copies=10)
    with pytest.raises(UnknownName, match="Did you mean 'mig'"):
        disentanglement(reader(), data, metrics=["migg"])
    with pytest.raises(Refused, match="two repeats"):
        disentanglement(reader(), data, repeats=1)
    with pytest.raises(Refused, match="known factors"):
        disentanglement(reader(), data_of(data.tensor()), metrics=["sap"])
    with pytest.raises(BadData, match="times among the"):
        disentanglement(reader(), data, metrics=["sap"], repeats=10)
    for encode in (lambda x: (x / 0, x), lambda x: Independent(Laplace(x / 0, 1, validate_args=False), 1)):
        with pytest.raises(NotFinite, match="means that are not finite"):
            disentanglement(tw.adapt(encode=encode), data)
    with pytest.raises(BadData, match="posterior means that are not finite"):  # a Cauchy law has no mean
        disentanglement(tw.adapt(encode=lambda x: Independent(Cauchy(x, torch.ones_like(x)), 1)), data)
    assert "explicitness was not measured" in " ".join(disentanglement(reader(), data, repeats=10).diagnosis)


def test_the_mean_of_parts_errs_by_their_spread_over_the_root_of_their_number():
    factors = factors_from(np.arange(4000)[:, None] % 2)
    codes = np.random.default_rng(0).standard_normal((4000, 2))

    def scores(part, of, seed):
        assert len(part) == len(of) == 200
        return {"mean": Score(float(part.mean()), (float(part[:, 0].mean()),))}

    estimate = over_parts(scores, codes, factors, 20, seed=0)["mean"]
    assert estimate.score.value == pytest.approx(codes.mean())  # the parts are disjoint, and all of it
    assert estimate.score.by_factor == pytest.approx((codes[:, 0].mean(),))
    # Known to 1 / sqrt(2 * 19) = 16% itself.
    assert estimate.stderr.value == pytest.approx(1 / np.sqrt(8000), rel=0.65)
    assert estimate.stderr.by_factor[0] == pytest.approx(1 / np.sqrt(4000), rel=0.65)
    assert estimate.reach == pytest.approx(2.093, abs=1e-3)  # Student's, of 19 degrees


def test_the_bootstraps_error_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).standard_normal(500)
    estimate = bootstrapped(lambda weights: Score(float(weights @ values / weights.sum())), 500, seed=0)
    assert estimate.score.value == pytest.approx(values.mean())
    assert estimate.stderr.value == pytest.approx(values.std() / np.sqrt(500), rel=4 / np.sqrt(400))
