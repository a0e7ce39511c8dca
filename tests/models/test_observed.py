"""A block of the code that observes what stands beside x: when it is a point, and what is given it; files."""

import pytest
import torch

import termwise as tw
from termwise.data import Side
from termwise.errors import BadData, Refused, UnknownName
from termwise.models.chained_law import ChainedLaw

KIND = {"name": "label", "posterior": "categorical", "observes": "kind", "prior": "learned-categories"}
STYLE = {"name": "style", "latent": 2, "given": ["label"], "prior": "conditional"}
VALUES = {"kind:partly": ["b", None, "c", "a", None, "b"]}


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = tw.VAE.build((4,), code=[KIND, STYLE], side=Side.of(VALUES), options={"hidden": [8]})
    torch.nn.init.normal_(made.prior.blocks[1].head.given.weight)
    torch.nn.init.normal_(made.prior.blocks[1].head.numbers.weight)
    return made.eval()


def label_of(law):
    return law.links[0].mean


def test_what_is_known_is_a_point_in_training_and_not_in_evaluation(model):
    """Three of six in training; in evaluation the encoder's own law of all, but where the caller gives a value."""
    x, side = torch.rand(6, 4), Side.of(VALUES).values
    own = label_of(model.encode(x))
    assert torch.equal(label_of(model.infer(x, side)[0]), own)
    model.train()
    training = label_of(model.infer(x, side)[0])
    known = ~side[:, 0].isnan()
    assert torch.equal(training[known], torch.eye(3)[side[known, 0].long()])
    torch.testing.assert_close(training[~known], own[~known])
    model.eval()
    given = model.encode(x, side={"kind": ["a", "b", "c", "c", "b", "a"]})
    assert torch.equal(label_of(given), torch.eye(3)[[0, 1, 2, 2, 1, 0]])
    assert isinstance(given, ChainedLaw)
    style = given.at(torch.cat([label_of(given), torch.zeros(6, 2)], 1)).blocks[1]
    torch.testing.assert_close(given.mean[:, 3:], style.mean)  # the style is given what was observed


def test_samples_are_of_the_category_that_is_asked_for(model):
    """Codes under p(style|kind): their mean and spread at each kind, of 20,000 of it, are the prior's own."""
    decoded = []
    model.decoder.register_forward_pre_hook(lambda _, given: decoded.append(given[0]))
    for place, word in enumerate("abc"):
        decoded.clear()
        model.sample(20_000, side={"kind": word})
        z = decoded[0]
        assert torch.equal(z[:, :3], torch.eye(3)[place].expand(20_000, 3))
        law = model.prior.blocks[1].law(torch.eye(3)[place])
        error = law.stddev / 20_000**0.5
        assert bool(((z[:, 3:].mean(0) - law.mean).abs() < 4.5 * error).all())
        assert bool(((z[:, 3:].std(0) / law.stddev - 1).abs() < 4.5 / 40_000**0.5).all())
    decoded.clear()
    model.sample(3, side={"kind": ["a", "c", "b"]})
    assert decoded[0][:, :3].argmax(1).tolist() == [0, 2, 1]


def test_the_same_style_of_another_category(model):
    """Codes that are decoded as another category have its numbers, and keep all others."""
    z = model.encode(torch.rand(4, 4)).sample()
    as_c = torch.cat([torch.eye(3)[2].expand(4, 3), z[:, 3:]], 1)
    torch.testing.assert_close(model.generate_examples(z, side={"kind": "c"}), model.generate_examples(as_c))
    x = torch.rand(4, 4)
    q = model.encode(x, side={"kind": "b"})
    torch.testing.assert_close(model.reconstruct(x, side={"kind": "b"}), model.generate_examples(q.mean))


def test_a_model_comes_back_with_what_it_observes(model, tmp_path):
    """The same law, the same samples by category, and an unknown category is refused by name."""
    again = tw.VAE.from_pretrained(model.save_pretrained(tmp_path / "model"))
    x = torch.rand(5, 4)
    assert again.side_variables == model.side_variables and again.observed == model.observed
    torch.testing.assert_close(again.encode(x, side={"kind": "c"}).mean, model.encode(x, side={"kind": "c"}).mean)
    torch.manual_seed(1)
    first = again.sample(4, side={"kind": "b"})
    torch.manual_seed(1)
    assert torch.equal(first, model.sample(4, side={"kind": "b"}))
    with pytest.raises(UnknownName, match="category of kind"):
        again.sample(4, side={"kind": "d"})
    with pytest.raises(UnknownName, match="variable beside x"):
        again.sample(4, side={"kidn": "a"})


def test_beside_what_networks_take(tmp_path):
    """A batch for both networks and a kind that is observed: each is given by its name, and both come back."""
    side = Side.of({"batch": ["u", "v", "u", "v", "u", "v"], **VALUES})
    model = tw.VAE.build((4,), code=[KIND, STYLE], side=side, options={"hidden": [8]}).eval()
    assert [one.name for one in model.side_variables] == ["batch", "kind"]
    model = tw.VAE.from_pretrained(model.save_pretrained(tmp_path / "model"))
    x = torch.rand(6, 4)
    q = model.encode(x, side={"batch": "u", "kind": "a"})
    assert torch.equal(label_of(q), torch.eye(3)[0].expand(6, 3))
    assert model.sample(2, side={"batch": "v", "kind": "a"}).shape == (2, 4)
    assert model.generate_examples(q.mean, side={"batch": "v"}).shape == (6, 4)
    with pytest.raises(Refused, match="batch"):
        model.encode(x, side={"kind": "a"})
    data = tw.load_data(
        torch.rand(40, 4).round(), side={"batch": ["u", "v"] * 20, "kind:partly": ["a", None, "b", "c"] * 10}
    )
    assert (
        "side_information" in tw.measure(model, data.subset(torch.arange(40))).readings
    )  # of the batch, which is known


def test_it_is_measured_with_labels_and_without(model):
    """The terms are of q(z|x), nothing observed: the same with labels beside x, and where they are not known."""
    x = torch.rand(60, 4).round()
    with_labels = tw.measure(model, tw.load_data(x, side={"kind": ["a", "b", "c"] * 20}).subset(torch.arange(60)))
    without = tw.measure(model, tw.load_data(x).subset(torch.arange(60)))
    for name in ("distortion", "rate", "elbo", "index_code_mi"):
        assert with_labels[name].value == without[name].value
    q = label_of(model.encode(x)).double()
    truth = torch.arange(60) % 3
    accuracy, loss = with_labels["prediction_accuracy"], with_labels["prediction_cross_entropy"]
    assert accuracy.value == pytest.approx(float((q.argmax(1) == truth).double().mean()))
    assert loss.value == pytest.approx(float(-q.gather(1, truth[:, None]).log().mean()), abs=1e-6)
    assert accuracy.n == 60 and accuracy.stderr is not None
    assert "prediction_accuracy" not in without.readings
    few = tw.load_data(x, side={"kind:partly": ["a", None, None] * 20}).subset(torch.arange(60))
    assert tw.measure(model, few)["prediction_accuracy"].n == 20


@pytest.mark.parametrize(
    ("block", "side", "message"),
    [
        ({"posterior": "diagonal-normal", "latent": 3}, VALUES, "posterior = 'categorical'"),
        ({"latent": 4}, VALUES, "3 categories, and has 4 numbers"),
        ({"observes": "colour"}, VALUES, "categories beside x are: kind.*observes = 'colour'"),
        ({"observes": "side"}, {"age": [1.5, 2.5]}, "categories beside x are: none"),
        ({"observes": "side"}, {"one": ["a", "b"], "two": ["a", "b"]}, "categories beside x are: one, two"),
        ({}, None, "side = .'kind:partly'."),
    ],
)
def test_what_cannot_be_observed_is_refused_with_what_to_do(block, side, message):
    """Blocks that are no categories, of another number of them, or of what is not beside x."""
    with pytest.raises(Refused, match=message):
        tw.VAE.build((4,), code=[{**KIND, **block}, STYLE], side=None if side is None else Side.of(side))


def test_one_block_observes_and_is_given_none():
    """Two, or one that is given another, are refused."""
    other = {**KIND, "name": "other"}
    with pytest.raises(Refused, match="One block of a code observes"):
        tw.VAE.build((4,), code=[KIND, other], side=Side.of(VALUES))
    with pytest.raises(Refused, match="without given"):
        tw.VAE.build((4,), code=[{"name": "style", "latent": 2}, {**KIND, "given": ["style"]}], side=Side.of(VALUES))


def test_values_are_one_for_all_or_one_each(model):
    """Three of four are refused."""
    with pytest.raises(BadData, match="expected one value, or 4"):
        model.encode(torch.rand(4, 4), side={"kind": ["a", "b", "c"]})
