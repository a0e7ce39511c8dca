"""What is known of some examples alone: kept as unknown, hidden of all but a few, refused where all must be known."""

import pytest
import torch

import termwise as tw
from termwise.data import Side
from termwise.errors import BadData, Refused
from termwise.objectives import distortion
from termwise.objectives.objective import side_information
from termwise.terms import Kernel, MonteCarlo, SideClassifier

TABLE = "a,b,kind\n1.5,2.5,x\n2.5,0.5,\n3.5,1.5,y\n0.5,2.0,x\n1.0,1.0,\n2.0,3.0,y\n0.7,0.2,x\n0.9,0.3,y\n"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_examples_of_which_it_is_not_known_stay_and_have_none(table):
    """Two rows of eight have an empty cell: they are there, without a value; by default, they are refused."""
    data = tw.load_data(table, side="kind:partly")
    assert len(data) == 8 and data.side.variables[0].partly
    assert data.side.values.isnan().flatten().tolist() == [False, True, False, False, True, False, False, False]
    assert data.shape == (2,)
    with pytest.raises(BadData, match=r"missing are 'kind' of 2.*:partly"):
        tw.load_data(table, side="kind")


def test_so_many_of_each_category_that_train_are_known_and_all_others():
    """Ten each of the digits' training part; every label of the other parts stays, and the seed chooses."""
    data = tw.load_data("digits", side="labels:10-each", validation=0.1)
    train, rest = data.train, (data.validation, data.test)
    known = ~train.side.values[:, 0].isnan()
    assert train.side.values[known, 0].long().bincount().tolist() == [10] * 10
    assert torch.equal(train.side.values[known, 0].long(), train.labels[known])
    for part in rest:
        assert torch.equal(part.side.values[:, 0].long(), part.labels)
    same, other = (
        tw.load_data("digits", side="labels:10-each", validation=0.1, seed=seed).train.side.values for seed in (0, 1)
    )
    assert torch.equal(same.isnan(), train.side.values.isnan())
    assert not torch.equal(other[: len(known)].isnan()[:, 0], ~known)


def test_data_that_were_loaded_have_as_many_hidden():
    """As load_data has it, where no validation part is carved off; of fewer than asked for, all are kept."""
    loaded = tw.load_data("digits", side="labels:3-each")
    given = tw.load_data("digits").with_side("labels:3-each")
    assert torch.equal(loaded.side.values.isnan(), given.side.values.isnan())
    assert int((~given.train.side.values.isnan()).sum()) == 30
    assert not tw.load_data("digits").with_side("labels:999999-each").side.values.isnan().any()


def test_values_of_python_may_be_missing_where_the_name_says_so():
    """None and nan, of words and of numbers, which are then categories."""
    side = Side.of({"kind:partly": ["b", None, "a"], "grade:partly": [2.0, float("nan"), 1.0]})
    assert [(one.name, one.categories) for one in side.variables] == [("kind", ("a", "b")), ("grade", ("1", "2"))]
    assert side.values.nan_to_num(-1).tolist() == [[1, 1], [-1, -1], [0, 0]]
    with pytest.raises(BadData, match="call it 'kind:partly'"):
        Side.of({"kind": ["b", None, "a"]})


def test_a_number_is_not_partly_known(table):
    """A block that observes is of categories: the refusal writes what would do."""
    table.write_text(TABLE.replace("kind", "age").replace(",x", ",1.25").replace(",y", ",2.75"))
    with pytest.raises(BadData, match="age:category:partly"):
        tw.load_data(table, side="age:partly")


def test_it_says_of_how_many_it_is_known(table):
    """In the description, beside the categories."""
    assert "kind, 2 categories, the smallest 'x' of 3, known of 6 of 8" in str(
        tw.load_data(table, side="kind:partly").describe()
    )


def test_groups_entropies_and_links_want_it_of_all(table):
    """Each refusal counts those that are known, and writes the line that leaves the others out."""
    data = tw.load_data(table, side="kind:partly")
    for ask in (data.side.groups, data.side.entropy):
        with pytest.raises(BadData, match=r"kind is known of 6 of 8 examples\. side='kind:known'"):
            ask()
    assert data.subset(torch.tensor([0, 2, 3])).side.groups()[1] == ("x", "y")  # of these all is known
    model = tw.VAE.build((2,), latent=2, likelihood="normal:1.0")
    with pytest.raises(BadData, match="side='kind:known'"):
        tw.group_aggregates(model, data, side="kind:partly")
    account = tw.measure(model, data.subset(torch.arange(8)))
    assert "known of 6 of 8" in account.withheld["side_information"]


def test_networks_want_it_of_all(table):
    """A model that takes it is refused as it is built, and one that took it whole, on data that know it in part."""
    data = tw.load_data(table, side="kind:partly")
    with pytest.raises(Refused, match="observes = 'kind'"):
        tw.VAE.build((2,), latent=2, side=data.side)
    whole = tw.VAE.build((2,), latent=2, likelihood="normal:1.0", side=tw.load_data(table, side="kind:known").side)
    with pytest.raises(Refused, match=r"of every example\. kind is known of 6 of 8"):
        tw.measure(whole, data.subset(torch.arange(8)))


def test_its_names_are_kept_by_a_saved_source(table):
    """The source says the very words, and makes the same data again."""
    data = tw.load_data(table, side="kind:2-each")
    again = tw.load_data(**data.source)
    assert data.source["side"] == "kind:2-each"
    assert torch.equal(again.side.values.nan_to_num(-1), data.side.values.nan_to_num(-1))


@pytest.mark.parametrize(
    "estimator", [SideClassifier, lambda: Kernel("imq"), lambda: MonteCarlo("minibatch-stratified")]
)
def test_terms_that_compare_groups_want_it_of_all(table, estimator, tmp_path):
    """A classifier of codes, a kernel and Monte Carlo: a training is refused as it begins."""
    objective = distortion() + side_information(estimator())
    data = tw.load_data(table, side="kind:partly", test=0.25)
    with pytest.raises(BadData, match="side='kind:known'"):
        tw.train(data=data, objective=objective, latent=2, out=tmp_path / "run", progress=False)
