import numpy as np
import pytest
import torch

import termwise as tw
from termwise.data.annotations import Annotations
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.errors import BadData, NonFiniteLoss, Refused, UnknownName
from termwise.measuring.classifier.classifier import _body, train_classifier
from termwise.measuring.classifier.targets import Turns

QUICK = {"steps": 60, "batch_size": 64, "hidden": 16}


def images(count=400, shape=(1, 8, 8), split=True, **known):
    """Noise, with a bright left half where the first attribute is there, a bright top half where the second is."""
    attributes = (torch.rand(count, 2) < torch.tensor([0.5, 0.2])).long()
    x = 0.3 * torch.rand(count, *shape)
    x[..., : shape[2] // 2] += 0.5 * attributes[:, 0].view(-1, 1, 1, 1)
    x[:, :, : shape[1] // 2] += 0.5 * attributes[:, 1].view(-1, 1, 1, 1)
    half = {"train": torch.arange(count // 2), "test": torch.arange(count // 2, count)} if split else {}
    known = known or {"attributes": attributes, "attribute_names": ("left", "top")}
    return Dataset("halves", InMemory(x), Annotations(**known), splits=half)


def test_attributes_are_learned_each_by_itself():
    data = images()
    classifier = train_classifier(data, **QUICK)
    assert classifier.names == ("left", "top") and not classifier.exclusive
    assert min(classifier.accuracy.value) > 0.95 > max(classifier.majority.value)
    right = (classifier.logits(data.test.tensor()) > 0) == data.test.attributes
    assert classifier.accuracy.value == pytest.approx(right.double().mean(0).tolist())
    assert classifier.accuracy.stderr == pytest.approx((right.double().std(0) / 200**0.5).tolist())
    assert classifier.majority.value[1] == pytest.approx(1 - float(data.test.attributes[:, 1].double().mean()))


def test_what_cannot_be_known_is_not_found_on_new_examples():
    """Random answers: all of them can be learned by heart, and half of them are right elsewhere."""
    data = images(attributes=torch.randint(2, (400, 1)), attribute_names=("coin",))
    classifier = train_classifier(data, steps=200, batch_size=64)
    learned = ((classifier.logits(data.train.tensor()) > 0) == data.train.attributes).double().mean()
    assert learned > 0.9
    assert abs(classifier.accuracy.value[0] - 0.5) < 4 * 0.5 / 200**0.5


def test_labels_of_any_numbers_are_told_apart_by_one_softmax():
    labels = torch.tensor([3, 7, 9]).repeat(134)[:400]
    data = images(labels=labels)
    data.examples.kept[labels == 7, :, :, :4] += 1
    data.examples.kept[labels == 9, :, 4:] += 1
    classifier = train_classifier(data, target="labels", **QUICK)
    assert classifier.names == ("3", "7", "9") and classifier.exclusive
    assert classifier.accuracy.value > 0.95
    assert classifier.majority.value == pytest.approx(float((data.test.labels == 3).double().mean()), abs=0.01)
    probabilities = classifier.probabilities(data.test.tensor())
    assert probabilities.sum(1) == pytest.approx(torch.ones(200))
    guessed = torch.tensor([3, 7, 9])[probabilities.argmax(1)]
    assert classifier.accuracy.value == pytest.approx(float((guessed == data.test.labels).double().mean()))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 11)])
def test_where_nothing_is_known_of_images_their_turns_are_learned(shape):
    x = 0.1 * torch.rand(300, *shape)
    x[:, :, :3] += 1  # a bright sky
    classifier = train_classifier(Dataset("skies", InMemory(x)), **QUICK)
    assert classifier.target == "turns"
    assert classifier.accuracy.value > 0.9
    assert classifier.accuracy.n == 60


def test_a_turned_image_is_the_one_that_numpy_turns():
    x = torch.rand(40, 2, 5, 5)
    turned, turns = Turns(5).pose(x, torch.arange(40))
    assert set(turns.tolist()) == {0, 1, 2, 3}
    for image, now, k in zip(x.numpy(), turned.numpy(), turns.tolist(), strict=True):
        np.testing.assert_array_equal(now, np.rot90(image, k, (1, 2)))


def test_vectors_have_a_network_too():
    x = torch.randn(500, 3)
    data = Dataset("signs", InMemory(x), Annotations(labels=(x[:, 0] > 0).long()))
    classifier = train_classifier(data, steps=150, batch_size=64)
    assert classifier.accuracy.value > 0.9
    assert classifier.accuracy.n == 100


def test_features_are_standard_on_the_examples_that_it_learned_from():
    data = images()
    features = train_classifier(data, **QUICK).features(data.train.tensor())
    varied = features.std(0) > 0
    assert features.shape == (200, 16 + 16) and varied.sum() > 20
    torch.testing.assert_close(features.mean(0), torch.zeros(32), atol=1e-4, rtol=0)
    torch.testing.assert_close(features.std(0)[varied], torch.ones(int(varied.sum())), atol=1e-3, rtol=0)


def test_the_same_seed_gives_the_same_network_and_leaves_the_random_state_alone():
    data = images(split=False)
    before = torch.random.get_rng_state()
    one, same, other = (train_classifier(data, seed=seed, **QUICK) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    x = data.tensor(20)
    assert torch.equal(one.logits(x), same.logits(x))
    assert not torch.equal(one.logits(x), other.logits(x))


def test_it_is_frozen_and_lets_gradients_through_to_x():
    classifier = train_classifier(images(), **QUICK)
    x = torch.rand(2, 1, 8, 8, requires_grad=True)
    classifier(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert not classifier.training and not any(parameter.requires_grad for parameter in classifier.parameters())


def test_it_says_of_itself_what_it_learned_and_how_well():
    classifier = train_classifier(images(), **QUICK)
    right, usual = np.mean(classifier.accuracy.value), np.mean(classifier.majority.value)
    assert f"the attributes of halves (right on {right:.3f} of 200 held-out" in str(classifier)
    assert f"{usual:.3f} by the most frequent answer" in str(classifier)


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (lambda: images(), {"target": "colours"}, UnknownName, "Known: attributes, labels, turns"),
        (lambda: images(), {"target": "labels"}, BadData, "has no labels"),
        (lambda: images(labels=torch.arange(400) % 2), {"target": "attributes"}, BadData, "has no attributes"),
        (lambda: images(labels=torch.zeros(400).long()), {}, BadData, "one label only, 0"),
        (lambda: images(labels=torch.arange(400)), {}, BadData, "No example of halves to learn from has label 200"),
        (
            lambda: images(attributes=torch.ones(400, 1).long(), attribute_names=("there",)),
            {},
            BadData,
            "All 200 examples to learn from agree in there",
        ),
        (
            lambda: images(attributes=torch.rand(400, 1), attribute_names=("age",)),
            {"target": "attributes"},
            BadData,
            "other numbers",
        ),
        (lambda: tw.load_data(torch.randn(50, 4)), {}, BadData, "are no images"),
        (lambda: tw.load_data(torch.randn(5, 1, 4, 4)), {}, BadData, "got 4 and 1"),
        (lambda: images(), {"steps": 0}, Refused, "steps = 0 cannot be"),
        (lambda: images(), {"learning_rate": 1e30}, NonFiniteLoss, "Lower its learning_rate"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_one_message(data, options, error, message):
    with pytest.raises(error, match=message):
        train_classifier(data(), **{**QUICK, **options})


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((3, 64, 64), [(32, 32), (16, 16), (8, 8), (4, 4)]), ((1, 40, 8), [(24, 8), (12, 4), (6, 2), (3, 1)])],
)
def test_the_body_halves_an_image_until_its_longer_side_is_four_or_less(shape, sides):
    body = _body(shape, 16).eval()
    x, found = torch.rand(2, *shape), []
    for layer in body[:-1]:
        x = layer(x)
        found.append(tuple(x.shape[2:]))
    assert found == sides and body[-1](x).shape == (2, 16)
