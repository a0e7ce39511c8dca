"""Every posterior, prior and likelihood of the tables, at weights from ordinary to extreme: right, or refused."""

import math

import pytest
import torch

import termwise as tw
from termwise.account.guard import unguarded
from termwise.models.blocks import DISCRETE

SPECS = [form for form in tw.LIKELIHOODS.shown() if ":" in form and not form.startswith(("columns", "autoregressive"))]
ALSO = ("student", "poisson", "zero", "discretized")
"""Likelihoods of which the sizes and the posteriors are tried in the slow tests alone."""
WITH_FLOW = ("bernoulli", "negative-binomial:observed")
"""Likelihoods beside which a flow, of which every law is asked of every code, is no slow test."""
COUNT, LATENT = 40, 2
ORDINARY_AND_EXTREME = (1.0, 1e4)


def examples_of(spec):
    """Such examples as the likelihood is for."""
    torch.manual_seed(0)
    if spec.startswith("categorical"):
        return torch.randint(0, int(spec.split(":")[1]) if ":" in spec else 4, (COUNT, 6)).float()
    if spec.startswith(("poisson", "negative", "zero")):
        return torch.poisson(9 * torch.rand(COUNT, 6))
    x = torch.rand(COUNT, 6)
    if spec.startswith("discretized"):
        return (255 * x).round() / 255
    return x.round() if spec.startswith("bernoulli") else x


TRIPLES = [
    *((spec, posterior, "standard-normal") for spec in SPECS for posterior in tw.POSTERIORS),
    *(("bernoulli", posterior, prior) for posterior in tw.POSTERIORS for prior in tw.PRIORS),
]


def is_slow(spec, posterior, prior):
    """Whether others are tried that differ from it by less than it takes."""
    of_noise = posterior.startswith("noise") and prior not in ("standard-normal", "mixture")
    return (
        of_noise
        or spec.startswith(ALSO)
        or (posterior == "flow" and (spec not in WITH_FLOW or prior in ("vamp", "blocks")))
    )


def cases():
    """All at all sizes; of what is no slow test, every other at an ordinary size, and the rest at an extreme one."""
    quick = 0
    for triple in dict.fromkeys(TRIPLES):
        sizes = {1.0, 6.0, 12.0, 1e4}
        if not is_slow(*triple):
            yield *triple, ORDINARY_AND_EXTREME[quick % 2]
            sizes -= {ORDINARY_AND_EXTREME[quick % 2]}
            quick += 1
        for size in sorted(sizes):
            yield pytest.param(*triple, size, marks=pytest.mark.slow)


@pytest.mark.parametrize(("spec", "posterior", "prior", "size"), list(cases()))
def test_its_account_is_of_numbers_that_can_be_or_one_message(spec, posterior, prior, size):
    x = examples_of(spec)
    small = {"components": 5} if "components" in tw.PRIORS[prior].options else {}
    parts = {"likelihood": spec, "posterior": posterior, "prior": prior, "prior_options": small}
    try:
        model = tw.VAE.build((6,), LATENT, network="mlp", options={"hidden": [8]}, **parts)
        with torch.no_grad():
            for parameter in model.encoder.parameters():
                parameter.mul_(size)
        with unguarded():
            account = tw.measure(model, x, noises=8)
    except tw.TermwiseError as refusal:
        no_average = "average of posterior densities, and this posterior has none" in str(refusal)
        discrete = posterior in DISCRETE, prior in ("uniform", "learned-categories", "autoregressive")
        others = "autoregressive" if posterior == "categorical" else "learned-categories"
        suited = all(discrete) and prior != others
        apart = any(discrete) and not suited and "there is no KL between" in str(refusal)
        assert size > 1 or no_average or apart, refusal  # such as a sigma that no number holds
        return
    for name, reading in account.overall.items():
        assert math.isfinite(reading.value), reading
        if name in ("rate", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
            assert reading.value >= -4 * (reading.stderr or 0.0) - 1e-4, reading
    mi = account["index_code_mi"]
    assert mi.value <= math.log(COUNT) + 4 * (mi.stderr or 0.0) + 1e-4
