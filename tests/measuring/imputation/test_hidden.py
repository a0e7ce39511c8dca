"""Entries hidden on purpose: errors by hand, a right spread reads 1, and the columns of a table go whole."""

import pytest
import torch

import termwise as tw
from termwise.data import load_data
from termwise.errors import BadData, Refused
from termwise.measuring.imputation import imputation_error, impute
from termwise.measuring.imputation.hidden import _hidden
from termwise.models.missing import Filler


def model_of_one_code(weight, bias, sigma):
    """x = weight z + bias + sigma noise, with a posterior that is the prior: weights are the likelihood."""
    shape = (len(weight),)
    encoder, decoder = torch.nn.Linear(*shape, 2), torch.nn.Linear(1, *shape)
    with torch.no_grad():
        encoder.weight.zero_(), encoder.bias.zero_()
        decoder.weight.copy_(weight[:, None]), decoder.bias.copy_(bias)
    return tw.VAE(encoder, decoder, shape=shape, latent=1, likelihood=f"normal:{sigma}").eval()


WEIGHT, BIAS = torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([1.0, 0.0, -4.0, 2.0])


def world(count, sigma=0.8):
    x = torch.randn(count, 1) * WEIGHT + BIAS + sigma * torch.randn(count, 4)
    return model_of_one_code(WEIGHT, BIAS, sigma), load_data(x, test=0.0)


def test_the_right_model_s_spread_is_right_and_its_error_is_that_of_the_best_guess():
    model, data = world(600)
    model.filler = Filler.of(data)
    account = imputation_error(model, data, share=0.25, samples=1000)
    one = account["imputation_calibration"]
    assert abs(one.value - 1) < 4 * one.stderr
    means = account["imputation_error_of_means"]
    assert abs(means.value - 1) < 4 * means.stderr
    assert account["imputation_error"].value < 0.8 * means.value
    assert account["imputation_error"].n == int(_hidden(data.tensor(), [[0], [1], [2], [3]], 0.25, 0).any(1).sum())


def test_the_error_is_that_of_the_hidden_entries_worked_out_by_hand():
    model, data = world(60)
    model.filler = Filler.of(data)
    x = data.tensor()
    hidden = _hidden(x, [[0], [1], [2], [3]], 0.25, 3)
    gaps = load_data(x.where(~hidden, torch.nan), missing="mask", test=0.0)
    found = impute(model, gaps, samples=100, seed=3)
    errors = ((found.mean - x) / x.std(0, correction=0))[hidden]
    account = imputation_error(model, data, share=0.25, samples=100, seed=3)
    assert account["imputation_error"].value == pytest.approx(float(errors.square().mean().sqrt()), rel=1e-5)
    apart = ((found.mean - x) / found.stddev)[hidden].square().mean().sqrt()
    assert account["imputation_calibration"].value == pytest.approx(float(apart), rel=1e-4)


def test_the_error_s_error_is_how_far_it_varies():
    values = []
    for seed in range(30):
        torch.manual_seed(seed)
        model, data = world(200)
        model.filler = Filler.of(data)
        values.append(imputation_error(model, data, share=0.25, samples=50, seed=seed)["imputation_error"])
    spread = torch.tensor([one.value for one in values]).std()
    said = torch.tensor([one.stderr for one in values]).mean()
    assert abs(spread / said - 1) < 4 / (2 * 29) ** 0.5


def test_words_are_hidden_whole_and_counted_where_right():
    words = ["red", "green", "blue", "red", "red", "blue"] * 20
    table = {"size": torch.randn(120).numpy(), "colour": words, "sold": [True, False, True] * 40}
    data = load_data(table, test=0.0, labels=False)
    layout = "columns:number,category*3,binary"
    model = tw.VAE.build((5,), latent=2, likelihood=layout, options={"hidden": [8]})
    account = tw.imputation_error(model, data, share=0.5, samples=50)
    hidden = _hidden(data.tensor(), [[0], [1, 2, 3], [4]], 0.5, 0)
    assert bool((hidden[:, 1:4].sum(1) % 3 == 0).all())
    x = data.tensor()
    red = x[:, 1:4].mean(0).argmax()
    right = int((x[hidden[:, 1], 1:4].argmax(1) == red).sum()) + int(x[hidden[:, 4], 4].sum())
    share = right / int(hidden[:, 1].sum() + hidden[:, 4].sum())
    assert account["imputation_accuracy_of_commonest"].value == pytest.approx(share)
    assert 0 <= account["imputation_accuracy"].value <= 1 and "imputation_error" in account


def test_of_a_run_the_test_part_is_judged_and_gaps_that_are_there_stay():
    x = torch.randn(80, 3).where(torch.rand(80, 3) > 0.2, torch.nan)
    data = load_data(x, missing="mask")
    model = tw.VAE.build((3,), 2, likelihood="normal:1", options={"hidden": [8]})
    account = tw.imputation_error(model, data, samples=20)
    assert account.data["part"] == "test" and account.data["of"] == 80
    assert model.filler is None
    alone = tw.imputation_error(model, data, samples=20, split="train")
    assert alone.data["n"] == 64


def test_what_cannot_be_hidden_or_filled_is_said():
    model, data = world(10)
    with pytest.raises(BadData, match="share to hide between 0 and 1, got 1"):
        tw.imputation_error(model, data, share=1.0)
    with pytest.raises(BadData, match="hides nothing"):
        tw.imputation_error(model, data, share=1e-9)
    with pytest.raises(Refused, match=r'Only a VAE.*recipe="miwae"'):
        tw.impute(tw.adapt(lambda x: (x[:, :2], x[:, :2])), data)
    with pytest.raises(Refused, match="Nothing to fill"):
        tw.impute(model)


def test_a_model_that_is_told_something_beside_x_is_asked_too():
    x = torch.randn(40, 3)
    data = load_data(x, test=0.0).with_side({"sign": ["-" if one < 0 else "+" for one in x[:, 0]]})
    model = tw.VAE.build((3,), latent=1, likelihood="normal:1", side=data.side, options={"hidden": [4]})
    model.filler = Filler.of(data)
    account = imputation_error(model, data, share=0.3, samples=20)
    assert account["imputation_error"].n > 0
    x[0, 0] = torch.nan
    gaps = load_data(x, missing="mask", test=0.0).with_side(data.side)
    assert impute(model, gaps, samples=20).draws.shape == (0, 40, 3)
