"""Implicit posteriors: their moments against quadrature and sampling, and that they are trained, saved and refused."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

import termwise as tw
from termwise.errors import NoDensity, Refused, UnknownName
from termwise.models import VAE
from termwise.models.posteriors import POSTERIORS, moment_matched_normal, posterior_family
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.models.posteriors.noise_basis import NoiseBasis, SineBasis
from termwise.models.posteriors.noise_input import NoiseInput

IMPLICIT = [name for name in POSTERIORS if name.startswith("noise")]
SMALL = {
    "noise-basis": {"bases": 3, "noise": 2, "hidden": 4, "start": 0.8},
    "noise-input": {"noise": 5, "hidden": [7, 6]},
}


def small(name: str, latent: int = 3) -> tuple[torch.nn.Module, torch.Tensor]:
    """A family with a last layer's sigma of 0.3 to 1, and features of five examples; float64."""
    family = posterior_family(name, latent, SMALL[name.removesuffix("+normal")]).double()
    features = torch.randn(5, family.features, dtype=torch.float64)
    if name.endswith("normal"):
        features[:, -latent:].clamp_(math.log(3.0), math.log(10.0))
    return family, features.requires_grad_()


def model_of(name: str) -> VAE:
    options = SMALL[name.removesuffix("+normal")]
    return VAE.build((6,), 2, "mlp", name, "bernoulli", {"hidden": [8]}, options)


def config_of(run: Path) -> dict:
    return tomllib.loads((run / "config.toml").read_text())


@pytest.mark.parametrize("noise", [1, 2])
def test_the_moments_of_the_basis_are_those_of_quadrature(noise):
    basis = SineBasis(latent=3, bases=2, noise=noise, hidden=4).double()
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    nodes = torch.cartesian_prod(*[torch.as_tensor(points)] * noise).reshape(-1, 1, noise)
    mass = torch.as_tensor(weights / math.sqrt(2 * math.pi))
    mass = torch.cartesian_prod(*[mass] * noise).reshape(-1, noise).prod(1)
    values = basis(nodes.expand(-1, 2, -1))  # (G, m, D)
    mean = torch.einsum("g,gmd->md", mass, values)
    covariance = torch.einsum("g,gmd,gme->mde", mass, values - mean, values - mean)
    torch.testing.assert_close(basis.moments(), (mean, covariance), rtol=0, atol=1e-11)


def test_in_the_variance_of_the_code_the_gain_is_squared():
    family, features = small("noise-basis")
    twice = features.detach().clone()
    twice[:, 3:] += math.log(2.0)
    torch.testing.assert_close(family(twice).variance, 4 * family(features).variance)


@pytest.mark.parametrize("name", IMPLICIT)
def test_codes_have_the_moments_that_the_posterior_says(name):
    posterior = small(name)[0](small(name)[1])
    count = 40_000
    with torch.no_grad():
        z = posterior.rsample((count,))
    exact = name.startswith("noise-basis")
    error = z.std(0) / math.sqrt(count) + (0 if exact else 0.005)  # by 512 even noises
    assert ((z.mean(0) - posterior.mean).abs() < 4.5 * error).all()
    spread = (z - z.mean(0)).square()
    error = spread.std(0) / math.sqrt(count) + (0 if exact else 0.01)
    assert ((spread.mean(0) - posterior.variance).abs() < 4.5 * error).all()
    assert not torch.allclose(z[0], z[1]) and z.shape == (count, 5, 3)


@pytest.mark.parametrize("name", IMPLICIT)
def test_the_matched_normal_has_the_mean_and_the_covariance_of_the_codes(name):
    posterior = small(name)[0](small(name)[1])
    count = 40_000
    with torch.no_grad():
        z = posterior.rsample((count,))
        full, diagonal = moment_matched_normal(posterior, 20_000, full=True), moment_matched_normal(posterior, 20_000)
    centred = z - z.mean(0)
    products = centred.unsqueeze(-1) * centred.unsqueeze(-2)  # (S, B, D, D)
    error = products.std(0) / math.sqrt(count / 3)  # of both samples
    assert ((products.mean(0) - full.covariance_matrix).abs() < 4.5 * error).all()
    assert ((z.mean(0) - full.mean).abs() < 4.5 * z.std(0) / math.sqrt(count / 3)).all()
    assert ((products.mean(0).diagonal(dim1=1, dim2=2) - diagonal.variance).abs()
            < 4.5 * error.diagonal(dim1=1, dim2=2)).all()  # fmt: skip
    assert isinstance(full, MultivariateNormal) and isinstance(diagonal, Independent)
    assert (diagonal.batch_shape, diagonal.event_shape) == ((5,), (3,))


def test_the_matched_normal_s_moments_are_unbiased_for_however_few_noises():
    family, features = small("noise-input")
    posterior = family(features.detach())
    with torch.no_grad():
        z = posterior.rsample((40_000,))
        few = torch.stack([moment_matched_normal(posterior, 3).variance for _ in range(1500)])
        full = torch.stack([moment_matched_normal(posterior, 5, full=True).covariance_matrix for _ in range(1500)])
    for found in (few, full.diagonal(dim1=2, dim2=3)):
        error = (found.std(0).square() / len(found) + (z - z.mean(0)).square().std(0).square() / len(z)).sqrt()
        assert ((found.mean(0) - z.var(0)).abs() < 4.5 * error).all()


def test_the_last_layer_is_a_normal_around_its_centre():
    family, features = small("noise-input+normal")
    posterior = family(features)
    assert torch.equal(posterior.last_scale, 0.01 + 0.1 * features[:, -3:].exp())
    bare = ImplicitPosterior(posterior.push)
    torch.manual_seed(4)
    centre, noise = bare.rsample(), torch.randn(1, 5, 3, dtype=torch.float64)
    torch.manual_seed(4)
    assert torch.equal(posterior.rsample(), centre + posterior.last_scale * noise[0])
    torch.manual_seed(4)
    assert torch.equal(posterior.centres(1)[0], centre)
    torch.testing.assert_close(posterior.variance, bare.variance + posterior.last_scale.square())


def test_a_fixed_sigma_takes_no_features():
    learned = posterior_family("noise-basis+normal", 3, SMALL["noise-basis"])
    fixed = posterior_family("noise-basis+normal", 3, SMALL["noise-basis"] | {"sigma": 0.25})
    assert learned.features == fixed.features + 3
    assert fixed(torch.zeros(2, fixed.features)).last_scale.tolist() == [[0.25] * 3] * 2


@pytest.mark.parametrize("of", ["codes", "matched normal"])
@pytest.mark.parametrize("name", IMPLICIT)
def test_a_gradient_reaches_every_feature_and_every_parameter_of_the_family(name, of):
    family, features = small(name)
    posterior = family(features)
    if of == "codes":
        posterior.rsample((3,)).square().sum().backward()
    else:
        law = moment_matched_normal(posterior, 64, full=True)
        (law.mean.square().sum() + law.covariance_matrix.square().sum()).backward()
    assert (features.grad != 0).any(0).all()
    assert list(family.parameters())
    assert all(p.grad is not None and (p.grad != 0).any() for p in family.parameters())


@pytest.mark.parametrize("name", IMPLICIT)
def test_examples_of_the_same_features_have_noise_of_their_own(name):
    family, features = small(name)
    z = family(features[:1].detach().expand(5, -1)).rsample((2,))
    assert len({tuple(code) for code in z.flatten(0, 1).tolist()}) == 10


@pytest.mark.parametrize("name", IMPLICIT)
def test_a_mean_is_always_the_same_and_takes_no_random_number(name):
    posterior = small(name)[0](small(name)[1])
    state = torch.get_rng_state()
    assert torch.equal(posterior.mean, posterior.mean) and torch.equal(posterior.variance, posterior.variance)
    assert torch.equal(state, torch.get_rng_state())


def test_it_has_no_density_and_what_would_need_one_says_what_does_not():
    posterior = small("noise-input+normal")[0](small("noise-input+normal")[1])
    with pytest.raises(NoDensity, match="DensityRatio"):
        posterior.log_prob(torch.zeros(5, 3))
    with pytest.raises(NoDensity, match="DensityRatio"):
        kl_divergence(posterior, Independent(Normal(torch.zeros(3), torch.ones(3)), 1))
    with pytest.raises(NoDensity, match="DensityRatio"):
        tw.terms.Link("posterior", "prior", tw.terms.ClosedForm())(model_of("noise-input").draw(torch.zeros(2, 6)))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("noise-basis", {"bases": 1, "noise": 2}, "surface"),
        ("noise-input", {"noise": 2}, "surface"),
        ("noise-basis", {"start": 0.0}, "start"),
        ("noise-input", {"hidden": []}, "hidden"),
        ("noise-input", {"start": 0.0}, "start"),
        ("noise-input+normal", {"sigma": "learnt"}, "learned"),
        ("noise-input+normal", {"sigma": 0.0}, "above 0"),
        ("diagonal-normal", {"noise": 1}, "noise"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, message):
    with pytest.raises(Refused, match=message):
        posterior_family(name, 3, options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("noise-basis", {"nose": 3}, "option of posterior 'noise-basis' 'nose'. Did you mean 'noise'"),
        ("noise-input", {"sigma": 0.1}, "'sigma'. Known: hidden, inject, noise, start"),
        ("noise-input+normal", {"least_sigm": 0.1}, "Did you mean 'least_sigma'"),
    ],
)
def test_an_option_that_a_family_does_not_have_is_told_which_are_near(name, options, message):
    with pytest.raises(UnknownName, match=message):
        posterior_family(name, 3, options)


def test_a_last_layer_makes_less_noise_than_dimensions_lawful():
    assert posterior_family("noise-input+normal", 3, {"noise": 1}).options["noise"] == 1


def test_a_family_is_given_as_it_is_where_it_fits_the_code():
    family = posterior_family("noise-input", 2, {"noise": 4})
    own = {"encoder": torch.nn.Linear(6, family.features), "decoder": torch.nn.Linear(2, 6), "shape": (6,)}
    assert VAE(**own, latent=2, posterior=family).encode(torch.zeros(3, 6)).mean.shape == (3, 2)
    with pytest.raises(Refused, match="latent is 3"):
        VAE(**own, latent=3, posterior=family)


def test_too_few_noises_for_moments_are_refused():
    posterior = small("noise-input")[0](small("noise-input")[1])
    for count, full in ((1, False), (4, True)):
        with pytest.raises(Refused, match="noises or more"):
            moment_matched_normal(posterior, count, full)


@pytest.mark.parametrize("name", IMPLICIT)
def test_a_model_loaded_is_the_model_saved_bit_for_bit(tmp_path, name):
    model, x = model_of(name).eval(), torch.rand(4, 6).round()
    model.save_pretrained(tmp_path)
    torch.manual_seed(99)
    loaded = VAE.from_pretrained(tmp_path)
    assert loaded.config() == model.config() and loaded.family.options == model.family.options
    held, found = model.state_dict(), loaded.state_dict()
    assert held.keys() == found.keys() and any(key.startswith("family.") for key in held)
    assert all(torch.equal(held[key], found[key]) for key in held)
    codes = []
    for one in (model, loaded):
        torch.manual_seed(5)
        codes.append(one.encode(x).rsample((3,)))
    assert torch.equal(*codes) and torch.equal(model.reconstruct(x), loaded.reconstruct(x))


@pytest.mark.parametrize("name", ["noise-basis", "noise-input+normal"])
def test_training_moves_the_family_and_a_run_folder_keeps_it_with_its_options(tmp_path, name):
    options = SMALL[name.removesuffix("+normal")]
    config = {"model": {"posterior_options": options, "options": {"hidden": [8]}}, "training": {"epochs": 1}}
    x = (torch.rand(300, 6) > 0.5).float()
    run = tw.train(config, data=x, recipe="wae-mmd", posterior=name, latent=2, out=tmp_path / "run", progress=False)
    torch.manual_seed(0)  # the training's
    fresh = VAE.build((6,), 2, "mlp", name, "bernoulli", {"hidden": [8]}, options)
    moved = {key: not torch.equal(value, fresh.state_dict()[key]) for key, value in run.model.state_dict().items()}
    assert all(moved.values())
    reloaded = VAE.from_pretrained(tmp_path / "run" / "model")
    assert reloaded.family.options == run.model.family.options and options.items() <= reloaded.family.options.items()
    again = tw.train(config_of(tmp_path / "run"), data=x, out=tmp_path / "again", progress=False)
    assert all(torch.equal(value, run.model.state_dict()[key]) for key, value in again.model.state_dict().items())


@pytest.mark.parametrize("start", [0.1, 0.4])
@pytest.mark.parametrize("noise", [1, 4])
def test_a_noise_basis_begins_as_wide_as_its_start_says(start, noise):
    # Var v_d = sum_n A^2 + sum_h C^2 Var sin, of variances 1/n and 1/H: 1 + (1 - E exp(-|w|^2)) / 2, the phase being
    # uniform, with E exp(-|w|^2) = (1 + 2/n)^(-n/2). A basis's share is start^2 / m.
    torch.manual_seed(1)
    family = NoiseBasis(2, bases=3000, noise=noise, hidden=8, start=start)
    one = family.basis.moments()[1].diagonal(dim1=1, dim2=2)  # (m, D)
    expected = 1 + 0.5 * (1 - (1 + 2 / noise) ** (-noise / 2))
    found = family(torch.zeros(1, family.features)).variance[0] / start**2
    assert ((found - expected).abs() < 4 * one.std(0) / math.sqrt(3000)).all()


@pytest.mark.parametrize("start", [0.3, 2.0])
def test_a_noise_input_begins_with_weights_of_the_noise_as_large_as_its_start_says(start):
    # torch draws them uniformly between +-1/sqrt(n): of variance 1/3n, and theirs of 4/45n^2.
    torch.manual_seed(1)
    head = NoiseInput(3, noise=10, hidden=[200, 300], start=start).head
    for layer in (head.first, *head.injections):
        weights = layer.weight.detach().double() / start
        assert weights.abs().max() <= 1 / math.sqrt(10)
        assert abs(float(weights.square().mean()) - 1 / 30) < 4 * math.sqrt(4 / 4500 / weights.numel())
    own = head.layers[0].weight  # of a layer of 200
    assert float(own.detach().abs().max()) == pytest.approx(1 / math.sqrt(200), rel=0.01)
    assert NoiseInput(3).options["start"] == 0.1 and NoiseBasis(3).options["start"] == 0.1


@pytest.mark.parametrize(("noise", "full"), [(5, False), (32, False), (32, True)])
def test_the_moments_of_a_code_that_is_linear_in_its_noise_are_exact(noise, full):
    """A head without hidden noise: z = W h(x) + b + V eps, of covariance V V'."""
    torch.manual_seed(2)
    family = NoiseInput(3, noise=noise, hidden=[8]).double()
    with torch.no_grad():
        family.head.first.weight.zero_()
        features = torch.randn(4, family.features, dtype=torch.float64)
        mean, spread = family(features).moments(None, full)
        v = family.head.injections[0].weight
        covariance = (v @ v.T).expand(4, 3, 3)
        torch.testing.assert_close(spread, covariance if full else covariance.diagonal(dim1=1, dim2=2))
        torch.testing.assert_close(mean, family.head.layers[0](features.relu()))
