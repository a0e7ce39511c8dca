"""The shape of a code: said in a model, a block, a file or a command; its places kept, named, saved and resumed."""

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.block_law import dimensions_of_code
from termwise.models.blocks import Block
from termwise.training.config import changed, config_from, with_recipe
from termwise.training.resolve import resolve

X = (1, 8, 8)
KINDS = {"categorical": 16, "vector-quantized": 8, "finite-scalar": 4}
"""Posteriors whose codes have positions, and a latent of four of them."""


def names_of(model):
    return [dimension.name for dimension in dimensions_of_code(model.encode(torch.zeros(2, *model.shape)))]


@pytest.mark.parametrize(("kind", "latent"), KINDS.items())
def test_a_code_with_a_shape_names_its_places_and_comes_back_with_it(tmp_path, kind, latent):
    model = VAE.build(X, latent, posterior=kind, prior="uniform", code_shape=(2, 2), options={"hidden": [8]}).eval()
    assert names_of(model) == ["z0,0", "z0,1", "z1,0", "z1,1"] and model.family.positions == 4
    loaded = VAE.from_pretrained(model.save_pretrained(tmp_path))
    assert names_of(loaded) == names_of(model) and loaded.config() == model.config()
    block = Block("tokens", latent, posterior=kind, shape=(2, 2))
    of_blocks = VAE.build(X, code=[block, {"name": "style", "latent": 2}], options={"hidden": [8]}).eval()
    assert names_of(of_blocks) == ["tokens 0,0", "tokens 0,1", "tokens 1,0", "tokens 1,1", "style 0", "style 1"]
    again = VAE.from_pretrained(of_blocks.save_pretrained(tmp_path / "blocks"))
    assert names_of(again) == names_of(of_blocks)
    in_a_row = VAE.build(X, latent, posterior=kind, prior="uniform", code_shape=(4,), options={"hidden": [8]})
    assert names_of(in_a_row) == ["z0", "z1", "z2", "z3"]


@pytest.mark.parametrize("prior", ["uniform", "learned-categories"])
def test_a_prior_of_categories_has_as_many_positions_as_the_posterior(prior, tmp_path):
    model = VAE.build(X, 12, posterior="categorical", prior=prior, code_shape=(2, 2), options={"hidden": [8]}).eval()
    account = tw.measure(model, torch.rand(150, *X).round())
    assert account.data["dimensions"] == names_of(model) and account["rate"].value < 4 * torch.tensor(3.0).log()
    VAE.from_pretrained(model.save_pretrained(tmp_path))
    own = VAE.build(X, 12, posterior="categorical", prior=prior, prior_options={"positions": 6})
    with pytest.raises(Refused, match=r"one-hot vectors, .*one-hot vectors at each of 6 positions"):
        tw.measure(own, torch.rand(9, *X).round())


def test_a_network_with_a_grid_keeps_the_places_of_the_shape():
    """So that a pixel moves the words at its own place, and no further than the residual blocks see."""
    torch.manual_seed(0)
    parts = {"network": "conv", "posterior": "finite-scalar:3", "prior": "uniform"}
    model = VAE.build((1, 32, 32), 64, code_shape=(8, 8), **parts)
    assert model.network["options"]["grid"] == 2
    x = torch.rand(1, 1, 32, 32)
    other = x.clone()
    other[..., 3, 29] += 1
    moved = ((model.encoder(other) - model.encoder(x)) != 0).view(8, 8)
    assert moved[0, 7] and not moved[4:].any() and not moved[:, :4].any()
    with pytest.raises(Refused, match=r"16 x 16 \(grid = 1\), 8 x 8 \(grid = 2\).*shape is 7 x 7\. Give one of these"):
        VAE.build((1, 32, 32), 49, code_shape=(7, 7), **parts)
    with pytest.raises(Refused, match=r"shape is 8 x 8, with grid = 1\. .*leave grid out"):
        VAE.build((1, 32, 32), 64, code_shape=(8, 8), options={"grid": 1}, **parts)
    assert VAE.build((1, 32, 32), 64, code_shape=(8, 8), options={"grid": 2}, **parts).network == model.network
    with pytest.raises(Refused, match="network of images"):
        VAE.build((32,), 64, code_shape=(8, 8), **parts)
    blocks = [{"name": name, "latent": 64, "posterior": "finite-scalar", "shape": [8, 8]} for name in ("a", "b")]
    with pytest.raises(Refused, match="keeps the places of one code, and this one has 2 blocks"):
        VAE.build((1, 32, 32), code=blocks, network="conv", options={"grid": 2})
    one = VAE.build((1, 32, 32), code=blocks[:1], network="conv")
    assert one.network["options"]["grid"] == 2


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"latent": 4}, r"'diagonal-normal' has none: leave shape out, or take .*vector-quantized"),
        ({"latent": 4, "posterior": "student-t:5"}, "'student-t' has none"),
        ({"latent": 8, "posterior": "vector-quantized", "posterior_options": {"positions": 3}}, "4 positions, and"),
        (
            {"latent": 8, "posterior": "vector-quantized", "posterior_options": {"positions": [4, 1]}},
            "4 positions, and",
        ),
    ],
)
def test_a_shape_that_cannot_be_is_refused_from_python_a_block_and_a_file(parts, said):
    with pytest.raises(Refused, match=said):
        VAE.build(X, **parts, code_shape=(2, 2))
    with pytest.raises(Refused, match=said):
        VAE.build(X, code=[{"name": "one", "shape": [2, 2], **parts}])
    with pytest.raises(Refused, match=f"model.shape: .*{said}"):
        config_from({"model": {"shape": [2, 2], **parts}})


def test_a_shape_of_other_than_counts_and_one_beside_blocks_are_refused():
    for bad in ([0, 2], "2x2", [2.5]):
        with pytest.raises(Refused, match=r"shape|positions"):
            VAE.build(X, 8, posterior="vector-quantized", code_shape=bad)
    with pytest.raises(Refused, match=r"model.shape: a code of blocks has the shape of each in its table"):
        config_from({"model": {"shape": [2], "code": [{"name": "a", "latent": 3}]}})
    with pytest.raises(Refused, match=r"6 numbers are 3 codewords of 2 each, and not the 2 x 2 positions.*latent 8"):
        VAE.build(X, 6, posterior="finite-scalar", posterior_options={"levels": [5, 5]}, code_shape=(2, 2))


def test_a_configuration_has_it_as_the_posterior_s_positions_whoever_says_it():
    said = {"latent": 8, "posterior": "vector-quantized:16", "shape": [2, 2]}
    config = config_from({"model": said})
    assert config.model.posterior_options["positions"] == [2, 2] and "shape" not in config.to_json()["model"]
    assert config_from(config.tables()) == config
    by_recipe = config_from({"model": {"shape": [4, 2]}, "objective": {"recipe": "vq-vae"}}).model
    assert (by_recipe.latent, by_recipe.posterior_options["positions"]) == (32, [4, 2])
    above = changed(config_from(with_recipe({}, "vq-vae")).tables(), {"model": {"shape": [2, 4]}})
    assert config_from(above).model.posterior_options["positions"] == [2, 4]


def test_a_run_has_it_from_a_keyword_and_is_resumed_with_it_or_none(tmp_path):
    settings = {"training": {"audit": False}, "model": {"options": {"hidden": [8]}}}
    x = (torch.rand(40, *X) > 0.5).float()
    given = {"data": x, "recipe": "vq-vae", "out": tmp_path, "progress": False}
    run = tw.train(settings, shape=(2, 4), epochs=1, **given)
    assert run.account.data["dimensions"][:5] == ["z0,0", "z0,1", "z0,2", "z0,3", "z1,0"]
    assert "z1,3" in run.folder.report_file.read_text()
    assert tw.load_run(tmp_path, data=x).model.family.shape == (2, 4)
    for said in ({"shape": (2, 4)}, {}):
        assert resolve(settings, {"model": said}, resumed=run.folder).model.posterior_options["positions"] == [2, 4]
    with pytest.raises(Refused, match="another configuration"):
        tw.train(settings, shape=(4, 2), epochs=4, resume=True, **given)


@pytest.mark.parametrize(
    "parts",
    [
        {"posterior": "finite-scalar", "prior": "uniform"},
        {"posterior": "categorical", "prior": "learned-categories"},
        {"prior": "conditional"},
    ],
)
def test_a_model_made_in_python_describes_itself_where_an_option_is_none(parts):
    model = VAE.build(X, 8, options={"hidden": [8]}, **parts)
    described = resolve(None, None, model=model).model
    assert (described.prior, described.latent) == (parts["prior"], 8)


def test_groups_are_named_by_places():
    model = VAE.build(X, 8, posterior="vector-quantized", prior="uniform", code_shape=(2, 2), options={"hidden": [8]})
    x = torch.rand(200, *X).round()
    rows = tw.measure(model.eval(), x, groups=[["z0,0", "z0,1"], ["z1,0", "z1,1"]])
    numbers = tw.measure(model, x, groups=[[0, 1, 2, 3], [4, 5, 6, 7]])
    assert rows["group_correlation"].value == numbers["group_correlation"].value
