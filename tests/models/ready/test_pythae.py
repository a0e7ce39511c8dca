"""pythae's models, against pythae's own numbers."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import termwise as tw
from helpers.agreement import account_and_codes, assert_terms_agree, unchanged
from termwise.errors import Refused

pythae = pytest.importorskip("pythae.models")

NORMAL = {
    "VAE", "BetaVAE", "BetaTCVAE", "DisentangledBetaVAE", "FactorVAE", "INFOVAE_MMD", "IWAE", "CIWAE", "MIWAE", "PIWAE",
    "Adversarial_AE",
}  # fmt: skip
RATE_ALONE = {"MSSSIM_VAE", "VAEGAN"}
REFUSED = {
    "AE", "RAE_GP", "RAE_L2", "WAE_MMD", "VQVAE", "HVAE", "RHVAE", "SVAE", "PoincareVAE", "VAE_IAF", "VAE_LinNF",
    "VAMP",
}  # fmt: skip


@pytest.fixture(scope="module")
def x():
    return tw.load_data("digits").test.tensor()


def trained(kind="VAE", x=None, **options):
    torch.manual_seed(1)
    config = getattr(pythae, f"{kind}Config")(input_dim=(1, 8, 8), latent_dim=3, **options)
    model = getattr(pythae, kind)(config)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        model({"data": x})["loss"].backward()
        optimizer.step()
    return model


@pytest.mark.parametrize(
    ("kind", "loss", "constant"),
    [
        ("VAE", "mse", 32 * math.log(2 * math.pi)),
        ("VAE", "bce", 0.0),
        ("BetaVAE", "bce", 0.0),
        ("IWAE", "bce", 0.0),
    ],
)
def test_every_term_is_pythaes_own_at_the_same_codes(x, kind, loss, constant):
    x = 16 * x if loss == "mse" else x  # against a sigma of 1, pixels in [0, 1] are hardly worth a code
    model = trained(kind, x, reconstruction_loss=loss)
    with unchanged(model):
        account, z = account_and_codes(tw.adapt(model), x, batch_size=100)
    with torch.no_grad():
        law = model.encoder(x)
        mean, log_var = law.embedding, law.log_covariance
        vanilla = SimpleNamespace(model_config=model.model_config)
        _, distortion, rate = pythae.VAE.loss_function(vanilla, model.decoder(z)["reconstruction"], x, mean, log_var, z)
    assert account["distortion"].value == pytest.approx(float(distortion) + constant, rel=1e-5)
    assert account["rate"].value == pytest.approx(float(rate), rel=1e-5)
    assert account["rate"].value > 1  # a collapsed model would agree with anything
    assert_terms_agree(account, z, mean, (0.5 * log_var).exp())


def test_the_users_word_on_the_likelihood_goes_before_the_configurations(x):
    model = trained(x=x, reconstruction_loss="mse")
    account, z = account_and_codes(tw.adapt(model, likelihood="normal:0.5"), x)
    with torch.no_grad():
        expected = -Normal(model.decoder(z)["reconstruction"], 0.5).log_prob(x).flatten(1).sum(1).mean()
    assert account["distortion"].value == pytest.approx(float(expected), rel=1e-5)


def shell(kind, **attributes):
    """A model of this class without its networks."""
    model = getattr(pythae, kind).__new__(getattr(pythae, kind))
    nn.Module.__init__(model)
    config = SimpleNamespace(reconstruction_loss="mse")
    for name, value in {"model_config": config, "deterministic_posterior": False, **attributes}.items():
        object.__setattr__(model, name, value)
    return model


def test_every_model_of_pythaes_has_been_thought_of():
    models = {name for name in vars(pythae) if isinstance(getattr(pythae, name), type)}
    models = {name for name in models if issubclass(getattr(pythae, name), pythae.BaseAE)} - {"BaseAE"}
    assert models == NORMAL | RATE_ALONE | REFUSED
    for kind in NORMAL | RATE_ALONE:
        assert tw.adapt(shell(kind)).generates == (kind in NORMAL)
        assert tw.adapt(shell(kind), likelihood="normal:0.1").generates
    for kind in REFUSED:
        with pytest.raises(Refused, match=f"pythae's {kind} .*adapt"):
            tw.adapt(shell(kind))


def test_what_has_no_density_or_no_known_likelihood_is_refused():
    with pytest.raises(Refused, match="deterministic, so its rate is infinite"):
        tw.adapt(shell("Adversarial_AE", deterministic_posterior=True))
    with pytest.raises(Refused, match="'mse' or 'bce'; got 'l1'"):
        tw.adapt(shell("VAE", model_config=SimpleNamespace(reconstruction_loss="l1")))


def test_a_vampprior_that_is_handed_in_gives_pythaes_own_rate(x):
    model = trained("VAMP", x, number_components=5, reconstruction_loss="bce").eval()
    with torch.no_grad():
        law = model.encoder(model.pseudo_inputs(model.idle_input).reshape(-1, 1, 8, 8))
        components = Independent(Normal(law.embedding, (0.5 * law.log_covariance).exp()), 1)
        prior = MixtureSameFamily(Categorical(torch.ones(5)), components)
        account, z = account_and_codes(tw.adapt(model, prior=prior), x)
        law = model.encoder(x)
        _, _, rate = model.loss_function(
            model.decoder(z)["reconstruction"], x, law.embedding, law.log_covariance, z, epoch=100
        )
    assert account["rate"].value == pytest.approx(float(rate), rel=1e-4)
