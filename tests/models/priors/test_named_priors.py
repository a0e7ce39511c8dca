"""A prior by name: made with its options, trained, saved with the model and loaded as it was."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.models.priors import PRIORS, prior_from
from termwise.registry import Row


class Wide(nn.Module):
    """A normal whose scale learns."""

    name = "wide"

    def __init__(self, latent: int, scale: float = 2.0) -> None:
        super().__init__()
        self.options = {"scale": scale}
        self.log_scale = nn.Parameter(torch.full((latent,), scale).log())

    def forward(self):
        return Independent(Normal(torch.zeros_like(self.log_scale), self.log_scale.exp()), 1)


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setattr(PRIORS, "_rows", dict(PRIORS._rows))
    return PRIORS.add(Row("wide", Wide, "a normal of any width"))


def test_a_prior_of_a_row_is_built_with_its_options_saved_and_loaded(tmp_path, wide):
    model = VAE.build((6,), 2, options={"hidden": [4]}, prior="wide", prior_options={"scale": 3})
    assert torch.allclose(model.prior_law().stddev, torch.tensor(3.0))
    with torch.no_grad():
        model.prior.log_scale.add_(0.5)
    model.save_pretrained(tmp_path)
    loaded = VAE.from_pretrained(tmp_path)
    assert torch.equal(loaded.prior.log_scale, model.prior.log_scale)
    assert loaded.config() == model.config() and loaded.config()["prior_options"] == {"scale": 3.0}
    own = VAE.from_pretrained(tmp_path, model.encoder, model.decoder)
    assert torch.equal(own.prior.log_scale, model.prior.log_scale)


def test_training_learns_it_and_the_run_s_configuration_names_it(tmp_path, wide):
    x = (torch.rand(256, 6) > 0.5).float()
    config = {"model": {"prior": "wide", "prior_options": {"scale": 1.5}, "options": {"hidden": [4]}}}
    run = tw.train(config, data=x, recipe="vae", latent=2, epochs=1, out=tmp_path / "run", progress=False)
    assert (run.model.prior.log_scale.exp() != 1.5).all()
    assert run.config.model.prior == "wide" and run.config.model.prior_options == {"scale": 1.5}
    loaded = VAE.from_pretrained(run.folder.model_folder)
    assert torch.equal(loaded.prior.log_scale, run.model.prior.log_scale)
    given = tw.train(model=run.model, data=x, recipe="vae", epochs=1, out=tmp_path / "again", progress=False)
    assert given.config.model.prior == "wide" and given.config.model.prior_options == {"scale": 1.5}


def test_a_model_saved_before_priors_had_names_has_the_standard_normal(tmp_path):
    model = VAE.build((6,), 2, options={"hidden": [4]})
    model.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    save_file(load_file(weights), weights)  # without checksums, of which they had none
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["prior"], config.pop("prior_options")) == ("standard-normal", {})
    for old in (config, {key: value for key, value in config.items() if key != "prior"}):
        (tmp_path / "config.json").write_text(json.dumps(old))
        assert VAE.from_pretrained(tmp_path).config() == model.config()


def test_a_module_that_is_no_row_is_given_and_is_not_loaded(tmp_path):
    class Nameless(nn.Module):
        def forward(self):
            return Independent(Normal(torch.zeros(2), 1.0), 1)

    model = VAE(nn.Linear(6, 4), nn.Linear(2, 6), shape=(6,), latent=2, prior=Nameless())
    assert model.save_pretrained(tmp_path) and model.config()["prior"] == "given"
    with pytest.raises(Refused, match=r"Pass from_pretrained\(folder, prior=\.\.\.\)"):
        VAE.from_pretrained(tmp_path, model.encoder, model.decoder)


def test_mistakes_are_told():
    with pytest.raises(UnknownName, match=r"Unknown prior 'standard'. Did you mean 'standard-normal'"):
        VAE.build((6,), 2, prior="standard")
    with pytest.raises(Refused, match="takes no options; got 'scale'"):
        VAE.build((6,), 2, prior_options={"scale": 2.0})
    with pytest.raises(Refused, match="A prior of your own takes no options"):
        prior_from(Independent(Normal(torch.zeros(2), 1.0), 1), 2, {"scale": 2.0})
    with pytest.raises(Refused, match=r"event shape \(3,\); got \(\) and \(2,\)"):
        prior_from(Independent(Normal(torch.zeros(2), 1.0), 1), 3)
