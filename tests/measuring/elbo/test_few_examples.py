"""From two examples up the links are exact for the points; and of none are there numbers that are not."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

import termwise as tw
from helpers.brute_force import component_log_prob
from termwise.account.guard import unguarded
from termwise.errors import NotFinite

LINKS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


def diagonal(mean, scale):
    return Independent(Normal(mean, scale), 1)


def full(mean, scale):
    lower = torch.randn(*mean.shape, mean.shape[1]).tril(-1) * 0.5
    return MultivariateNormal(mean, scale_tril=lower + torch.diag_embed(scale))


def mixture(mean, scale):
    """Of two normals, of which the second lies off the first, and weighs as chance would have it."""
    means = torch.stack([mean, mean + torch.randn_like(mean)], 1)
    parts = Independent(Normal(means, torch.stack([scale, scale.flip(0)], 1)), 1)
    return MixtureSameFamily(Categorical(logits=torch.randn(len(mean), 2)), parts)


def at(posterior, rows):
    """The posteriors of some examples, in float64."""
    if isinstance(posterior, MultivariateNormal):
        return MultivariateNormal(posterior.loc[rows].double(), scale_tril=posterior.scale_tril[rows].double())
    if isinstance(posterior, Independent):
        return diagonal(posterior.base_dist.loc[rows].double(), posterior.base_dist.scale[rows].double())
    parts = posterior.component_distribution.base_dist
    return MixtureSameFamily(
        Categorical(logits=posterior.mixture_distribution.logits[rows].double()),
        diagonal(parts.loc[rows].double(), parts.scale[rows].double()),
    )


def by_dimension(posterior, z):
    """log q(z_nj|x_m), float64, shape (N, N, D)."""
    if not isinstance(posterior, MixtureSameFamily):
        return component_log_prob(z, posterior.mean, posterior.variance.sqrt())
    parts = posterior.component_distribution.base_dist
    weights = posterior.mixture_distribution.logits.log_softmax(-1)
    each = [component_log_prob(z, parts.loc[:, k], parts.scale[:, k]) + weights[:, k, None] for k in range(2)]
    return torch.logaddexp(*each)


def brute(posterior, z):
    """The links of the points at codes z, one for each example, by example: every pair in memory, in float64."""
    whole, z, n = at(posterior, slice(None)), z.double(), len(z)
    pairs = torch.stack([at(posterior, slice(m, m + 1)).log_prob(z) for m in range(n)], 1)
    alone = by_dimension(whole, z)
    mi = pairs.diagonal() - (pairs.logsumexp(1) - math.log(n))
    mi_of_dimensions = (alone.diagonal().T - (alone.logsumexp(1) - math.log(n))).sum(1)
    if isinstance(posterior, MixtureSameFamily):  # no entropy, no KL in closed form: at the codes
        rate = pairs.diagonal() - Normal(0.0, 1.0).log_prob(z).sum(1)
        tc = mi_of_dimensions - mi + pairs.diagonal() - alone.diagonal().T.sum(1)
    else:
        standard = diagonal(torch.zeros_like(z), torch.ones_like(z))
        if isinstance(whole, MultivariateNormal):
            standard = MultivariateNormal(torch.zeros_like(z), torch.eye(z.shape[1], dtype=torch.float64))
        rate = torch.distributions.kl_divergence(whole, standard)
        entropies = 0.5 * (2 * math.pi * math.e * whole.variance).log().sum(1)
        tc = mi_of_dimensions - mi + entropies - whole.entropy()
    values = (mi, rate - mi, tc, rate - mi - tc)
    return dict(zip(LINKS, values, strict=True))


SLOW = [pytest.param(latent, marks=pytest.mark.slow) for latent in (1, 3, 4, 5)]


@pytest.mark.parametrize("make", [pytest.param(diagonal, marks=pytest.mark.slow), full, mixture])
@pytest.mark.parametrize("latent", [2, *SLOW])
def test_from_two_examples_up_the_links_of_the_points_are_those_of_brute_force(make, latent):
    for n in range(2, 21):
        torch.manual_seed(n)
        posterior = make(1.5 * torch.randn(n, latent), (torch.randn(n, latent) - 1).exp())
        codes = []

        def decode(z, codes=codes):
            codes.append(z)
            return z

        model = tw.adapt(encode=lambda x, law=posterior: law, decode=decode, likelihood="normal:1.0")
        with unguarded():  # what is computed, and not what the guard holds back
            account = tw.measure(model, torch.arange(n * latent).view(n, latent).float())
        for name, values in brute(posterior, codes[1]).items():
            reading = account[name]
            assert reading.value == pytest.approx(float(values.mean()), abs=2e-5), (n, name)
            assert reading.stderr == pytest.approx(float(values.std()) / math.sqrt(n), abs=2e-5), (n, name)
        for name, reading in account.by_dimension.items():
            assert all(map(math.isfinite, [*reading.value, *reading.stderr])), (n, name)


def test_a_model_of_four_points_with_a_normal_posterior_has_all_its_links(tmp_path):
    run = tw.train(data="four-points", recipe="vae", epochs=2, out=tmp_path / "run", progress=False)
    links = [run.account[name].value for name in LINKS]
    assert all(map(math.isfinite, links))
    assert links[0] + links[1] == pytest.approx(run.account["rate"].value, abs=1e-5)
    assert not any("No fault shows" in sentence for sentence in run.account.diagnosis)  # it has collapsed


def test_the_one_example_whose_distortion_is_no_number_is_said():
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    x[7] = 50.0
    decode = {"likelihood": "normal:1", "decode": lambda z: torch.where(z.abs() > 20, 1e25, z)}
    model = tw.adapt(encode=lambda x: (x, torch.full_like(x, -6.0)), **decode)
    with pytest.raises(NotFinite, match="The distortion is inf for 1 "):
        tw.measure(model, x)
