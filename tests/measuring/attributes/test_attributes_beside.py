"""Edits by values beside x, of a decoder that adds what it is told to the code: every share is a count by hand."""

import pytest
import torch
from torch import nn

import termwise as tw
from measuring.attributes.test_attribute_edits import EFFECTS, Line, examples
from termwise.measuring.attributes import attribute_account, attributes_beside, vectors_of, with_attributes


class Encoder(nn.Module):
    """What is left of x once what is told is taken away, without noise."""

    def forward(self, x, side):
        rest = x - side[:, [1, 3]] @ EFFECTS
        return torch.cat([rest, torch.full_like(rest, -20.0)], 1)


class Decoder(nn.Module):
    def forward(self, z, side):
        return z + side[:, [1, 3]] @ EFFECTS


def told(count, seed):
    return examples(count, seed).with_side("attributes")


@pytest.fixture(scope="module")
def world():
    train, data = told(2000, 0), told(300, 1)
    model = tw.VAE(Encoder(), Decoder(), shape=(3,), latent=3, likelihood="normal:0.1", side=train.side)
    return model, train, data, attributes_beside(model, train)


def test_the_variable_of_each_attribute_and_its_values_are_found(world):
    _, _, _, beside = world
    assert (beside.names, beside.places, beside.having) == (("warm", "hat"), (0, 1), (1.0, 1.0))
    assert [values.tolist() for values in beside.lacking] == [[0.0], [0.0]]


def test_an_edit_decodes_the_code_of_an_example_with_the_other_value(world):
    model, train, data, beside = world
    methods = {**vectors_of(model, train, ["mean-difference"]), "side": beside}
    account, judge = attribute_account(model, data, methods, Line(), batch_size=128), Line()
    x, has = data.tensor(), data.attributes
    for j in range(2):
        edited = x + (1 - 2 * has[:, j : j + 1]).float() * EFFECTS[j]
        right = (judge.logits(edited)[:, j] > 0) != has[:, j].bool()
        for name, cell in (("added", has[:, j] == 0), ("removed", has[:, j] == 1)):
            found = account[f"attribute_{name}_by_side_by_attribute"].value[j]
            assert found == pytest.approx(float(right[cell].float().mean()), abs=1e-6)
    assert account["identity_distance_by_side"].value == pytest.approx(
        2.0, abs=1e-4
    )  # as far as an effect, and no more
    assert (
        account["attribute_success_by_side"].value > account["attribute_success"].value + 0.3
    )  # its code knows nothing


def test_a_label_is_taken_away_by_those_that_others_have():
    digits = tw.load_data("digits", test=0.2).with_side("labels")
    train, held_out, _ = with_attributes(digits.train, digits.test, names=["0", "7"])
    beside = attributes_beside(tw.VAE.build(train.shape, 2, options={"hidden": [8]}, side=digits.side), train)
    own = held_out.side.values
    code = (torch.zeros(len(own), 2), own)
    turned = beside.turned(code, 1, held_out.attributes[:, 1].bool(), 1.0)[1][:, 0]
    sevens = own[:, 0] == 7
    assert bool((turned[~sevens] == 7).all()) and not bool((turned[sevens] == 7).any())
    assert len(turned[sevens].unique()) > 3  # whatever else there is
    assert torch.equal(beside.added(code, 0, 1.0)[1], torch.zeros(len(own), 1))
    assert beside.made_from(code, held_out.attributes) is code


@pytest.mark.parametrize("side_to", [("encoder",), ("decoder",)])
def test_none_is_told_where_the_decoder_is_not_or_only_of_some(side_to):
    train = examples(200, 0).with_side("warm" if "decoder" in side_to else "attributes")
    model = tw.VAE.build((3,), 2, options={"hidden": [4]}, side=train.side, side_to=side_to)
    assert attributes_beside(model, train) is None
    plain = tw.VAE.build((3,), 2, options={"hidden": [4]})
    assert attributes_beside(plain, train) is None
