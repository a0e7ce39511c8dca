"""Against the conjugate normal, whose posterior and evidence have closed forms."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

import termwise as tw
from termwise.data import Dataset
from termwise.data.examples import InMemory
from termwise.errors import Refused
from termwise.measuring import measure
from termwise.models import VAE, LogDensity, bayes
from termwise.objectives import recipe
from termwise.training import RunFolder, Trainer, config_from

A = torch.tensor([[1.0, 0.5], [-0.5, 1.5], [0.3, 0.2]])
Y = torch.tensor([0.7, -1.1, 0.4])
NOISE = 0.6
PRIOR = MultivariateNormal(torch.tensor([0.5, -1.0]), torch.tensor([[1.5, 0.6], [0.6, 0.8]]))
STANDARD = MultivariateNormal(torch.zeros(2), torch.eye(2))


def log_likelihood(z):
    return Normal(z @ A.T, NOISE).log_prob(Y).sum(1)


def posterior_of(prior):
    """N(m, S) of y = A z + noise, and log p(y)."""
    precision = prior.precision_matrix + A.T @ A / NOISE**2
    mean = torch.linalg.solve(precision, prior.precision_matrix @ prior.mean + A.T @ Y / NOISE**2)
    marginal = MultivariateNormal(A @ prior.mean, A @ prior.covariance_matrix @ A.T + NOISE**2 * torch.eye(3))
    return MultivariateNormal(mean, precision_matrix=precision), float(marginal.log_prob(Y))


def blank(count):
    part = torch.arange(count)
    return Dataset("blank", InMemory(torch.zeros(count, 1)), splits={"train": part, "test": part[:64]})


def trained(model, game, rounds, folder, **training):
    settings = {"batch_size": 64, "epochs": 1, "audit": False, "device": "cpu"}
    config = config_from({"training": settings | training})
    run = RunFolder(folder)
    run.create(config)
    trainer = Trainer(model, game, blank(64 * rounds), config.training, run)
    trainer.start()
    return trainer.run()


@pytest.mark.parametrize(
    "prior", [pytest.param(None, id="standard", marks=pytest.mark.slow), pytest.param(PRIOR, id="given")]
)
def test_at_the_true_posterior_the_elbo_is_log_p_of_y(prior):
    truth, evidence = posterior_of(prior or STANDARD)
    model = bayes(log_likelihood, latent=2, posterior="full-normal", prior=prior)
    factor = truth.scale_tril
    exact = torch.cat([truth.mean, factor.diagonal().log(), factor[1, :1]])
    with torch.no_grad():
        model.encoder.features.copy_(exact)
    account = measure(model, blank(4096))
    elbo = account["elbo"]
    assert elbo.value == pytest.approx(evidence, abs=4 * elbo.stderr + 1e-5)
    with torch.no_grad():
        model.encoder.features[0] += 0.3
    moved = measure(model, blank(4096))["elbo"]
    gap = 0.5 * 0.3**2 * float(truth.precision_matrix[0, 0])
    assert moved.value == pytest.approx(evidence - gap, abs=4 * moved.stderr)


def test_a_normal_posterior_is_learned(tmp_path):
    truth, _ = posterior_of(STANDARD)
    model = bayes(log_likelihood, latent=2, posterior="full-normal")
    optimizer = {"learning_rate": {"schedule": "cosine", "start": 0.05, "end": 0.0005, "steps": 200}}
    learned = trained(model, recipe("vae"), 200, tmp_path, optimizer=optimizer).encode(torch.zeros(1, 1))
    assert torch.allclose(learned.mean[0], truth.mean, atol=0.02)
    assert torch.allclose(learned.covariance_matrix[0], truth.covariance_matrix, atol=0.02)


@pytest.mark.slow
def test_an_implicit_posterior_is_learned_by_avb_ac(tmp_path):
    truth, _ = posterior_of(STANDARD)
    model = bayes(log_likelihood, latent=2, posterior_options={"noise": 4, "hidden": [32], "sigma": 0.2})
    game = recipe("avb-ac", hidden=(32,), moves=2)
    optimizer = {"learning_rate": 3e-3, "betas": (0.5, 0.99)}
    learned = trained(model, game, 200, tmp_path, optimizer=optimizer, average={"decay": 0.99})
    z = learned.encode(torch.zeros(1, 1)).sample((20_000,))[:, 0]
    scale = truth.variance.sqrt()
    assert ((z.mean(0) - truth.mean) / scale).abs().max() < 0.2
    assert (z.std(0) / scale).log().abs().max() < 0.2


def test_a_likelihood_of_codes_and_examples_sees_both():
    density = LogDensity(lambda z, x: Normal(z.sum(1), 2.0).log_prob(x[:, 0]), latent=3)
    model = VAE(nn.Linear(4, 6), nn.Identity(), shape=(4,), latent=3, likelihood=density)
    z, x = torch.randn(5, 3), torch.randn(5, 4)
    residual = (x[:, 0] - z.sum(1)) / 2
    expected = -0.5 * residual.square() - math.log(2) - 0.5 * math.log(2 * math.pi)
    assert torch.allclose(model.decode(z).log_prob(x), expected)


def test_a_module_s_parameters_are_the_likelihood_s_own():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2))

        def forward(self, z):
            return -(z - self.shift).square().sum(1)

    model, plain = (bayes(function, latent=2) for function in (Shifted(), log_likelihood))
    assert [tuple(one.shape) for one in model.likelihood.parameters()] == [(2,)]
    assert list(plain.likelihood.parameters()) == []


def test_a_posterior_of_one_does_not_look_at_x():
    model = bayes(log_likelihood, latent=2, posterior="diagonal-normal")
    assert torch.equal(model.encode(torch.zeros(3, 1)).mean, model.encode(torch.randn(3, 1)).mean)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda z: Normal(z @ A.T, NOISE).log_prob(Y), r"one number for each code.*\(2, 3\).*Sum it"),
        (lambda z: 0.0, "one number for each code.*a float"),
        (lambda z: log_likelihood(z.detach()), "no gradient in z"),
        (lambda z: z @ torch.ones(5), r"failed on codes of shape \(2, 2\).*RuntimeError"),
    ],
    ids=["not summed", "no tensor", "detached", "fails"],
)
def test_a_function_that_cannot_be_a_likelihood_is_refused(function, said):
    with pytest.raises(Refused, match=f"(?s){said}"):
        bayes(function, latent=2)


@pytest.mark.parametrize("prior", [Normal(torch.zeros(2), 1.0), Independent(Normal(torch.zeros(3), 1.0), 1)])
def test_a_prior_over_something_else_is_refused(prior):
    with pytest.raises(Refused, match=r"event shape \(2,\)"):
        bayes(log_likelihood, latent=2, prior=prior)


def test_it_says_that_it_makes_no_examples():
    with pytest.raises(Refused, match="makes no examples"):
        bayes(log_likelihood, latent=2).sample(1)


def test_a_single_posterior_is_not_diagnosed_as_if_it_were_a_code():
    account = measure(bayes(log_likelihood, latent=2, posterior="full-normal"), blank(64))
    assert len(account.diagnosis) == 1 and "one posterior" in account.diagnosis[0]


def test_a_run_of_a_given_likelihood_trains_reports_and_says_how_to_load_it(tmp_path):
    model = bayes(log_likelihood, latent=2, posterior="full-normal")
    run = tw.train(model=model, data=torch.zeros(640, 1), recipe="vae", epochs=1, out=tmp_path / "run", progress=False)
    assert run.folder.report_file.exists()
    with pytest.raises(Refused, match="Pass from_pretrained"):
        tw.load_run(tmp_path / "run")
