"""An example or an entry of x that makes up most of a term is named; of ordinary data none is."""

import pytest
import torch

import termwise as tw
from termwise.data import Column, InMemory
from termwise.measuring.elbo.dominance import _sole, dominating_entry, dominating_examples
from termwise.models.data_pass import DataPass
from termwise.models.scaler import Scaler

DECODED = 6


def model_of(x, likelihood="normal:1"):
    """A code of the first two entries of x, which are decoded, and nothing of the rest."""
    rest = x.shape[1] - 2
    return tw.adapt(
        encode=lambda x: (x[:, :2].clamp(-2, 2), torch.full((len(x), 2), -2.0)),
        decode=lambda z: torch.cat([z, torch.zeros(len(z), rest)], 1),
        likelihood=likelihood,
    )


def model_zeros(z):
    return torch.zeros(len(z), DECODED)


def said(x, **options):
    return [one for one in tw.measure(model_of(x, **options), x).diagnosis if "most of" in one or "One entry" in one]


def test_an_example_that_makes_up_most_of_a_term_is_named_with_what_the_mean_would_be():
    x = torch.randn(400, DECODED)
    x[17] *= 1000
    (sentence,) = said(x)
    assert sentence.startswith("One example makes up most of the distortion: number 17 has ")
    plain = tw.measure(model_of(x), x).per_example["distortion"]
    rest = float((plain.sum() - plain[17]) / 399)
    assert f"without it the mean would be {rest:,.4g}" in sentence
    coded = tw.adapt(encode=lambda x: (x[:, :2], torch.zeros(len(x), 2)))
    (sentence,) = (one for one in tw.measure(coded, x).diagnosis if "One example" in one)
    assert "most of the rate: number 17" in sentence


def test_two_examples_are_named_together_and_many_are_no_few():
    x = torch.randn(400, DECODED)
    x[[17, 33]] *= 1000
    assert "number 17" in said(x)[0] and "number 33" in said(x)[0] and "examples make" in said(x)[0]
    x[100:120] *= 1000
    assert not said(x)


@pytest.mark.parametrize("likelihood", ["normal:1", "laplace:1"])
def test_a_column_on_another_scale_is_named(likelihood):
    x = torch.randn(400, DECODED)
    x[:, 4] *= 300
    (sentence,) = said(x, likelihood=likelihood)
    assert sentence.startswith("One entry of x decides the distortion: column 4 (from 0) costs ")


def test_an_entry_of_an_image_is_named_by_where_it_is():
    x = torch.randn(300, 1, 4, 5)
    x[:, 0, 2, 3] *= 300
    model = tw.adapt(
        encode=lambda x: (x.flatten(1)[:, :2].clamp(-2, 2), torch.full((len(x), 2), -2.0)),
        decode=lambda z: torch.zeros(len(z), 1, 4, 5),
        likelihood="normal:1",
    )
    assert any("the entry at (0, 2, 3) (from 0)" in one for one in tw.measure(model, x).diagnosis)


def test_a_column_of_a_table_is_called_by_its_name():
    x = torch.randn(200, DECODED)
    x[:, 2] *= 1e4
    columns = tuple(Column(f"gene {i}") for i in range(DECODED))
    data = tw.Dataset("genes", InMemory(x), columns=columns)
    model = tw.adapt(lambda x: (torch.zeros(len(x), 2), torch.zeros(len(x), 2)), model_zeros, likelihood="normal:1")
    assert any("decides the distortion: column 'gene 2' costs" in one for one in tw.measure(model, data).diagnosis)


def test_a_column_that_a_model_standardises_is_not_dear_for_its_unit():
    torch.manual_seed(0)
    data = tw.load_data(torch.randn(200, DECODED) * torch.tensor([1e9] + [1.0] * (DECODED - 1)), test=0.0)
    model = tw.VAE.build((DECODED,), latent=2, likelihood="normal:1", scaler=Scaler.of(data))
    for weights in model.encoder.parameters():
        weights.data.zero_()
    assert dominating_entry(DataPass(model, data).at(torch.arange(200))) is None
    data.examples.kept[:, 3] *= 20  # unlike what the scaler is of
    assert "column 3 (from 0)" in dominating_entry(DataPass(model, data).at(torch.arange(200)))


def test_an_example_makes_no_column_of_itself():
    x = torch.randn(400, DECODED)
    x[17, 4] = 1e5
    (sentence,) = said(x)
    assert "number 17" in sentence


@pytest.mark.parametrize("seed", range(4))
def test_of_ordinary_data_none_is_named(seed):
    generator = torch.Generator().manual_seed(seed)
    for n in (16, 60, 1000):
        normal = torch.randn(n, DECODED, generator=generator)
        assert not said(normal)
        assert not said(normal * torch.linspace(0.3, 3, DECODED))  # scales that differ, as they do
        heavy = normal / torch.randn(n, DECODED, 3, generator=generator).square().mean(2).sqrt()  # Student's, of three
        assert dominating_examples("distortion", heavy.abs().sum(1)) is None
        assert dominating_examples("rate", normal[:, 0].exp()) is None


def test_values_that_are_no_numbers_name_nobody():
    values = torch.ones(50)
    values[3] = torch.inf
    assert dominating_examples("rate", values) is None
    assert dominating_examples("rate", torch.tensor([1.0] * 9 + [1e9])) is None  # of ten nobody is one of many


def test_each_of_a_few_is_one_that_has_most_of_what_the_others_leave():
    values = torch.cat([torch.linspace(0, 1, 100), torch.tensor([1000.0, 600.0, 300.0])])
    assert dominating_examples("rate", values).startswith("3 examples make up most of the rate: number 100 has 1,000")


def test_of_two_dear_entries_neither_is_the_only_one():
    assert _sole(torch.tensor([1.0, 1000.0, 400.0, 1.0, 2.0])) is None
    assert _sole(torch.tensor([1.0, 1000.0, 40.0, 1.0, 2.0])) == 1


def test_half_of_all_is_the_share_from_which_a_few_dominate():
    even = torch.cat([torch.full((25,), -1.0), torch.full((25,), 1.0)])  # 50 in all, about a median of -1
    assert dominating_examples("rate", torch.cat([even, torch.tensor([45.0])])) is None
    assert "number 50" in dominating_examples("rate", torch.cat([even, torch.tensor([200.0])]))
