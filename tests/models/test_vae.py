"""The VAE: what goes in and comes out, that gradients reach both networks, and that a saved model is the same model."""

import json
import re

import pytest
import torch
from torch import nn

from termwise.data.side import SideVariable
from termwise.errors import BadData, Refused, UnknownName
from termwise.models import VAE
from termwise.models.distributions import at_least_single
from termwise.models.likelihoods import Bernoulli
from termwise.models.missing import Filler
from termwise.models.scaler import Scaler
from termwise.objectives import recipe

IMAGE = (1, 8, 8)


def small(likelihood: str = "bernoulli", posterior: str = "diagonal-normal", network: str = "mlp") -> VAE:
    options = {"hidden": [16]} if network == "mlp" else {"channels": 4, "hidden": 16}
    return VAE.build(IMAGE, 3, network, posterior, likelihood, options)


def own_modules(likelihood: str | Bernoulli = "bernoulli") -> VAE:
    return VAE(nn.Linear(6, 4), nn.Linear(2, 6), shape=(6,), latent=2, likelihood=likelihood)


@pytest.mark.parametrize("likelihood", ["bernoulli", "normal:0.1", "normal:optimal", "laplace:1", "categorical:3"])
def test_a_model_encodes_decodes_reconstructs_and_samples(likelihood):
    model, x = small(likelihood), torch.rand(5, *IMAGE).round()
    posterior = model.encode(x)
    assert (posterior.batch_shape, posterior.event_shape) == ((5,), (3,))
    assert model.decode(posterior.mean).log_prob(x).shape == (5,)
    assert model.reconstruct(x).shape == (5, *IMAGE)
    assert model.sample(7).shape == (7, *IMAGE)
    prior = model.prior_law()
    assert (prior.batch_shape, prior.event_shape) == ((), (3,))


def test_a_reconstruction_is_the_expected_example_at_the_posterior_mean():
    model, x = small(), torch.rand(4, *IMAGE)
    mean = model.encoder(x)[:, :3]
    reconstruction = model.reconstruct(x)
    assert torch.allclose(reconstruction, model.decoder(mean).sigmoid())
    assert not reconstruction.requires_grad


def test_samples_are_expected_examples_at_standard_normal_codes():
    model = small()
    torch.manual_seed(3)
    samples = model.sample(4)
    torch.manual_seed(3)
    codes = torch.normal(torch.zeros(4, 3), torch.ones(4, 3))
    assert torch.allclose(samples, model.decoder(codes).sigmoid())


@pytest.mark.parametrize("posterior", ["diagonal-normal", "full-normal"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_gradients_reach_every_weight_of_encoder_and_decoder(network, posterior):
    model = small("normal:learned", posterior, network)
    draw = model.draw(torch.rand(16, *IMAGE))
    (player,) = recipe("vae").players
    player.objective(draw).total.backward()
    assert all(parameter.grad is not None and (parameter.grad != 0).any() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("likelihood", "posterior", "network"),
    [
        ("bernoulli", "diagonal-normal", "mlp"),
        ("bernoulli", "full-normal", "mlp"),
        ("normal:learned", "diagonal-normal", "mlp"),
        ("normal:optimal", "diagonal-normal", "mlp"),
        ("normal:0.1", "full-normal", "conv"),
        ("categorical:3", "diagonal-normal", "conv"),
    ],
)
def test_a_model_loaded_is_the_model_saved_bit_for_bit(tmp_path, likelihood, posterior, network):
    model, x = small(likelihood, posterior, network), torch.rand(4, *IMAGE).round()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(torch.rand_like(tensor))
    model.save_pretrained(tmp_path, card="# A model\n")
    torch.manual_seed(99)
    loaded = VAE.from_pretrained(tmp_path)
    held, found = model.state_dict(), loaded.state_dict()
    assert held.keys() == found.keys()
    assert all(torch.equal(held[name], found[name]) for name in held)
    assert loaded.config() == model.config()
    assert not loaded.training
    model.eval()
    z = model.encode(x).mean
    assert torch.equal(loaded.encode(x).log_prob(z), model.encode(x).log_prob(z))
    assert torch.equal(loaded.decode(z).log_prob(x), model.decode(z).log_prob(x))
    assert torch.equal(loaded.reconstruct(x), model.reconstruct(x))
    assert (tmp_path / "README.md").read_text() == "# A model\n"


def test_a_model_of_ones_own_modules_is_loaded_into_the_same_modules(tmp_path):
    model, x = own_modules(Bernoulli(given="probabilities")), torch.rand(3, 6)
    model.save_pretrained(tmp_path)
    with pytest.raises(
        Refused, match=r"modules of your own.*from_pretrained\(folder, encoder=\.\.\., decoder=\.\.\.\)"
    ):
        VAE.from_pretrained(tmp_path)
    with pytest.raises(Refused, match="modules of your own"):
        VAE.from_pretrained(tmp_path, encoder=nn.Linear(6, 4))
    loaded = VAE.from_pretrained(tmp_path, encoder=nn.Linear(6, 4), decoder=nn.Linear(2, 6))
    assert torch.equal(loaded.encoder(x), model.encoder(x))
    assert loaded.likelihood.given == "probabilities"
    with pytest.raises(BadData, match=r"not those of its config\.json"):
        VAE.from_pretrained(tmp_path, encoder=nn.Sequential(nn.Linear(6, 4)), decoder=nn.Linear(2, 6))


def test_weights_that_are_tied_are_saved_once_and_loaded_tied(tmp_path):
    def tied():
        encoder, decoder = nn.Linear(6, 6), nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 6))
        decoder[1].weight = encoder.weight
        return encoder, decoder

    model = VAE(*tied(), shape=(6,), latent=3)
    model.save_pretrained(tmp_path)
    encoder, decoder = tied()
    loaded = VAE.from_pretrained(tmp_path, encoder, decoder)
    assert loaded.decoder[1].weight is loaded.encoder.weight
    assert torch.equal(loaded.encoder.weight, model.encoder.weight)


@pytest.fixture
def saved(tmp_path):
    return small().save_pretrained(tmp_path / "model")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_missing_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(BadData, match=f"Expected config.json and model.safetensors in .*; {name} is missing"):
        VAE.from_pretrained(saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("kept", [0, 0.2, 0.9])
def test_a_file_that_is_cut_short_is_no_model(saved, name, kept):
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BadData, match=r"(config\.json|model\.safetensors) is no .* that can be read: .*\. Restore it"):
        VAE.from_pretrained(saved)


@pytest.mark.parametrize(
    "changes", [{"latent": 4}, {"shape": [1, 8, 9]}, {"shape": 8}, {"network": "mlp"}, {"latent": "three"}]
)
def test_a_config_that_is_not_the_weights_own_is_bad_data(saved, changes):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(BadData):
        VAE.from_pretrained(saved)


@pytest.mark.parametrize("content", ["{}", "[1]", "null"])
def test_json_that_is_no_config_is_bad_data(saved, content):
    (saved / "config.json").write_text(content)
    with pytest.raises(BadData, match="no description of a model that can be read"):
        VAE.from_pretrained(saved)


def test_bodies_that_do_not_fit_the_posterior_are_refused():
    with pytest.raises(Refused, match=r"encoder must turn \(2, 6\) into \(2, 5\); it gave \(2, 4\)"):
        VAE(nn.Linear(6, 4), nn.Linear(2, 6), shape=(6,), latent=2, posterior="full-normal")


def test_unknown_names_are_told_which_are_near():
    with pytest.raises(UnknownName, match="'diagonal-normal'"):
        small(posterior="diagonal")
    with pytest.raises(UnknownName, match="'bernoulli'"):
        small(likelihood="bernuli")


def test_densities_are_taken_in_single_precision_or_better():
    assert at_least_single(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert at_least_single(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("method", ["encode", "infer", "reconstruct", "predict"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 6, 1), (6, 5), (7,)])
def test_examples_of_another_shape_are_refused_in_one_message(method, shape):
    options = {"target": SideVariable("label", ("cat", "dog"))} if method == "predict" else {}
    model = VAE.build((6,), latent=2, **options)
    with pytest.raises(BadData, match=rf"examples of shape \(B, 6\), as this model takes; got {re.escape(str(shape))}"):
        getattr(model, method)(torch.zeros(shape))


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_so_are_pictures_of_another_size_standardised_or_with_gaps_and_codes(network):
    pictures = (1, 16, 16)
    for filler in (None, Filler.blank(pictures)):
        model = VAE.build(pictures, latent=2, network=network, likelihood="normal", scaler=Scaler.blank(pictures))
        model.filler = filler
        with pytest.raises(
            BadData, match=r"examples of shape \(B, 1, 16, 16\), as this model takes; got \(5, 1, 16, 8\)"
        ):
            model.encode(torch.zeros(5, 1, 16, 8))
        for method in ("decode", "generate", "generate_examples"):
            with pytest.raises(BadData, match=r"codes of shape \(B, 2\), as this model takes; got \(5, 3\)"):
                getattr(model, method)(torch.zeros(5, 3))
