"""Whether a decoder uses what stands beside x: against brute force, and said of those that do not, and of no others."""

import math

import pytest
import torch
from torch import nn

import termwise as tw
from termwise.data import Side
from termwise.measuring.elbo.measure import measure
from termwise.measuring.elbo.side_use import _of_others
from termwise.models import VAE


class ToItself(nn.Module):
    """An encoder of one number to N(x / 2, 0.3^2)."""

    def forward(self, x):
        return torch.cat([x / 2, torch.full_like(x, 2 * math.log(0.3))], 1)


class Adds(nn.Module):
    """A decoder of z + what it adds for the numbers beside x, shape (B, S)."""

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))

    def forward(self, z, side):
        return z + (side * self.weights).sum(1, keepdim=True)


def of(weights, columns, sigma=0.5, n=600):
    """A model that adds for each number beside x its weight, and data, x a number and what stands beside it."""
    x = torch.randn(n, 1, generator=torch.Generator().manual_seed(0))
    data = tw.load_data(x, test=0.0).with_side(columns)
    likelihood = f"normal:{sigma}"
    model = VAE(
        ToItself(), Adds(weights), shape=(1,), latent=1, likelihood=likelihood, side=data.side, side_to=["decoder"]
    )
    return model, data


def sentences(account, word="ignores"):
    return [one for one in account.diagnosis if word in one]


def test_the_gain_is_the_mean_over_all_others_that_differ():
    sites = (["a"] * 3 + ["b"] * 2 + ["c"]) * 100
    weights, sigma = [0.0, 0.4, -0.7], 0.5
    model, data = of(weights, {"site": sites}, sigma)
    found = tw.measure(model, data, samples=1)
    # at the very codes, drawn again, and every other value in the place of one at random
    s, x = data.side.values[:, 0].long(), data.tensor().flatten().double()
    added = torch.tensor(weights, dtype=torch.float64)
    expected = []
    for own in range(3):
        mine = x[s == own]
        for other in range(3):
            if other == own:
                continue
            share = float((s == other).sum()) / float((s != own).sum())
            # z ~ N(x / 2, 0.09), so that E (x - z - a)^2 = (x / 2 - a)^2 + 0.09
            gain = ((mine / 2 - added[other]).square() - (mine / 2 - added[own]).square()) / (2 * sigma**2)
            expected.append(share * float(gain.sum()) / len(x))
    assert abs(found["side_use"].value - sum(expected)) < 4 * found["side_use"].stderr
    assert found["side_use"].value > 0.05 or sum(expected) < 0.05


def test_others_are_drawn_alike_of_those_that_differ():
    values = torch.tensor([[0.0]] * 2 + [[1.0]] * 1 + [[2.0]] * 3, dtype=torch.float64)
    torch.manual_seed(0)
    drawn = torch.stack([_of_others(values).flatten() for _ in range(4000)])  # (rounds, N)
    assert not (drawn == values.flatten()).any()
    of_first = (drawn[:, 0] == 1).double().mean()  # one of four others
    assert abs(float(of_first) - 1 / 4) < 4 * math.sqrt(0.25 * 0.75 / 4000)
    of_last = (drawn[:, 5] == 0).double().mean()
    assert abs(float(of_last) - 2 / 3) < 4 * math.sqrt(2 / 9 / 4000)


def made_of(sites, weights, n=600):
    """Data in which x is z and what a site adds, so that a decoder which knows it gains."""
    columns = {"site": sites}
    model, data = of(weights, columns, n=n)
    added = torch.tensor(weights)[data.side.values[:, 0].long()].unsqueeze(1)
    x = torch.randn(n, 1, generator=torch.Generator().manual_seed(1)) + 2 * added
    return model, tw.load_data(x, test=0.0).with_side(columns)


@pytest.mark.parametrize("rare", [False, True])
def test_a_decoder_that_uses_it_is_not_said_to_ignore_it(rare):
    sites = ["a", "b"] * 300 if not rare else ["a"] * 590 + ["b"] * 10
    account = tw.measure(*made_of(sites, [0.0, 1.0]))
    assert account["side_use"].value > 0.5 and not sentences(account)


def test_a_decoder_that_ignores_it_is_told_of_and_what_to_do():
    model, data = made_of(["a", "b"] * 300, [0.0, 3.0])
    model.decoder.body.weights.zero_()
    account = tw.measure(model, data)
    assert account["side_use"].value == 0 and account["side_use"].stderr == 0
    (said,) = sentences(account)
    assert "The decoder ignores site: an example is worth only 0" in said
    assert "The code tells" in said and "the recipe vfae draws them out of the code" in said  # x tells the site
    blind, data = of([0.0, 0.0], {"site": ["a", "b"] * 300})
    (said,) = sentences(tw.measure(blind, data))
    assert "It may tell nothing of x beside the code: leave site out" in said


def test_of_several_variables_the_one_that_is_ignored_is_named():
    columns = {"site": ["a", "b"] * 300, "age": torch.linspace(-1, 1, 600).tolist()}
    model, _ = of([0.0, 0.0, 1.5], columns)
    x = torch.randn(600, 1, generator=torch.Generator().manual_seed(1)) + 3 * torch.linspace(-1, 1, 600).unsqueeze(1)
    account = tw.measure(model, tw.load_data(x, test=0.0).with_side(columns))
    by_variable = account.by_dimension["side_use_by_variable"].value
    assert by_variable[0] == 0 and by_variable[1] > 0.3 and account["side_use"].value > 0.3
    (said,) = sentences(account)
    assert "The decoder ignores site" in said
    of_age = measure(model, tw.load_data(x, test=0.0).with_side(columns), side=["age"])
    assert of_age.data["side"] == ["age"] and of_age.data["given"] == ["site", "age"]
    assert len(sentences(of_age)) == 1 and "The decoder ignores site" in sentences(of_age)[0]


def test_there_is_none_where_the_decoder_takes_nothing_or_all_have_the_same():
    data = tw.load_data("digits", side="labels")
    to_encoder = VAE.build((1, 8, 8), latent=2, side=data.side, side_to=["encoder"], options={"hidden": [8]})
    plain = VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
    for model in (to_encoder, plain):
        assert "side_use" not in tw.measure(model, data, limit=60)
    ones = data.test.subset(torch.arange(len(data.test))[data.test.labels == 1])
    told = VAE.build((1, 8, 8), latent=2, side=data.side, options={"hidden": [8]})
    account = tw.measure(told, ones)
    assert "side_use" not in account
    assert any("cannot be said: labels is the same for all examples" in said for said in account.diagnosis)
    assert "side_use" in tw.measure(told, data, limit=60)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([str(k) for k in range(60)], "cannot be said: s is another for every example"),
        ([str(k // 2) for k in range(60)], "s, is another for nearly every example: its groups are of 2.0"),
        ([str(k // 6) for k in range(60)], ""),
    ],
)
def test_what_is_another_for_every_example_or_nearly_is_said(column, said):
    model = VAE.build((3,), latent=2, options={"hidden": [8]})
    x = torch.rand(60, 3, generator=torch.Generator().manual_seed(0))
    account = tw.measure(model, tw.load_data(x, test=0.0), side=Side.of({"s": column}))
    found = [one for one in account.diagnosis if "cannot be said" in one or "nearly every" in one]
    assert (len(found) == 1 and said in found[0]) if said else not found


def test_a_posterior_without_a_density_has_it_too():
    data = tw.load_data("digits", side="labels")
    model = VAE.build((1, 8, 8), latent=2, posterior="noise-input", side=data.side, options={"hidden": [8]})
    assert tw.measure(model, data, limit=40, noises=8)["side_use"].n == 40
