"""Memories by name, with their options."""

import pytest

from termwise.errors import Refused, UnknownName
from termwise.terms import Bank, Full
from termwise.terms.aggregate.bank import SIZE
from termwise.terms.aggregate.table import AGGREGATES, aggregate_from


def test_a_memory_is_made_by_name_by_table_or_taken_as_it_is():
    mine = Full()
    assert aggregate_from(mine) is mine
    assert type(aggregate_from("full")) is Full
    assert aggregate_from("bank").size == SIZE
    assert aggregate_from({"name": "bank", "size": "all"}).size is None
    assert aggregate_from({"name": "bank", "refresh": 0.5}).refresh == 0.5
    bank = aggregate_from({"name": "bank", "size": 64})
    assert (type(bank), bank.size) == (Bank, 64)


@pytest.mark.parametrize("name", AGGREGATES)
def test_a_memory_is_called_what_its_row_is(name):
    assert aggregate_from(name).name == name


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ("minibatch", UnknownName, "Did you mean 'minibatch-weighted' or 'minibatch-stratified'"),
        ({"name": "full", "size": 8}, UnknownName, "option of aggregate 'full' 'size'.* 'size' is one of 'bank'"),
        ({"name": "bank", "size": 1}, Refused, "two posteriors or more; got size=1"),
        ({"name": "bank", "size": -1}, Refused, "Aggregate 'bank': size = -1 cannot be: .*greater than 0"),
        ({"name": "bank", "refresh": -1}, Refused, "refresh = -1 cannot be: .*greater than or equal to 0"),
        ({"name": "bank", "sise": 8}, UnknownName, "Did you mean 'size'"),
        ({"name": "minibatch-weighted", "block": 8}, Refused, "takes no options; got 'block'"),
        ({"size": 8}, Refused, r"An aggregate is a name \(bank, .*, or a table.*got {'size': 8}"),
        (8, Refused, "An aggregate is a name.*got 8"),
    ],
)
def test_what_is_no_memory_is_refused_in_one_message(given, error, reason):
    with pytest.raises(error, match=reason):
        aggregate_from(given)
