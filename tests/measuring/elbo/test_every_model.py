"""Every posterior, prior and likelihood of the tables, at weights from ordinary to extreme: right, or refused."""

import math

import pytest
import torch

import termwise as tw
from termwise.account.guard import unguarded

SPECS = [example for row in tw.LIKELIHOODS.values() for example in row.examples]
COUNT, LATENT = 40, 2


def examples_of(spec):
    """Such examples as the likelihood is for."""
    torch.manual_seed(0)
    if spec.startswith("categorical"):
        return torch.randint(0, int(spec.split(":")[1]) if ":" in spec else 4, (COUNT, 6)).float()
    x = torch.rand(COUNT, 6)
    return x.round() if spec.startswith("bernoulli") else x


@pytest.mark.parametrize("size", [1.0, 6.0, 12.0, 1e4])
@pytest.mark.parametrize("prior", list(tw.PRIORS))
@pytest.mark.parametrize("posterior", list(tw.POSTERIORS))
@pytest.mark.parametrize("spec", SPECS)
def test_its_account_is_of_numbers_that_can_be_or_one_message(spec, posterior, prior, size):
    x = examples_of(spec)
    model = tw.VAE.build(
        (6,), LATENT, likelihood=spec, posterior=posterior, prior=prior, network="mlp", options={"hidden": [8]}
    )
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.mul_(size)
    try:
        with unguarded():
            account = tw.measure(model, x, noises=8)
    except tw.TermwiseError as refusal:
        assert size > 1, refusal  # such as a sigma that no number holds
        return
    for name, reading in account.overall.items():
        assert math.isfinite(reading.value), reading
        if name in ("rate", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
            assert reading.value >= -4 * (reading.stderr or 0.0) - 1e-4, reading
    mi = account["index_code_mi"]
    assert mi.value <= math.log(COUNT) + 4 * (mi.stderr or 0.0) + 1e-4
