"""Edits and their judge in a world where both are linear, so that every share is a count by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

import termwise as tw
from termwise.account.reading import reading_by_dimension
from termwise.data.annotations import Annotations
from termwise.data.examples import InMemory
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.attributes import attribute_account, joined, vectors_of, with_attributes

NAMES = ("warm", "hat")
EFFECTS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
SEEN = torch.tensor([[1.0, 0.2], [0.0, 1.0], [0.3, 0.0]])  # what the judge looks at, (D, A)
BEHIND = -1.0


class Line:
    """Judges attribute j by a line; its features are the example itself."""

    names = NAMES
    accuracy = reading_by_dimension(torch.tensor([[1, 1], [1, 0]] * 10), "accuracy", estimator="", bias="", unit="")
    majority = reading_by_dimension(torch.tensor([[1, 0], [0, 1]] * 10), "majority", estimator="", bias="", unit="")

    def features(self, x):
        return x

    def logits(self, x):
        return x @ SEEN + BEHIND


def examples(count: int, seed: int, rho: float = 0.5) -> tw.Dataset:
    """x = a EFFECTS + N(0, I / 4), with correlated attributes."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(count, generator=generator) < 0.5
    second = first ^ (torch.rand(count, generator=generator) >= (1 + rho) / 2)
    has = torch.stack([first, second], 1).long()
    x = has.float() @ EFFECTS + torch.randn(count, 3, generator=generator) / 2
    return tw.Dataset("made", InMemory(x), Annotations(attributes=has, attribute_names=NAMES))


@pytest.fixture(scope="module")
def world():
    """A model whose code is the example and whose decoder gives it back; its vectors; what is judged."""
    model = tw.adapt(encode=lambda x: (x, torch.full_like(x, -8.0)), decode=lambda z: z, likelihood="normal:0.1")
    vectors = vectors_of(model, examples(4000, 0), ("mean-difference", "regression"))
    return model, vectors, examples(300, 1)


@pytest.fixture(scope="module")
def account(world):
    model, vectors, data = world
    return attribute_account(model, data, vectors, Line(), strength=0.7, batch_size=128)


@pytest.mark.parametrize(("method", "ending"), [("mean-difference", ""), ("regression", "_by_regression")])
def test_every_edit_is_judged_as_by_hand(world, account, method, ending):
    _, vectors, data = world
    x, has = data.tensor().double().numpy(), data.attributes.numpy().astype(bool)
    look = SEEN.double().numpy()
    before = x @ look + BEHIND > 0
    moves = 0.7 * vectors[method].vectors.double().numpy()
    success, added, removed, kept, moved = [], [], [], [], []
    for j in (0, 1):
        edited = x + np.where(has[:, [j]], -1, 1) * moves[j]
        judged = edited @ look + BEHIND > 0
        right = judged[:, j] != has[:, j]
        added.append(right[~has[:, j]].mean())
        removed.append(right[has[:, j]].mean())
        success.append((added[-1] + removed[-1]) / 2)
        kept.append((judged == before)[:, 1 - j].mean())
        moved.append(np.linalg.norm(moves[j]))
    for name, values in (("success", success), ("added", added), ("removed", removed)):
        assert account[f"attribute_{name}{ending}_by_attribute"].value == pytest.approx(values)
        assert account[f"attribute_{name}{ending}"].value == pytest.approx(np.mean(values))
    assert account[f"attribute_others_kept{ending}"].value == pytest.approx(np.mean(kept))
    assert account[f"identity_distance{ending}"].value == pytest.approx(np.mean(moved), rel=1e-5)
    assert 0.05 < np.mean(success) < 0.95  # so that a mistake would show


def test_regression_leaves_the_other_attribute_more_often_as_it_was(account):
    gain = account["attribute_others_kept_by_regression"].value - account["attribute_others_kept"].value
    errors = [account[f"attribute_others_kept{ending}"].stderr for ending in ("", "_by_regression")]
    assert gain > 3 * math.hypot(*errors)


def test_generated_images_show_an_attribute_as_often_as_a_normal_code_does(world, account):
    _, vectors, _ = world
    spread = SEEN.norm(dim=0)  # of the judge's logit, where z ~ N(0, I)
    for name, moves in (
        ("attribute_generated", 0.7 * vectors["mean-difference"].vectors),
        ("attribute_generated_by_regression", 0.7 * vectors["regression"].vectors),
        ("attribute_generated_before", torch.zeros(2, 3)),
    ):
        expected = norm.cdf((((moves @ SEEN).diagonal() + BEHIND) / spread).numpy())
        found = np.array(account[f"{name}_by_attribute"].value)
        assert np.abs(found - expected).max() < 4 * np.sqrt(0.25 / 300)


def test_what_was_not_edited_is_judged_beside(world, account):
    data = world[2]
    x, has = data.tensor().double().numpy(), data.attributes.numpy().astype(bool)
    logits = x @ SEEN.double().numpy() + BEHIND
    for side, where in (("lacking", ~has), ("having", has)):
        expected = [((logits > 0) == has)[where[:, j], j].mean() for j in (0, 1)]
        assert account[f"attribute_reconstructed_{side}_by_attribute"].value == pytest.approx(expected)
    wrong = [np.mean([((logits > 0) != has)[where[:, j], j].mean() for where in (~has, has)]) for j in (0, 1)]
    assert account["attribute_success_before_by_attribute"].value == pytest.approx(wrong)
    predicted, asked = np.tanh(logits / 2), np.where(has, 1, -1)  # 2 sigma(t) - 1 = tanh(t / 2)
    cosine = (predicted * asked).sum(1) / np.linalg.norm(predicted, axis=1) / math.sqrt(2)
    for of in ("data", "reconstructions"):
        assert account[f"attribute_cosine_of_{of}"].value == pytest.approx(cosine.mean(), abs=1e-5)
        error = ((predicted - asked) ** 2).mean()
        assert account[f"attribute_squared_error_of_{of}"].value == pytest.approx(error, abs=1e-5)
    assert account["classifier_accuracy_by_attribute"].value == [1.0, 0.5]


def test_images_made_from_attributes_have_the_logits_of_their_mean_code(world):
    model, vectors, _ = world
    many = attribute_account(model, examples(4000, 5), vectors, Line())
    x, has = torch.randn(200_000, 3), examples(200_000, 7).attributes
    centred = has.float() - vectors["regression"].shares
    logits = (x + centred @ vectors["regression"].vectors) @ SEEN + BEHIND
    error = (torch.tanh(logits / 2) - (2.0 * has - 1)).square().mean(1)
    found = many["attribute_squared_error_of_generated_by_regression"]
    assert found.value == pytest.approx(float(error.mean()), abs=4 * math.hypot(found.stderr, error.std() / 447))


def test_different_examples_are_as_far_apart_as_two_draws(account):
    x = examples(40_000, 9).tensor()
    distances = (x[::2] - x[1::2]).norm(dim=1)
    found = account["identity_scale"]
    assert (found.n, found.value) == (150, pytest.approx(float(distances.mean()), abs=4 * found.stderr))


def test_the_same_seed_gives_the_same_account_and_the_random_state_is_left(world):
    model, vectors, data = world
    state = torch.get_rng_state()
    first, second = (attribute_account(model, data, vectors, Line(), seed=3) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert torch.equal(torch.get_rng_state(), state)
    other = attribute_account(model, data, vectors, Line(), seed=4)
    assert other["attribute_generated"].value != first["attribute_generated"].value
    assert other["attribute_success"].value == first["attribute_success"].value


def test_what_the_judge_or_the_code_does_not_know_is_said(world):
    model, vectors, data = world
    blind = Line()
    blind.accuracy, blind.majority = Line.majority, Line.accuracy
    said = " ".join(attribute_account(model, data, vectors, blind).diagnosis)
    assert "no more than which answer is usual of warm, hat: " in said
    forgetful = tw.adapt(
        encode=lambda x: (x * torch.tensor([0.0, 1.0, 1.0]), torch.full_like(x, -8.0)),
        decode=lambda z: z,
        likelihood="normal:0.1",
    )
    said = " ".join(attribute_account(forgetful, data, vectors, Line()).diagnosis)
    assert "Reconstructions do not keep warm: " in said


def test_a_judge_that_knows_too_little_is_refused(world):
    model, vectors, data = world
    judge = Line()
    judge.names = ("warm", "smile")
    with pytest.raises(Refused, match="knows nothing of hat; it knows warm, smile"):
        attribute_account(model, data, vectors, judge)


def labelled(**known) -> tuple[tw.Dataset, tw.Dataset]:
    data = tw.Dataset("made", InMemory(torch.rand(8, 3)), Annotations(**known))
    return data.subset(torch.arange(5)), data.subset(torch.arange(5, 8))


def test_labels_stand_for_attributes_where_there_are_none():
    train, held_out, said = with_attributes(*labelled(labels=torch.tensor([4, 7, 7, 4, 2, 7, 4, 4])))
    assert held_out.attribute_names == ("4", "7")  # 2 is not among the last three
    assert held_out.attributes.tolist() == [[0, 1], [1, 0], [1, 0]]
    assert train.attributes.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 0]]
    assert "each of its labels" in said[0]
    assert said[1].endswith("part of this data: 2.")


def test_only_attributes_that_differ_and_are_asked_for_are_kept():
    values = torch.tensor([[0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
    parts = labelled(attributes=values, attribute_names=("a", "b", "c"))
    train, held_out, said = with_attributes(*parts)
    assert (train.attribute_names, held_out.attributes.tolist()) == (("a", "b"), [[0, 1], [1, 1], [0, 0]])
    assert said == ["Left out, since only one value of each is in a part of this data: c."]
    train, _, said = with_attributes(*parts, names=["b"])
    assert (train.attribute_names, said) == (("b",), [])
    with pytest.raises(UnknownName, match="Unknown attribute 'd'"):
        with_attributes(*parts, names=["d"])
    with pytest.raises(BadData, match="None of the attributes differs"):
        with_attributes(*parts, names=["c"])
    with pytest.raises(BadData, match="'warmth' of made has other values"):
        with_attributes(*labelled(attributes=values / 2, attribute_names=("warmth", "b", "c")))
    with pytest.raises(BadData, match="no attributes and no labels"):
        with_attributes(*labelled())


def test_two_parts_joined_are_one_data_set_with_these_parts():
    train, held_out = labelled(labels=torch.arange(8))
    both = joined(held_out, train)
    assert torch.equal(both.train.tensor(), held_out.tensor())
    assert torch.equal(both.test.tensor(), train.tensor())
    assert both.test.labels.tolist() == [0, 1, 2, 3, 4]
