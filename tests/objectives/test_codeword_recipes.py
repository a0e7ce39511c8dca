"""VQ-VAE and FSQ: the paper's terms, and the model that a recipe brings where nobody says another."""

import math

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import Draw
from termwise.objectives import recipe
from termwise.training.config import config_from, with_recipe, with_setting


def model_of(codebook):
    torch.manual_seed(0)
    options = {"codewords": 8, "positions": 2, "codebook": codebook, "restarts": 0.0}
    return tw.VAE.build(
        (4,), 6, posterior="vector-quantized", posterior_options=options, prior="uniform", options={"hidden": [8]}
    )


@pytest.mark.parametrize("codebook", ["average", "gradient"])
def test_the_total_is_the_paper_s_and_each_side_learns_from_its_own_term(codebook):
    """van den Oord et al. (2017, eq. 3)."""
    model, x = model_of(codebook), torch.rand(16, 4).round()
    draw = Draw(model, x)
    law = draw.posterior
    total = recipe("vq-vae", commitment=0.5, codebook=2.0).players[0].objective(draw).total
    square = (law.encoded - law.words).square().sum((1, 2)).mean()
    own = 2.0 * square if codebook == "gradient" else 0.0
    wanted = -draw.likelihood.log_prob(x).mean() + 2 * math.log(8) + 0.5 * square + own
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)
    if codebook == "gradient":
        (slope,) = torch.autograd.grad(total, model.family.vectors, retain_graph=True)
        by_hand = torch.zeros_like(slope)
        for k in range(8):
            came = law.encoded.detach()[law.indices == k]
            by_hand[k] = 2.0 * 2 * (model.family.vectors[k].detach() - came).sum(0) / len(x)
        torch.testing.assert_close(slope, by_hand)
    commitment = recipe("vq-vae").players[0].objective.parts[2].term
    (slope,) = torch.autograd.grad(commitment(draw).sum(), law.encoded)
    torch.testing.assert_close(slope, 2 * (law.encoded - law.words).detach())


def test_a_posterior_without_codewords_is_told_which_has_them():
    draw = Draw(tw.VAE.build((4,), 3), torch.rand(5, 4))
    with pytest.raises(Refused, match=r'posterior="vector-quantized" and prior="uniform"'):
        recipe("vq-vae").players[0].objective(draw)


def test_a_recipe_brings_its_model_where_nothing_is_said_of_it():
    plain = config_from({"objective": {"recipe": "vq-vae"}}).model
    assert (plain.posterior, plain.prior, plain.latent) == ("vector-quantized", "uniform", 32)
    assert plain.posterior_options["positions"] == 8 and plain.posterior_options["codebook"] == "average"
    own = {"latent": 12, "posterior_options": {"positions": 4}}
    some = config_from({"objective": {"recipe": "vq-vae"}, "model": own}).model
    assert (some.latent, some.posterior_options["positions"], some.posterior_options["codewords"]) == (12, 4, 32)
    other = config_from({"objective": {"recipe": "vq-vae"}, "model": {"posterior": "finite-scalar:3"}}).model
    assert (other.posterior, other.posterior_options) == ("finite-scalar", {"levels": 3})
    blocks = [{"name": "tokens", "latent": 4, "posterior": "finite-scalar"}]
    assert config_from({"objective": {"recipe": "fsq"}, "model": {"code": blocks}}).model.latent == 10


def test_another_recipe_takes_its_model_with_it_and_leaves_what_was_said():
    begun = config_from({"objective": {"recipe": "vq-vae"}, "model": {"network": "conv"}}).tables()
    for changed in (with_recipe(begun, "vae"), with_setting(begun, "objective.recipe=vae")):
        model = config_from(changed).model
        assert (model.posterior, model.prior, model.latent, model.network) == (
            "diagonal-normal", "standard-normal", 10, "conv",
        )  # fmt: skip
    assert config_from(with_recipe(config_from({}).tables(), "fsq")).model.posterior == "finite-scalar"
    same = config_from({"objective": {"recipe": "vq-vae"}, "model": {"latent": 16}}).tables()
    assert config_from(with_recipe(same, "fsq")).model.latent == 16


@pytest.mark.parametrize("name", ["vq-vae", pytest.param("fsq", marks=pytest.mark.slow)])
def test_at_its_defaults_it_trains_on_digits_reconstructs_and_no_codeword_is_dead(name, tmp_path):
    settings = {"training": {"audit": False, "evaluate_every": 20}}
    run = tw.train(settings, data="digits", recipe=name, out=tmp_path / "run", progress=False)
    account = run.account
    x = run.data.tensor()

    def cross_entropy(p):
        return float(-torch.distributions.Bernoulli(p, validate_args=False).log_prob(x).sum((1, 2, 3)).mean())

    blind, exact = cross_entropy(x.mean(0)), cross_entropy(x)  # of grey values even what is exact costs some
    assert blind - account["distortion"].value > 0.5 * (blind - exact)
    assert account["code_use"].value > 5
    assert account["dead_codes"].value < 1 and account["perplexity"].value > 8
    assert not any("are dead" in sentence or "ignores" in sentence for sentence in account.diagnosis)
    assert (tmp_path / "run" / "report.html").exists()
