"""The curve of one decoder against closed forms, quadrature, and what it must be; the encoder's point beside it."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Laplace, Normal

from helpers.exact_evidence import dataset, linear, with_exact_posterior
from termwise.errors import Refused
from termwise.measuring.rate_distortion import rate_distortion
from termwise.measuring.rate_distortion.certified import certifiable
from termwise.measuring.rate_distortion.excess import excess
from termwise.measuring.rate_distortion.marked_chains import marked_chains, with_marks
from termwise.measuring.rate_distortion.rate_distortion import _prepared
from termwise.measuring.rate_distortion.tempered import tempered
from termwise.models import VAE, Draw
from termwise.models.scaler import ScaledLaw, Scaler
from termwise.worlds import LinearGaussian

BETAS = [0.3, 1.0, 3.0, 10.0]
N = 60


@pytest.fixture(scope="module")
def world():
    return LinearGaussian.random(seed=1, latent=2, dimension=4)


@pytest.fixture(scope="module")
def examples(world):
    return dataset(world.data(N, seed=3))


def apart(world, x, betas, temperatures, chains=8):
    """log Z_b and the distortion of chains less the closed form's, of the same examples: their means and errors."""
    torch.manual_seed(0)
    grid = 1 / torch.tensor(betas, dtype=torch.float64).flip(0)
    path, kernels = _prepared(Draw(world, x), grid, chains, 3)
    schedule = with_marks(kernels.schedule(temperatures), grid)
    shown = marked_chains(path, kernels, schedule, grid, chains)
    truth = [world.rate_distortion(beta, x) for beta in betas]
    for name in ("log_partition", "distortion"):
        off = getattr(shown, name).flip(1) - torch.stack([of[name] for of in truth], 1)
        yield off.mean(0).tolist(), (off.std(0) / len(x) ** 0.5).tolist()


def test_every_point_is_on_the_closed_form_curve_within_its_certificate(world, examples):
    """Paired by example, four errors: log Z_b is low by the gap at the most, the distortion off by no more."""
    curve = rate_distortion(world, examples, betas=BETAS, temperatures=60, simulated=40)
    assert curve.data["betas"] == curve.data["certified_betas"] == BETAS
    gaps = curve["bdmc_gap_by_beta"]
    (lower, lower_error), (fit, fit_error) = apart(world, world.data(N, seed=3), BETAS, 60)
    for place, beta in enumerate(BETAS):
        assert gaps.value[place] < 0.1 + 4 * gaps.stderr[place]
        error = 4 * (lower_error[place] ** 2 + gaps.stderr[place] ** 2) ** 0.5
        assert -4 * lower_error[place] < -lower[place] < gaps.value[place] + error, beta
        assert abs(fit[place]) < 4 * fit_error[place] + max(0.0, gaps.value[place]), beta
        # rate + b distortion is minus log Z_b
        rate, distortion = (curve[f"{name}_by_beta"].value[place] for name in ("rate", "distortion"))
        assert rate + distortion / beta == pytest.approx(-curve["log_partition_by_beta"].value[place], abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_any_world_at_any_beta_is_within_its_certificate(seed):
    """Of one to five dimensions, wide and narrow likelihoods."""
    own = LinearGaussian.random(seed, latent=1 + seed % 5, dimension=3 + seed, sigma=(0.3, 1.0)[seed % 2])
    x, betas = own.data(N, seed=seed), [0.25, 1.0, 4.0, 16.0]
    curve = rate_distortion(own, dataset(x), betas=betas, temperatures=100, simulated=60)
    gaps = curve["bdmc_gap_by_beta"]
    truth = [float(own.rate_distortion(beta, x)["log_partition"].mean()) for beta in betas]
    for lower, exact, gap, error in zip(
        curve["log_partition_by_beta"].value, truth, gaps.value, gaps.stderr, strict=True
    ):
        assert -4 * error < exact - lower < max(gap, 0.0) + 4 * error


def test_few_temperatures_are_seen_by_the_certificate_and_keep_the_bound(world, examples):
    """One temperature from the prior is far too few: the curve is off, above, and the gap says at least how far."""
    coarse = rate_distortion(world, examples, betas=[0.33, 0.4], temperatures=1, chains=1, simulated=200)
    (lower, error), _ = apart(world, world.data(N, seed=3), [0.33, 0.4], 1, chains=1)
    gap, of_gap = coarse["bdmc_gap_by_beta"].value[0], coarse["bdmc_gap_by_beta"].stderr[0]
    assert lower[0] < -1 - 4 * error[0]
    assert gap > 4 * of_gap
    assert "NOT shown" in " ".join(coarse.diagnosis)


def test_chains_count_by_their_weights(world):
    """Two steps from the prior and many chains: the weights do the work; without them D is half the prior's."""
    (lower, _), (fit, error) = apart(world, world.data(20, seed=3), [3.0, 10.0], 1, chains=600)
    for place in (0, 1):
        assert abs(fit[place]) < 4 * error[place] + 0.05  # of self-normalised weights the bias is of order 1 / 600
        assert abs(lower[place]) < 0.05


def test_the_closed_form_is_a_gaussian_integral(world):
    """log_partition by quadrature over z in the plane, and the distortion as minus its derivative."""
    x, beta = world.data(3), 0.7
    axis = torch.linspace(-8, 8, 401, dtype=torch.float64)
    z = torch.cartesian_prod(axis, axis)
    log_prior = Independent(Normal(torch.zeros(2).double(), 1.0), 1).log_prob(z)
    decoded = world.generate(z).mean
    for one in x.double():
        log_lik = Independent(Normal(decoded, world.sigma), 1).log_prob(one)
        whole = torch.logsumexp(log_prior + log_lik / beta, 0) + 2 * math.log(16 / 400)
        weights = (log_prior + log_lik / beta).softmax(0)
        at = world.rate_distortion(beta, one[None])
        assert float(at["log_partition"]) == pytest.approx(float(whole), abs=1e-6)
        assert float(at["distortion"]) == pytest.approx(-float((weights * log_lik).sum()), abs=1e-6)


def test_the_encoder_that_is_exact_is_on_the_curve_at_beta_1():
    world = with_exact_posterior(linear(2, 0.5))
    found = rate_distortion(world, dataset(world.data(N, seed=1)), betas=BETAS, temperatures=60, simulated=20)
    for name in ("excess_rate", "excess_distortion"):
        # 100 codes an example and 8 chains: their noise, not that over x, which both sides share
        assert abs(found[name].value) < 0.15, name
    assert 0.6 < found.data["excess_rate_beta"] < 1.6


def test_an_encoder_that_is_off_has_the_closed_form_excess():
    """Inflated and off centre: its rate and distortion are known, and so is the least over beta of their line."""
    world = linear(2, 0.5, inflate=3.0, off=1.0)
    x = world.data(N, seed=1)
    found = rate_distortion(world, dataset(x), betas=[0.6, 1.0, 1.4, 2.5, 5.0, 10.0], temperatures=60, simulated=20)
    law = world.infer(x)[0]
    rate = torch.distributions.kl_divergence(law.base_dist, Normal(0.0, 1.0)).sum(1).double().mean()
    away = x.double() - law.mean.double() @ world.decoder.T - world.decoder_offset
    spread = (law.variance.double()[:, None, :] * world.decoder.square()).sum((1, 2))
    constant = 0.5 * x.shape[1] * math.log(2 * math.pi * world.sigma**2)
    distortion = constant + float((away.square().sum(1) + spread).mean()) / (2 * world.sigma**2)
    fine = [0.6 * 16 ** (k / 400) for k in range(401)]
    lines = [float(rate) + distortion / b + float(world.rate_distortion(b, x)["log_partition"].mean()) for b in fine]
    assert found["rate"].value == pytest.approx(float(rate), abs=0.1)  # 100 codes of 60 examples
    assert found["distortion"].value == pytest.approx(distortion, abs=0.2)
    assert found["excess_rate"].value == pytest.approx(min(lines), abs=0.25)
    best = min(line * b for line, b in zip(lines, fine, strict=True))
    assert found["excess_distortion"].value == pytest.approx(best, abs=0.25)


def test_an_encoder_beyond_the_prior_pays_its_rate_for_nothing():
    """Where the distortion is above that of the prior's own codes no nat is needed: the excess is the rate."""
    powers = torch.tensor([0.5, 1.0, 2.0]).double()
    flat = torch.zeros(4, 3).double()
    found = excess(torch.full((4,), 2.0).double(), torch.full((4,), 50.0).double(), powers, flat, flat, of_rate=True)
    assert found.values.mean() == 2.0 and found.power == 0.0 and not found.at_end


class Plane(nn.Module):
    """A decoder of three pixels, not linear: logits tanh(W z) W'."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = nn.Linear(1, 4), nn.Linear(4, 3)

    def forward(self, z):
        return 4 * self.outer(torch.tanh(3 * self.inner(z)))


def test_a_bernoulli_against_quadrature_and_certified_at_1_alone():
    torch.manual_seed(0)
    model = VAE(nn.Linear(3, 2), Plane(), shape=(3,), latent=1, likelihood="bernoulli").eval()
    x = (torch.rand(40, 3) < 0.5).float()
    found = rate_distortion(model, dataset(x), betas=[0.25, 1.0, 2.0], temperatures=100, chains=16, simulated=40)
    assert found.data["certified_betas"] == [1.0]
    z = torch.linspace(-9, 9, 4001).double()[:, None]
    with torch.no_grad():
        logits = model.double().decoder(z)
    log_lik = Bernoulli(logits=logits[:, None]).log_prob(x.double()).sum(-1)  # (G, N)
    log_prior = Normal(0.0, 1.0).log_prob(z)
    for place, beta in enumerate([0.25, 1.0, 2.0]):
        whole = torch.logsumexp(log_prior + log_lik / beta, 0) + math.log(18 / 4000)
        weights = (log_prior + log_lik / beta).softmax(0)
        distortion = float(-(weights * log_lik).sum(0).mean())
        assert found["log_partition_by_beta"].value[place] == pytest.approx(float(whole.mean()), abs=0.03)
        assert found["distortion_by_beta"].value[place] == pytest.approx(distortion, abs=0.12)


def test_a_law_to_a_power_is_that_over_its_normaliser():
    x = torch.linspace(-3, 3, 7)[:, None]
    scaler = Scaler(torch.tensor([1.0]), torch.tensor([2.0]), (1,))
    for law in (
        Independent(Normal(torch.zeros(7, 1), 0.7), 1),
        Independent(Laplace(torch.zeros(7, 1), 0.7), 1),
        ScaledLaw(Independent(Normal(torch.zeros(7, 1), 0.7), 1), scaler),
    ):
        apart = tempered(law, 2.5).log_prob(x) - 2.5 * law.log_prob(x)
        assert float(apart.max() - apart.min()) < 1e-5  # one constant: minus log of the normaliser
        fine = torch.linspace(-20, 20, 7 * 4001).double()
        at = tempered(law, 2.5)
        rows = torch.stack([at.log_prob(some[:, None]) for some in fine.view(-1, 7)])
        assert float(rows.exp().sum() * 40 / (7 * 4001 - 1)) == pytest.approx(1.0, abs=1e-4)
    own_sigma = Independent(Normal(torch.zeros(2, 1), torch.tensor([[0.5], [0.6]])), 1)
    assert tempered(own_sigma, 2.0) is None  # its normaliser depends on z
    assert tempered(own_sigma, 1.0) is own_sigma


def test_what_is_certified_is_spread_over_the_betas_and_has_1(world, examples):
    draw = Draw(world, world.data(4))
    chosen = certifiable(draw, torch.tensor([2.0 ** (k / 2) for k in range(-12, 5)]).double()).tolist()
    assert len(chosen) == 5 and 1.0 in chosen and chosen[0] == 2**-6 and chosen[-1] == 4.0


def test_the_model_and_the_random_state_stay(world, examples):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one = rate_distortion(world, examples, betas=[0.5, 1.0], temperatures=3, simulated=2, limit=8)
    two = rate_distortion(world, examples, betas=[0.5, 1.0], temperatures=3, simulated=2, limit=8)
    assert torch.equal(before, torch.random.get_rng_state())
    assert one.to_json() == two.to_json()


def test_a_posterior_without_a_density_has_the_curve_alone():
    torch.manual_seed(0)
    model = VAE.build((4,), latent=2, posterior="noise-input", likelihood="normal:0.5", options={"hidden": [8]}).eval()
    found = rate_distortion(model, dataset(torch.randn(12, 4)), betas=[0.5, 1.0], temperatures=4, simulated=2)
    assert "rate_by_beta" in found and "rate" not in found and "excess_rate" not in found
    assert any("no density" in sentence for sentence in found.diagnosis)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"betas": [1.0]}, "two values of beta"),
        ({"simulated": 1}, "two simulated examples"),
        ({"simulated": 0}, "say temperatures"),
    ],
)
def test_what_cannot_be_is_refused(world, examples, options, words):
    with pytest.raises(Refused, match=words):
        rate_distortion(world, examples, **options)


def test_grey_values_under_a_bernoulli_are_said():
    torch.manual_seed(0)
    model = VAE.build((4,), latent=1, likelihood="bernoulli", options={"hidden": [4]}).eval()
    x = torch.rand(8, 4)
    for data, said in ((x, True), (x.round(), False)):
        found = rate_distortion(model, dataset(data), betas=[0.5, 1.0], temperatures=2, simulated=2)
        assert ("unnormalised" in found["distortion_by_beta"].bias) is said
        assert "unnormalised" not in found["rate"].bias


def test_codes_of_categories_are_refused_in_words():
    model = VAE.build((4,), latent=6, posterior="categorical", prior="uniform", likelihood="normal:0.5")
    with pytest.raises(Refused, match="categories"):
        rate_distortion(model, dataset(torch.randn(8, 4)))
