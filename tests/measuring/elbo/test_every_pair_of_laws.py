"""Every posterior under every prior of the tables: the rate and log p(x) are those of quadrature, or are refused.

Codes have one dimension, and all weights are random, so that no law is at its start.
"""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models.blocks import DISCRETE
from termwise.models.posteriors import ImplicitPosterior
from termwise.models.priors import MixturePrior

COUNT, SAMPLES = 12, 20
GRID = torch.linspace(-20, 20, 2001)
STEP = float(GRID[1] - GRID[0])
PRIORS = list(tw.PRIORS)
CATEGORIES = (*DISCRETE, "uniform", "learned-categories", "autoregressive")
"""Posteriors and priors of categories or codewords, and not of numbers."""
STOOD_FOR = (
    ("full-normal", "conditional"),
    ("laplace", "conditional"),
    ("student-t", "conditional"),
    ("ladder", "blocks"),
    ("student-t", "blocks"),
    ("blocks", "conditional"),
    ("laplace", "mixture"),
    ("diagonal-normal", "vamp"),
)
"""Pairs of which each law has two others at least that are no slow tests."""


def model_of(posterior, prior, size=0.1):
    torch.manual_seed(1)
    small = {"components": 3} if "components" in tw.PRIORS[prior].options else {}
    model = tw.VAE.build((4,), 1, options={"hidden": [8]}, posterior=posterior, prior=prior, prior_options=small)
    with torch.no_grad():
        for part in (model.family, model.prior, model.decoder):
            for parameter in part.parameters():
                parameter.add_(size * torch.randn_like(parameter))
    return model.eval()


def on_grid(law, count):
    """log density of each of a batch of laws on the grid, shape (count, G), float64."""
    return law.log_prob(GRID[:, None, None].expand(-1, count, 1)).double().T


def data():
    torch.manual_seed(0)
    return torch.rand(COUNT, 4).round()


def is_slow(posterior, prior):
    """Whether a flow is one of the two, or the prior a mixture, but for posteriors that stand for all others."""
    of_mixture = prior in ("mixture", "vamp") and posterior not in ("diagonal-normal", "laplace", "categorical")
    beside = (posterior, prior) in STOOD_FOR
    return beside or of_mixture or prior == "flow" or (posterior == "flow" and prior != "standard-normal")


@pytest.mark.parametrize(
    ("posterior", "prior"),
    [
        pytest.param(posterior, prior, marks=pytest.mark.slow if is_slow(posterior, prior) else ())
        for posterior in tw.POSTERIORS
        for prior in PRIORS
    ],
)
def test_the_rate_is_that_of_quadrature_or_is_refused(posterior, prior):
    x = data()
    of_posteriors = prior == "vamp" and posterior == "categorical"
    of_codewords = posterior in DISCRETE and posterior != "categorical"
    suited = (posterior in DISCRETE) == (prior in CATEGORIES or of_posteriors)
    if not suited or prior == ("learned-categories" if of_codewords else "autoregressive"):
        no_average = of_codewords and prior == "vamp"
        said = "average of posterior densities" if no_average else "there is no KL between the two"
        with pytest.raises(Refused, match=said):
            tw.measure(model_of(posterior, prior), x)
        return
    model = model_of(posterior, prior)
    if prior == "autoregressive":  # of one position, so that it is a table
        with torch.no_grad():
            law = model.encode(x)
            table = model.prior.network(torch.zeros(1, 0, dtype=torch.long)).double().log_softmax(-1).flatten()
        reading = tw.measure(model, x)["rate"]
        assert reading.value == pytest.approx(-float(table[law.indices].mean()), abs=1e-6)
        assert reading.estimator == "closed form" and table.std() > 0
        return
    if posterior in CATEGORIES:  # of one category here, of more below; of as many codewords as are the default
        nats = math.log(len(model.family.codebook())) if of_codewords else 0.0
        assert tw.measure(model, x)["rate"].value == pytest.approx(nats, abs=1e-6)
        return
    with torch.no_grad():
        law = model.encode(x)
        implicit = isinstance(law, ImplicitPosterior)
        if implicit and prior == "vamp":
            with pytest.raises(Refused, match="average of posterior densities, and this posterior has none"):
                tw.measure(model, x)
            return
        account = tw.measure(model, x, samples=SAMPLES if not implicit else 1, noises=8)
        if implicit:  # whose bounds are held against quadrature elsewhere
            assert law.last_scale is not None or any("has no density" in sentence for sentence in account.diagnosis)
            assert law.last_scale is None or account["rate"].bounds is not None
            return
        log_q, log_p = on_grid(law, COUNT), model.prior_law().log_prob(GRID[:, None]).double()
    q = log_q.exp()
    torch.testing.assert_close(q.sum(1) * STEP, torch.ones(COUNT).double(), atol=5e-3, rtol=0)
    ratio = torch.where(q > 0, log_q - log_p, 0.0)
    rate = (q * ratio).sum(1) * STEP
    variance = (q * (ratio - rate[:, None]).square()).sum(1) * STEP
    reading = account["rate"]
    error = 4.5 * math.sqrt(float(variance.sum()) / SAMPLES) / COUNT
    exact = reading.estimator == "closed form"
    assert abs(reading.value - float(rate.mean())) < 1e-2 * float(rate.mean()) + (5e-3 if exact else error + 5e-3), (
        reading
    )
    closed = ("diagonal-normal", "full-normal", "laplace", "student-t", "ladder")
    normal = prior in ("standard-normal", "conditional") and posterior in closed
    assert exact == (normal or posterior == prior == "blocks")
    log_aggregate = log_q.logsumexp(0) - math.log(COUNT)
    told = torch.where(q > 0, log_q - log_aggregate, 0.0)
    mi = (q * told).sum(1) * STEP
    error = 4.5 * math.sqrt(float((q * (told - mi[:, None]).square()).sum()) * STEP / SAMPLES) / COUNT
    assert abs(account["index_code_mi"].value - float(mi.mean())) < error + 5e-3
    assert account["marginal_kl"].value == pytest.approx(reading.value - account["index_code_mi"].value, abs=1e-9)


@pytest.mark.parametrize("prior", ["uniform", "learned-categories"])
def test_the_rate_of_categories_is_a_sum_over_them(prior):
    torch.manual_seed(1)
    model = tw.VAE.build((4,), 5, options={"hidden": [8]}, posterior="categorical", prior=prior).eval()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(torch.randn_like(parameter))
        x = data()
        log_q, log_p = model.encode(x).log_probs.double().squeeze(1), model.prior_law().log_probs.double()
    account = tw.measure(model, x)
    assert account["rate"].value == pytest.approx(float((log_q.exp() * (log_q - log_p)).sum(1).mean()), abs=1e-6)
    assert account["rate"].estimator == "closed form"


@pytest.mark.parametrize("prior", [name for name in PRIORS if name not in CATEGORIES])
def test_log_p_of_x_is_that_of_quadrature(prior):
    model, x = model_of("diagonal-normal", prior), data()[:8]
    with torch.no_grad():
        log_p = model.prior_law().log_prob(GRID[:, None]).double()
        joint = torch.stack([model.decode(GRID[:, None]).log_prob(one.expand(len(GRID), 4)).double() for one in x])
        exact = (joint + log_p).logsumexp(1) + math.log(STEP)
    for options in (
        {"method": "ais", "temperatures": 16, "simulated": 0, "chains": 16},
        {"method": "iwae", "samples": 500},
    ):
        account = tw.log_likelihood(model, x, **options)
        found = account.per_example["log_likelihood"]
        off = found - exact
        assert abs(off.mean()) < 4.5 * off.std() / math.sqrt(len(off)) + 0.01, options


def test_the_vamp_prior_of_the_data_is_the_aggregate():
    model, x = model_of("full-normal", "standard-normal"), torch.rand(70, 4).round()
    prior = tw.VAE.build((4,), 1, options={"hidden": [8]}, prior=f"vamp:{len(x)}").prior
    prior.begin(x)
    model.prior = prior
    account = tw.measure(model, x, samples=2)
    assert abs(account["marginal_kl"].value) < 1e-5 and account["marginal_kl"].stderr < 1e-5
    assert account["rate"].value == pytest.approx(account["index_code_mi"].value, abs=1e-5)


def test_codes_of_the_components_of_a_mixture_prior_have_no_marginal_kl():
    """x names a component, and q(z|x) is that component: q(z) is the prior where all have their share."""
    torch.manual_seed(3)
    prior = MixturePrior(2, components=4)
    with torch.no_grad():
        prior.mean.mul_(4)
    normals = prior().component_distribution.base_dist

    def encode(x):
        which = x.argmax(1)
        return torch.distributions.Independent(torch.distributions.Normal(normals.loc[which], normals.scale[which]), 1)

    x = torch.eye(4).repeat(100, 1)
    with torch.no_grad():
        account = tw.measure(tw.adapt(encode, prior=prior()), x)
    assert abs(account["marginal_kl"].value) < 1e-5
    assert "dimension_wise_kl" not in account and account["total_correlation"].value > 0.04


@pytest.mark.parametrize("prior", ["mixture", "vamp", "flow"])
def test_what_a_prior_that_does_not_factorise_has_not_is_left_out(prior):
    account = tw.measure(model_of("diagonal-normal", prior), data())
    assert "dimension_wise_kl" not in account and "dimension_wise_kl_by_dimension" not in account
    assert {"marginal_kl", "total_correlation", "index_code_mi"} <= set(account)
