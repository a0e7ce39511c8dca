"""What a model knows of the values beside x: how often they came, and how samples are drawn at them."""

import pytest
import torch

import termwise as tw
from helpers.side_worlds import linear_gaussian
from termwise.data import Side
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.data_pass import DataPass, with_side_of
from termwise.models.side_input import MOST_ROWS, SideInput

SIDE = Side.of({"batch": list("aaabbc"), "sex": list("ffmmmf"), "age": [1.0, 2.0, 3.0, 4.0, 5.0, 5.5]})
COUNT = 20_000


def shares(values):
    rows, counts = values.unique(dim=0, return_counts=True)
    return {tuple(row): count / len(values) for row, count in zip(rows.tolist(), counts.tolist(), strict=True)}


def near(found, expected):
    """Whether shares of `COUNT` draws are those expected, within four standard errors."""
    return found.keys() == expected.keys() and all(
        abs(found[row] - share) <= 4 * (share * (1 - share) / COUNT) ** 0.5 + 1e-9 for row, share in expected.items()
    )


def test_what_is_not_given_comes_as_often_as_in_training_beside_what_is():
    taken = SideInput.of(SIDE.chosen(["batch", "sex"]))
    a, b, c, f, m = 0.0, 1.0, 2.0, 0.0, 1.0
    assert near(shares(taken.drawn(None, COUNT)), {(a, f): 1 / 3, (a, m): 1 / 6, (b, m): 1 / 3, (c, f): 1 / 6})
    assert near(shares(taken.drawn({"sex": "f"}, COUNT)), {(a, f): 2 / 3, (c, f): 1 / 3})
    half = ["f", "m"] * (COUNT // 2)
    mixed = taken.drawn({"sex": half}, COUNT)
    assert mixed[:, 1].tolist() == [f, m] * (COUNT // 2)
    assert near(shares(mixed), {(a, f): 1 / 3, (c, f): 1 / 6, (a, m): 1 / 6, (b, m): 1 / 3})
    assert taken.drawn({"sex": "m", "batch": "c"}, 2).tolist() == [[c, m]] * 2  # which never came
    assert taken.drawn(SIDE, 6).tolist() == SIDE.values[:, :2].tolist()


def test_numbers_are_drawn_with_the_categories_they_came_with():
    taken = SideInput.of(SIDE)
    drawn = taken.drawn({"batch": "b"}, COUNT)
    assert near(shares(drawn), {(1.0, 1.0, 4.0): 0.5, (1.0, 1.0, 5.0): 0.5})
    given = taken.drawn({"batch": "c", "age": 9.0}, 3)
    assert given.tolist() == [[2.0, 0.0, 9.0]] * 3
    unheard = taken.drawn({"batch": "c", "sex": "m"}, COUNT)  # never came, so its age is anyone's
    assert set(unheard[:, 2].tolist()) == set(SIDE.values[:, 2].tolist())


def test_of_very_many_rows_some_are_kept():
    values = torch.arange(3.0 * MOST_ROWS).double()
    taken = SideInput.of(Side.of({"age": values}))
    assert taken.rows.shape == (MOST_ROWS, 1)
    spread = values.std() / MOST_ROWS**0.5
    assert abs(taken.rows.double().mean() - values.mean()) < 4 * spread


def test_a_model_that_was_not_trained_draws_nothing():
    model = VAE.build((4,), 2, side=SIDE.variables)
    with pytest.raises(Refused, match="takes batch, sex, age beside x, and got none"):
        model.sample(2)
    assert model.sample(2, {"batch": "a", "sex": "f", "age": 1.0}).shape == (2, 4)


def test_samples_are_of_the_values_given():
    model, data, _ = linear_gaussian(2000)
    for s in (0, 1):
        mean = data.tensor()[data.side.values[:, 0] == s].mean(0)
        assert torch.allclose(model.sample(4000, side={"s": s}).mean(0), mean, atol=0.25)
    share = model.sample(4000)[:, 0].gt(1.5).float().mean()  # m_s is 0 or 3 there, and each comes half of the time
    assert abs(share - 0.5) < 0.1


def test_data_are_read_by_the_models_variables():
    model, data, exact = linear_gaussian(60)
    s = data.side.values[:, 0].long()
    backwards = data.with_side(Side.of({"other": [0.5] * 60, "s": s}))
    for same in (data, backwards, data.with_side({"s": [str(one) for one in s.tolist()]})):
        assert tw.log_likelihood(model, same, method="iwae", samples=2)["log_likelihood"].value == pytest.approx(
            float(exact.mean()), abs=1e-4
        )
    assert with_side_of(model, backwards).side.names == ("s", "other")
    assert with_side_of(model, data) is data
    words = model.side.variables[0]
    assert words.categories == ("0", "1")
    only_ones = data.subset(s == 1)
    fresh = only_ones.with_side({"s": ["1"] * len(only_ones)})  # of which one category alone came
    assert with_side_of(model, fresh).side.values.unique().tolist() == [1.0]
    assert all(draw.side[:, 0].eq(1).all() for draw in DataPass(model, fresh)())


def test_what_the_data_know_by_that_name_is_found():
    digits = tw.load_data("digits")
    model = VAE.build((1, 8, 8), 2, options={"hidden": [8]}, side=digits.with_side("labels").side)
    account = tw.measure(model, digits, limit=50)
    assert account["elbo"].value == tw.measure(model, digits.with_side("labels"), limit=50)["elbo"].value


def test_data_that_lack_it_or_have_other_categories_are_refused():
    model, data, _ = linear_gaussian(60)
    bare = tw.load_data(data.tensor(), test=0.0)
    with pytest.raises(Refused, match=r"The model takes s beside x, and nothing of tensor is called s.*with_side"):
        tw.measure(model, bare)
    with pytest.raises(BadData, match=r"s: expected one of the categories that were there in training.*got \['2'\]"):
        tw.measure(model, bare.with_side({"s": [0, 1, 2] * 20}))
    with pytest.raises(BadData, match="s: expected a category, as it was in training, got a number"):
        tw.measure(model, bare.with_side({"s": torch.rand(60)}))


def test_weights_are_loaded_into_a_model_that_takes_the_same_alone(tmp_path):
    model = VAE.build((4,), 2, options={"hidden": [8]}, side=SIDE)
    folder = model.save_pretrained(tmp_path)
    fresh = VAE.build((4,), 2, options={"hidden": [8]}, side=SIDE.variables)
    loaded = VAE.from_pretrained(folder, model=fresh)
    assert torch.equal(loaded.side.rows, model.side.rows) and torch.equal(loaded.side.counts, model.side.counts)
    for other in (VAE.build((4,), 2), VAE.build((4,), 2, side=SIDE.chosen(["age"]))):
        with pytest.raises(BadData, match="batch, sex, age beside x"):
            VAE.from_pretrained(folder, model=other)
