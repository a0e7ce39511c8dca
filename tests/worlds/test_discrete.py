import math
from dataclasses import replace

import pytest
import torch
from scipy.integrate import dblquad, quad
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from termwise.errors import BadData, Refused
from termwise.worlds import (
    DiscreteWorld,
    Grid,
    LinearGaussian,
    World,
    bimodal_world,
    four_points,
    implicit_world,
    mixture_world,
    random_world,
)

MAKERS = (random_world, bimodal_world, mixture_world, implicit_world)


@pytest.mark.parametrize(
    "make",
    [
        random_world,
        implicit_world,
        *(pytest.param(make, marks=pytest.mark.slow) for make in (bimodal_world, mixture_world)),
    ],
)
def test_halving_the_step_and_reaching_further_changes_nothing_beyond_1e_6(make):
    world = make(1)
    truth = world.truth()
    for grid in (Grid(step=0.05), Grid(reach=9.0)):
        other = replace(world, grid=grid).truth()
        assert other.keys() == truth.keys()
        for name, value in truth.items():
            assert other[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("make", MAKERS)
def test_the_truth_agrees_with_sampling_from_the_world_s_own_densities(make):
    world = make(2)
    generator = torch.Generator().manual_seed(0)
    count = 20_000
    index = torch.multinomial(world.weights, count, replacement=True, generator=generator)
    law = world.infer(world.examples)[0]
    density = getattr(law, "hidden_log_prob", law.log_prob)
    torch.manual_seed(0)
    own = world.infer(world.examples[index])[0]
    z = own.sample()
    components = density(z.unsqueeze(1))  # (count, N)
    posterior = components.gather(1, index.unsqueeze(1)).squeeze(1)
    aggregate = torch.logsumexp(components + world.weights.log(), dim=1)
    prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    x = world.examples[index].double()
    decoded = world.generate(z).log_prob(x)
    evidence = world.log_likelihood(world.examples)[index]
    sampled = {
        "distortion": -decoded,
        "rate": posterior - prior,
        "elbo": decoded + prior - posterior,
        "index_code_mi": posterior - aggregate,
        "marginal_kl": aggregate - prior,
        "log_likelihood": evidence,
        "inference_gap": evidence - decoded - prior + posterior,
    }
    truth = world.truth()
    for name, values in sampled.items():
        assert abs(float(values.mean()) - truth[name]) < 4 * float(values.std()) / math.sqrt(count), name
    assert truth["marginal_kl"] == pytest.approx(truth["total_correlation"] + truth["dimension_wise_kl"], abs=1e-6)
    assert truth["total_correlation"] > 1e-3


def test_one_normal_posterior_has_every_term_in_closed_form():
    factor = torch.tensor([[0.7, 0.0], [0.3, 0.5]], dtype=torch.float64)
    law = MultivariateNormal(torch.tensor([0.4, -0.8], dtype=torch.float64), scale_tril=factor)
    world = replace(
        random_world(0), examples=torch.zeros(1, 4), weights=torch.ones(1), encode=lambda x: law.expand([1])
    )
    truth, variance = world.truth(), law.variance
    normal = MultivariateNormal(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    by_dimension = kl_divergence(Normal(law.mean, variance.sqrt()), Normal(0.0, 1.0)).sum()
    assert truth["rate"] == pytest.approx(float(kl_divergence(law, normal)), abs=1e-8)
    assert truth["marginal_kl"] == pytest.approx(truth["rate"], abs=1e-12)
    assert truth["index_code_mi"] == pytest.approx(0.0, abs=1e-12)
    correlation = 0.5 * (variance.log().sum() - torch.logdet(law.covariance_matrix))
    assert truth["total_correlation"] == pytest.approx(float(correlation), abs=1e-8)
    assert truth["dimension_wise_kl"] == pytest.approx(float(by_dimension), abs=1e-8)


def test_a_linear_decoder_gives_the_evidence_and_the_posterior_that_algebra_gives():
    gaussian = LinearGaussian.random(4, latent=2, dimension=3)
    x = gaussian.data(5).double()
    world = DiscreteWorld(examples=x, encode=lambda v: gaussian.infer(v)[0], decode=gaussian.generate)
    world = replace(world, grid=Grid(step=0.02, reach=7.0))
    assert torch.allclose(world.log_likelihood(x), gaussian.log_likelihood(x), atol=1e-7)
    precision = gaussian.decoder.T @ gaussian.decoder / gaussian.sigma**2 + torch.eye(2, dtype=torch.float64)
    pulled = (x - gaussian.decoder_offset) @ gaussian.decoder / gaussian.sigma**2
    mean = torch.linalg.solve(precision, pulled.T).T
    near = world.grid.nodes.abs().amax(1) < 2
    exact = MultivariateNormal(mean, precision_matrix=precision.expand(5, 2, 2))
    expected = exact.log_prob(world.grid.nodes[near].unsqueeze(1)).T
    assert torch.allclose(world.log_true_posterior[:, near], expected, atol=1e-6)


@pytest.mark.slow
def test_log_p_of_an_example_agrees_with_adaptive_quadrature():
    world = random_world(3)
    x = world.examples[5:6].double()

    def joint(second: float, first: float) -> float:
        z = torch.tensor([[first, second]], dtype=torch.float64)
        return float((world.generate(z).log_prob(x) + world.prior_law().log_prob(z)).exp())

    value, _ = dblquad(joint, -7, 7, -7, 7, epsabs=1e-5, epsrel=1e-4)
    assert float(world.log_likelihood(x)) == pytest.approx(math.log(value), abs=1e-4)


def test_a_one_dimensional_world_agrees_with_adaptive_quadrature():
    world = mixture_world(3, grid=Grid(dimension=1))
    law = world.infer(world.examples)[0]
    z = torch.zeros(1, 1, dtype=torch.float64)

    def densities(at: float) -> tuple[torch.Tensor, float]:
        log_q = law.log_prob(z + at)
        return log_q.exp(), float(world.weights @ log_q.exp())

    def marginal(at: float) -> float:
        q = densities(at)[1]
        return q * (math.log(q) + 0.5 * at**2 + 0.5 * math.log(2 * math.pi))

    def information(at: float) -> float:
        each, q = densities(at)
        return float(world.weights @ (each * (each / q).log()))

    truth = world.truth()
    assert truth["marginal_kl"] == pytest.approx(quad(marginal, -7, 7, limit=200)[0], abs=1e-7)
    assert truth["index_code_mi"] == pytest.approx(quad(information, -6, 6, limit=200)[0], abs=1e-7)
    assert truth["total_correlation"] == pytest.approx(0.0, abs=1e-9)


def test_every_seed_makes_a_world_that_the_default_grid_resolves():
    for make in MAKERS:
        for seed in range(3):
            assert all(math.isfinite(value) for value in make(seed).truth().values())


def test_the_bimodal_world_has_a_true_posterior_with_two_modes_that_its_posterior_cannot_have():
    world = bimodal_world(0)
    first = world.grid.marginal(world.log_true_posterior[world.examples.sum(1) == 4][0], 0)
    middle = len(first) // 2
    assert float(first.max() - first[middle]) > math.log(10)
    assert torch.allclose(first, first.flip(0), atol=1e-9)
    assert float(world.by_example()["inference_gap"].min()) > 0.1


def test_data_comes_by_its_weights():
    world = random_world(0)
    drawn = world.data(20_000, seed=1)
    code = (drawn @ (2 ** torch.arange(4)).float()).long()
    share = torch.bincount(code, minlength=16) / 20_000
    error = (world.weights * (1 - world.weights) / 20_000).sqrt()
    assert ((share - world.weights).abs() < 4.5 * error).all()
    assert torch.equal(drawn, world.data(20_000, seed=1)) and drawn.dtype == torch.float32
    assert not torch.equal(drawn, world.data(20_000, seed=2))


def test_a_prior_that_is_no_product_has_no_dimension_wise_kl():
    covariance = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    prior = MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance)
    world = random_world(0, prior=prior)
    assert "dimension_wise_kl" not in world.truth()
    rates = kl_divergence(_as_full(world.infer(world.examples)[0]), prior.expand([16]))
    assert world.truth()["rate"] == pytest.approx(float(world.weights @ rates), abs=1e-7)


def _as_full(law: Independent) -> MultivariateNormal:
    return MultivariateNormal(law.mean, torch.diag_embed(law.variance))


def test_a_grid_too_coarse_or_too_narrow_is_refused():
    world = random_world(0)
    for grid, remedy in ((Grid(step=0.7), "step"), (Grid(reach=1.5, step=0.05), "reach")):
        with pytest.raises(Refused, match=remedy):
            replace(world, grid=grid).truth()
    steep = replace(world, decode=lambda z: world.decode(40 * z))
    with pytest.raises(Refused, match="too narrow for a step"):
        steep.truth()
    beyond = replace(world, decode=lambda z: Independent(Normal(z.repeat(1, 2) - 20, 0.5), 1))
    with pytest.raises(Refused, match="reaches further"):
        beyond.truth()
    far = Independent(Normal(torch.zeros(2).double(), 3 * torch.ones(2).double()), 1)
    with pytest.raises(Refused, match="integrates to 1 only within"):
        replace(world, prior=far).truth()


def test_weights_that_are_no_probabilities_are_refused():
    world = random_world(0)
    for weights in (torch.ones(16), torch.full((8,), 0.125), torch.tensor([2.0] + [-1 / 15] * 15)):
        with pytest.raises(BadData, match="as many weights"):
            replace(world, weights=weights)
    with pytest.raises(Refused, match="1 to 10 pixels"):
        random_world(0, pixels=11)
    with pytest.raises(Refused, match="components = 0 cannot be"):
        mixture_world(0, components=0)


def test_every_world_is_a_world():
    worlds = [*(make(0) for make in MAKERS), four_points(torch.zeros(4, 2), torch.ones(4, 2)), LinearGaussian.random(0)]
    for world in worlds:
        assert isinstance(world, World)
        assert world.data(3).shape[0] == 3
        assert world.log_likelihood(world.data(3)).shape == (3,)
        assert {"elbo", "log_likelihood", "inference_gap"} <= world.truth().keys()
