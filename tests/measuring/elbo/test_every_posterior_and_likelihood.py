"""Every posterior with every likelihood: distortion and log p(x) are those of sums and quadrature.

The distortion knows no prior and the rate no likelihood, so that with every posterior under every prior
(`test_every_pair_of_laws.py`) all three are covered. Weights are random; a code is one number, or three categories.
"""

import math

import pytest
import torch

import termwise as tw
from termwise.models.categories import Categories

COUNT, SAMPLES = 10, 16
SHAPE = (1, 2, 2)
GRID = torch.linspace(-12, 12, 601)
STEP = float(GRID[1] - GRID[0])
OTHERS = ("columns", "bernoulli-probabilities", "poisson-means")
"""Of a table, column by column; and of decoders that end in a function of their own."""
QUANTISED = ("vector-quantized", "finite-scalar")
"""Points, whose account is a count; those without a density have bounds. Both are held elsewhere."""
LIKELIHOODS = [name for name in tw.LIKELIHOODS if name not in OTHERS]
POSTERIORS = [name for name in tw.POSTERIORS if not name.startswith("noise-") and name not in QUANTISED]
PAIRS = [(posterior, likelihood) for posterior in POSTERIORS for likelihood in LIKELIHOODS]
QUICK = {(one, LIKELIHOODS[place % len(LIKELIHOODS)]) for place, one in enumerate(POSTERIORS)} - {
    ("flow", "autoregressive")
}


def model_of(posterior, likelihood):
    torch.manual_seed(1)
    prior = "uniform" if posterior == "categorical" else "standard-normal"
    spec = next((example for example in tw.LIKELIHOODS[likelihood].examples if ":" in example), likelihood)
    model = tw.VAE.build(
        SHAPE,
        3 if posterior == "categorical" else 1,
        options={"hidden": [6]},
        posterior=posterior,
        prior=prior,
        likelihood=spec,
    )
    with torch.no_grad():
        for part in (model.family, model.decoder):
            for parameter in part.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def reference(model, law, x):
    """Of codes that stand for all: log mass under q(z|x), (K, N), and the prior, (K,); log p(x|z), (K, N); float64."""
    if isinstance(law, Categories):
        codes, log_step = torch.eye(3), 0.0
        log_q = law.log_probs.squeeze(1).T
    else:
        codes, log_step = GRID[:, None], math.log(STEP)
        log_q = law.log_prob(codes.unsqueeze(1).expand(-1, len(x), 1)) + log_step
    log_p_x = torch.stack([model.decode(codes).log_prob(one.expand(len(codes), *SHAPE)) for one in x], 1)
    return log_q.double(), (model.prior_law().log_prob(codes) + log_step).double(), log_p_x.double()


@pytest.mark.parametrize(
    ("posterior", "likelihood"),
    [pytest.param(*pair, marks=() if pair in QUICK else pytest.mark.slow) for pair in PAIRS],
)
def test_the_distortion_and_log_p_of_x_are_those_of_sums_and_quadrature(posterior, likelihood):
    model = model_of(posterior, likelihood)
    x = model.decode(model.prior_law().sample((COUNT,))).sample().float().detach()
    with torch.no_grad():  # so that codes of large counts lie on the grid
        next(model.encoder.parameters()).div_(max(1.0, float(x.abs().max())))
    data = tw.load_data(x, test=0.0, standardize=False)
    account = tw.measure(model, data, samples=SAMPLES)
    law = model.encode(x)
    with torch.no_grad():
        log_q, log_p, log_p_x = reference(model, law, x)
    q = log_q.exp()
    torch.testing.assert_close(q.sum(0), torch.ones(COUNT).double(), atol=1e-2, rtol=0)
    distortion = -(q * log_p_x).sum(0)
    variance = (q * (log_p_x + distortion).square()).sum(0)
    error = 4.5 * math.sqrt(float(variance.sum()) / SAMPLES) / COUNT
    assert abs(account["distortion"].value - float(distortion.mean())) < error + 5e-3
    exact = (log_p[:, None] + log_p_x).logsumexp(0)
    found = tw.log_likelihood(model, data, method="iwae", samples=1000).per_example
    off = found["log_likelihood"] - exact
    weight = log_p[:, None] + log_p_x - log_q - exact  # p(z|x) / q(z|x)
    relative = ((log_q + 2 * weight).logsumexp(0).exp() - 1).clamp(min=0) / 1000  # its variance, of 1000 codes
    assert abs(float(off.mean())) < 4.5 * float(relative.sum().sqrt()) / COUNT + float(relative.mean()) + 5e-3
