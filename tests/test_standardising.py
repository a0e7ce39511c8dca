"""Training with standardize: what a run of raw rows is beside one of rows that were standardised by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine

import termwise as tw
from termwise.data import Column
from termwise.models.scaler import Scaler
from termwise.objectives import RECIPES

FAST = {"model": {"options": {"hidden": [16]}, "latent": 2}}


def wine():
    """The raw table of wines, which a model standardises."""
    found = load_wine()
    columns = tuple(Column(name) for name in found.feature_names)
    return replace(tw.load_data(found.data, labels=found.target), columns=columns)


def trained(data, out, config=None, **options):
    tables = {**FAST, **(config or {})}
    return tw.train(tables, data=data, out=out, progress=False, **{"epochs": 2, "batch_size": 32, **options})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(wine(), tmp_path_factory.mktemp("runs") / "wine")


def test_a_run_of_raw_rows_is_that_of_rows_standardised_by_hand_and_the_constant(run, tmp_path):
    data = wine()
    by_hand = replace(data, examples=tw.load_data(Scaler.of(data)(data.tensor()), test=0.0).examples, columns=())
    hand = trained(by_hand, tmp_path / "hand", likelihood="normal:optimal")
    constant = float(np.log(data.train.tensor().double().numpy().std(0)).sum())
    assert run.account.data["sum_log_scale"] == pytest.approx(constant, rel=1e-6)
    for name, reading in hand.account.readings.items():
        moved = {"distortion": constant, "elbo": -constant, "three_entropies": -constant}.get(name, 0.0)
        assert np.allclose(run.account[name].value, np.add(reading.value, moved), rtol=1e-5, atol=1e-5), name
    assert torch.equal(run.model.encode(data.tensor()).mean, hand.model.encode(by_hand.tensor()).mean)


def test_all_that_is_made_is_of_the_scale_of_the_columns(run):
    x = wine().train.tensor().double()
    torch.manual_seed(0)
    made = run.model.sample(2000).double()
    assert bool(((made.mean(0) - x.mean(0)).abs() < x.std(0)).all())
    copies = run.model.reconstruct(wine().test.tensor()).double()
    assert bool(((copies.mean(0) - x.mean(0)).abs() < x.std(0)).all())


def test_a_model_of_large_columns_makes_rows_of_their_scale_and_spread(tmp_path):
    """Two columns N(5, 100^2) that are one: a code of one dimension makes both."""
    one = 5 + 100 * torch.randn(2000, 1, generator=torch.Generator().manual_seed(1))
    data = tw.load_data(one.expand(2000, 2).contiguous(), standardize=True)
    tables = {"model": {"options": {"hidden": [32]}, "latent": 1}, "training": {"batch_size": 64}}
    run = tw.train(tables, data=data, out=tmp_path / "run", epochs=8, learning_rate=5e-3, progress=False)
    torch.manual_seed(0)
    made = run.model.sample(4000)
    assert bool((made.mean(0) - 5).abs().max() < 20)
    assert bool((made.std(0) > 50).all() and (made.std(0) < 110).all())  # means of p(x|z) spread less than x


def test_the_run_says_what_was_decided_and_is_read_again_bit_for_bit(run):
    again = tw.load_run(run.folder, data=wine())
    x = wine().test.tensor()
    assert (run.config.model.likelihood, run.config.data.standardize) == ("normal:optimal", True)
    assert again.config == run.config and again.model.columns == tuple(load_wine().feature_names)
    assert torch.equal(again.model.reconstruct(x), run.model.reconstruct(x))
    assert tw.measure(again, split="test")["elbo"] == run.account["elbo"]
    assert run.account["sigma"].unit == "sds of each entry"
    assert run.account.data["columns"] == load_wine().feature_names


def test_raw_rows_are_measured_as_they_are_from_a_folder_and_from_a_file_without_columns(run, tmp_path):
    rows = wine().test.tensor().numpy()
    np.save(tmp_path / "rows.npy", rows)
    for data in (rows, tmp_path / "rows.npy"):
        assert tw.measure(run.folder, data)["elbo"].value == pytest.approx(run.account["elbo"].value, abs=1e-6)


def test_rows_whose_columns_stand_in_another_order_are_refused(run):
    turned = replace(wine(), columns=tuple(reversed(wine().columns)))
    with pytest.raises(tw.TermwiseError, match=r"takes columns alcohol, .* in this order; tensor has proline"):
        tw.measure(run, turned)


def test_card_and_report_say_in_whose_units_densities_are(run):
    words = "Densities are of x in its own units; of x as the model standardises it, the distortion is"
    assert words in (run.folder.model_folder / "README.md").read_text()
    assert words in run.folder.report_file.read_text()


def test_a_run_that_is_resumed_ends_as_one_that_was_not(tmp_path):
    whole = trained(wine(), tmp_path / "whole", epochs=4)
    trained(wine(), tmp_path / "parts", epochs=2)
    parts = trained(wine(), tmp_path / "parts", epochs=4, resume=True)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, parts.model.state_dict()[name]), name
    assert whole.account["elbo"] == parts.account["elbo"]


def test_a_run_begun_before_there_was_standardising_is_resumed_without_it(tmp_path):
    """As such a run's config.toml is: it says the likelihood, and nothing of standardising."""
    small = replace(wine(), examples=tw.load_data(wine().tensor() / 1680, test=0.0).examples)
    begun = trained(replace(small, standardize=False), tmp_path / "run", likelihood="normal:1.0")
    assert begun.config.data.standardize is None
    longer = trained(small, tmp_path / "run", epochs=3, resume=True)
    assert longer.model.scaler is None and longer.config.training.epochs == 3


@pytest.mark.parametrize(
    ("data", "options", "likelihood", "standardized"),
    [
        (wine(), {}, "normal:optimal", True),
        (wine(), {"likelihood": "laplace:1"}, "laplace:1", True),
        (replace(wine(), columns=()), {"config": {"data": {"standardize": True}}}, "normal:optimal", True),
        (torch.rand(60, 4).round(), {}, "bernoulli", False),
        (torch.rand(60, 4), {}, "bernoulli", False),
        (torch.randn(60, 4), {}, "normal:optimal", False),
        (torch.randn(60, 4), {"recipe": "miwae"}, "normal:learned", False),  # optimal for codes that weigh alike
        (torch.randn(60, 4), {"recipe": "iwae", "likelihood": "normal:optimal"}, "normal:optimal", False),
        (replace(tw.load_data(torch.rand(60, 4)), columns=tuple(map(Column, "abcd"))), {}, "normal:optimal", True),
        (
            replace(tw.load_data(torch.rand(60, 4)), columns=tuple(map(Column, "abcd"))),
            {"likelihood": "bernoulli"},
            "bernoulli",
            False,
        ),
        (
            replace(tw.load_data(torch.rand(60, 4).round()), columns=tuple(Column(c, "binary") for c in "abcd")),
            {},
            "bernoulli",
            False,
        ),
        (
            tw.load_data((200 * torch.rand(60, 4)).round(), standardize=True),
            {"likelihood": "categorical:201"},
            "",
            True,
        ),
    ],
    ids=[
        "table",
        "laplace",
        "asked for",
        "bits",
        "grey",
        "reals",
        "miwae",
        "iwae",
        "shares",
        "said bernoulli",
        "binary",
        "categories",
    ],
)
def test_what_nobody_said_the_data_decide(tmp_path, data, options, likelihood, standardized):
    run = trained(data, tmp_path / "run", epochs=1, **options)
    assert run.config.model.likelihood == (likelihood or options["likelihood"])
    assert (run.model.scaler is not None) == standardized == bool(run.config.data.standardize)
    assert np.isfinite(run.account["elbo"].value)


def test_categories_are_standardised_for_the_networks_alone(tmp_path):
    """Their law is of x, so that no constant is in it, and what is made are categories."""
    data = tw.load_data((200 * torch.rand(60, 4)).round(), standardize=True)
    run = trained(data, tmp_path / "run", likelihood="categorical:201")
    made = run.model.sample(20)
    assert "sum_log_scale" not in run.account.data and torch.equal(made, made.round()) and float(made.max()) <= 200


def test_a_model_of_ones_own_is_given_a_scaler_and_takes_its_weights_again(tmp_path):
    def own():
        return tw.VAE.build((13,), latent=2, likelihood="normal:optimal")

    run = tw.train(data=wine(), model=own(), epochs=1, out=tmp_path / "run", progress=False)
    again = tw.load_run(tmp_path / "run", model=own(), data=wine())
    assert torch.equal(again.model.scaler.scale, run.model.scaler.scale)


def test_what_the_data_are_taken_for_is_said_in_three_lines_unless_nothing_is_to_be_said(tmp_path, capsys):
    trained(wine(), tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    tw.train(FAST, data=wine(), out=tmp_path / "run", epochs=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("tensor (python): 178 rows of 13 columns")
    assert "standardised within the model (13 of 13 columns)" in lines[1]
    assert lines[2].startswith("Likelihood normal:optimal: real numbers, standardised")


def test_a_scale_that_was_to_stay_as_it_is_is_refused(tmp_path):
    found = load_breast_cancer()
    data = replace(
        tw.load_data(found.data, standardize=False), columns=tuple(map(Column, map(str, found.feature_names)))
    )
    with pytest.raises(tw.TermwiseError, match=r"column 'worst area' has numbers.*standardize=true"):
        trained(data, tmp_path / "run")


@pytest.mark.parametrize("recipe", ["avb", "wae-mmd"])
def test_a_recipe_at_its_defaults_on_a_raw_table_ends_finite(recipe, tmp_path):
    run = tw.train(data=wine(), recipe=recipe, epochs=5, out=tmp_path / "run", progress=False)
    assert np.isfinite(run.account["distortion"].value) and bool(run.model.sample(5).isfinite().all())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", sorted(RECIPES.keys() - {"vae-gan"}))  # that is for images
def test_every_recipe_at_its_defaults_on_a_raw_table_ends_finite(recipe, tmp_path):
    side = "labels" if RECIPES[recipe].model.keys() & {"side_to", "target"} else None
    side = "labels:9-each" if recipe == "m2" else side
    run = tw.train(data=wine(), side=side, recipe=recipe, epochs=10, out=tmp_path / "run", progress=False)
    json.dumps(run.account.to_json(), allow_nan=False)
    assert np.isfinite(run.account["distortion"].value)
    made = run.model.sample(5) if run.model.target is None else run.model.predict(run.data.test.tensor(5)).probs
    assert bool(made.isfinite().all())
