import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal

from termwise.errors import BadData, Refused
from termwise.worlds import LinearGaussian


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_agrees_with_sampling_from_the_world_s_own_densities(seed, diagonal):
    world = LinearGaussian.random(seed, latent=3, dimension=4, mutual_information=2.0, diagonal=diagonal)
    count = 40_000
    x = world.data(count, seed=seed).double()
    mean = x @ world.encoder.T + world.offset
    posterior = MultivariateNormal(mean, world.posterior_covariance)
    torch.manual_seed(seed)
    z = posterior.sample()
    centre = world.encoder @ world.mean + world.offset
    spread = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    aggregate = MultivariateNormal(centre, spread).log_prob(z)
    by_dimension = torch.distributions.Normal(centre, spread.diagonal().sqrt()).log_prob(z).sum(1)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    decoded = torch.distributions.Normal(z @ world.decoder.T + world.decoder_offset, world.sigma)
    sampled = {
        "distortion": -decoded.log_prob(x).sum(1),
        "rate": posterior.log_prob(z) - prior,
        "index_code_mi": posterior.log_prob(z) - aggregate,
        "marginal_kl": aggregate - prior,
        "total_correlation": aggregate - by_dimension,
        "dimension_wise_kl": by_dimension - prior,
    }
    truth = world.truth()
    for name, values in sampled.items():
        assert abs(float(values.mean()) - truth[name]) < 4 * float(values.std()) / math.sqrt(count), name
    assert truth["elbo"] == -truth["distortion"] - truth["rate"]


def test_a_random_world_has_the_mutual_information_that_was_asked_for():
    for asked in (0.5, 2.0, 7.53):
        assert LinearGaussian.random(5, mutual_information=asked).truth()["index_code_mi"] == pytest.approx(asked)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize(("latent", "dimension", "sigma"), [(1, 1, 2.0), (5, 2, 0.1), (64, 64, 1.0)])
def test_worlds_of_any_size_and_noise_give_the_density_of_x_and_the_gap_to_it(latent, dimension, sigma, diagonal):
    world = LinearGaussian.random(7, latent=latent, dimension=dimension, diagonal=diagonal, sigma=sigma)
    truth = world.truth()
    assert truth["index_code_mi"] == pytest.approx(2.0) and world.sigma == sigma
    x = world.data(1000, seed=3).double()
    explained = world.decoder @ world.decoder.T + sigma**2 * torch.eye(dimension)
    expected = multivariate_normal(world.decoder_offset.numpy(), explained.numpy()).logpdf(x.numpy())
    values = world.log_likelihood(x)
    assert values.numpy() == pytest.approx(expected)
    assert abs(float(values.mean()) - truth["log_likelihood"]) < 4 * float(values.std()) / math.sqrt(len(x))
    precision = world.decoder.T @ world.decoder / sigma**2 + torch.eye(latent, dtype=torch.float64)
    mean = torch.linalg.solve(precision, world.decoder.T @ (x - world.decoder_offset).T / sigma**2).T
    gaps = torch.distributions.kl_divergence(
        MultivariateNormal(world.infer(x)[0].mean, world.posterior_covariance),
        MultivariateNormal(mean, precision_matrix=precision),
    )
    assert abs(float(gaps.mean()) - truth["inference_gap"]) < 4 * float(gaps.std()) / math.sqrt(len(x))


@pytest.mark.parametrize("latent", [1, 3, 5])
def test_probabilistic_pca_is_scikit_learn_s_and_its_elbo_is_log_p(latent):
    x = LinearGaussian.random(2, latent=2, dimension=6).data(500).double()
    reference = PCA(latent, svd_solver="full").fit(x.numpy())
    covariance = torch.from_numpy(np.cov(x.numpy(), rowvar=False))
    world = LinearGaussian.probabilistic_pca(x.mean(0), covariance, latent)
    assert world.sigma**2 == pytest.approx(reference.noise_variance_)
    assert world.log_likelihood(x).numpy() == pytest.approx(reference.score_samples(x.numpy()))
    truth = world.truth()
    assert truth["elbo"] == pytest.approx(truth["log_likelihood"], abs=1e-9)
    assert truth["marginal_kl"] == pytest.approx(0.0, abs=1e-12)
    assert truth["index_code_mi"] == pytest.approx(truth["rate"]) and truth["rate"] > 0.5


def test_a_rotated_optimum_has_a_full_posterior_and_the_same_likelihood():
    source = LinearGaussian.random(1, latent=2, dimension=6)
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    plain = LinearGaussian.probabilistic_pca(source.mean, source.covariance, 3)
    turned = LinearGaussian.probabilistic_pca(source.mean, source.covariance, 3, rotation)
    x = source.data(5)
    assert isinstance(turned.infer(x)[0], MultivariateNormal)
    assert not isinstance(plain.infer(x)[0], MultivariateNormal)
    assert torch.allclose(turned.log_likelihood(x), plain.log_likelihood(x))
    assert turned.truth()["marginal_kl"] == pytest.approx(0.0, abs=1e-12)
    assert turned.truth()["elbo"] == pytest.approx(plain.truth()["elbo"])


def test_codes_and_images_have_the_type_of_what_they_come_from():
    world = LinearGaussian.random(0, diagonal=False)
    x = world.data(3)
    for dtype in (torch.float32, torch.float64):
        z = world.infer(x.to(dtype))[0].sample()
        assert z.dtype == dtype and world.generate(z).mean.dtype == dtype


def test_what_no_world_can_be_is_refused():
    for options in ({"latent": 0}, {"dimension": 0}, {"mutual_information": 0.0}, {"sigma": 0.0}, {"sigma": math.inf}):
        with pytest.raises(Refused, match="a finite sigma > 0"):
            LinearGaussian.random(0, **options)
    mean, covariance = torch.zeros(3), torch.eye(3)
    for latent, given in ((0, covariance), (3, covariance), (1, torch.eye(2))):
        with pytest.raises(Refused, match="Probabilistic PCA of 3 dimensions needs"):
            LinearGaussian.probabilistic_pca(mean, given, latent)
    with pytest.raises(BadData, match="no variance left"):
        LinearGaussian.probabilistic_pca(mean, torch.diag(torch.tensor([1.0, 0.0, 0.0])), 1)
