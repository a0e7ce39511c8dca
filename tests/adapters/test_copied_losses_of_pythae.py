"""The formulas of pythae that the page on copied losses states are those of the package."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch

pythae = pytest.importorskip("pythae.models")
PATH = Path(__file__).parents[2] / "benchmarks" / "copied_losses.py"
FORMULAS = importlib.util.spec_from_file_location("copied_losses", PATH)
script = importlib.util.module_from_spec(FORMULAS)
FORMULAS.loader.exec_module(script)


@pytest.fixture
def codes():
    torch.manual_seed(0)
    mean, log_variance = torch.randn(2, script.B, script.D).unbind()
    return mean, log_variance, mean + (0.5 * log_variance).exp() * torch.randn_like(mean)


def model(kind, **options):
    config = f"{kind}_Config" if "_" in kind else f"{kind}Config"
    return getattr(pythae, kind)(getattr(pythae, config)(input_dim=(4,), latent_dim=script.D, **options))


def images():
    return torch.zeros(script.B, 4), torch.zeros(script.B, 4)


def test_the_stratified_weights_stand_in_a_column(codes):
    mean, log_variance, z = codes
    names = ("index_code_mi", "total_correlation", "dimension_wise_kl")
    expected = script.stratified_in_a_column(z, mean, log_variance)
    weighted = script.weighted_sampling(z, mean, log_variance, constant=math.log(script.B * script.N))
    for links, mss in ((expected, True), (weighted, False)):
        for weights, name in zip(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), names, strict=True):
            alpha, beta, gamma = weights
            theirs = model("BetaTCVAE", alpha=alpha, beta=beta, gamma=gamma, use_mss=mss)
            loss = theirs.loss_function(*images(), mean, log_variance, z, script.N)[0]
            assert float(loss) == pytest.approx(float(links[name]), rel=1e-4), (name, mss)


def test_the_gap_is_the_mean_of_gaps(codes):
    mean, log_variance, z = codes
    theirs = model("DisentangledBetaVAE", beta=1.0, C=script.CAPACITY, warmup_epoch=1)
    loss = float(theirs.loss_function(*images(), mean, log_variance, z, 100)[0])
    rates = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    assert loss == pytest.approx(script.mean_of_gaps(rates, script.CAPACITY), rel=1e-5)


def test_the_mmd_weighs_less_than_nothing_at_the_defaults_and_is_itself_right(codes):
    mean, log_variance, z = codes
    prior = torch.randn_like(z)
    theirs = model("INFOVAE_MMD")
    total, _, rate, mmd = theirs.loss_function(*images(), z, prior, mean, log_variance)
    assert float((total - rate) / mmd) == pytest.approx(-0.999, rel=1e-2)
    assert float(mmd) == pytest.approx(script.imq_mmd2(z, prior), abs=1e-4)


def test_the_critics_loss_moves_the_encoder():
    theirs = model("FactorVAE", gamma=2.0)
    x = torch.rand(script.B, 4)
    torch.manual_seed(0)
    for parameter in theirs.discriminator.parameters():
        parameter.data.mul_(1e-2)  # a critic that tells nearly nothing
    out = theirs({"data": x})
    score = theirs.discriminator(out.z)
    slope = torch.autograd.grad((score[:, 0] - score[:, 1]).mean(), out.z, retain_graph=True)[0]
    moved = torch.autograd.grad(out.discriminator_loss, out.z, retain_graph=True)[0]
    weight = float((moved * slope).sum() / slope.square().sum())
    assert weight == pytest.approx(script.weight_felt(2.0) - 2.0, rel=1e-2)


def test_the_loss_of_iwae_is_a_weighted_mean_of_log_weights():
    theirs = model("IWAE", number_samples=8)
    z = torch.randn(script.B, 8, script.D)
    still = torch.zeros_like(z)  # q(z|x) at its centre: log q is a constant, which the package leaves out
    found = theirs.loss_function(torch.zeros(script.B, 8, 4), torch.zeros(script.B, 4), z, still, z)[0]
    assert float(-found) == pytest.approx(script.weighted_mean((-0.5 * z.square().sum(2)).T), rel=1e-4)


def test_get_nll_is_plus_log_p():
    theirs = model("VAE", reconstruction_loss="mse")
    torch.manual_seed(0)
    x = torch.rand(2, 4)
    with torch.no_grad():
        found = theirs.get_nll(x, n_samples=2000)
        out = theirs.encoder(x)
        mean, log_variance = out.embedding, out.log_covariance
        z = mean + (0.5 * log_variance).exp() * torch.randn(4000, *mean.shape)
        decoded = theirs.decoder(z.flatten(0, 1)).reconstruction.reshape(4000, 2, 4)
    zero = torch.zeros(())
    log_w = script.log_normal(x, decoded, zero).sum(2) + script.log_normal(z, zero, zero).sum(2)
    log_w = log_w - script.log_normal(z, mean, log_variance).sum(2)
    assert found == pytest.approx(float((log_w.logsumexp(0) - math.log(4000)).mean()), abs=0.05)
