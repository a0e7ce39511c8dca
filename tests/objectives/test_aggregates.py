"""Memories by name, with their options."""

import pytest

from termwise.errors import Refused, UnknownName
from termwise.objectives.aggregates import memory_from
from termwise.terms import Bank, Full
from termwise.terms.aggregate.bank import SIZE


def test_a_memory_is_made_by_name_by_table_or_taken_as_it_is():
    mine = Full()
    assert memory_from(mine) is mine
    assert type(memory_from("full")) is Full
    assert memory_from("bank").size == SIZE
    assert memory_from({"name": "bank", "size": "all"}).size is None
    assert memory_from({"name": "bank", "refresh": 0.5}).refresh == 0.5
    bank = memory_from({"name": "bank", "size": 64})
    assert (type(bank), bank.size) == (Bank, 64)


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ("minibatch", UnknownName, "Did you mean 'minibatch-weighted' or 'minibatch-stratified'"),
        ({"name": "full", "size": 8}, Refused, "Only a bank has a size; got size=8 for 'full'"),
        ({"name": "bank", "size": 1}, Refused, "two posteriors or more; got size=1"),
        ({"name": "bank", "size": -1}, Refused, r"An aggregate is a name \(bank, .*greater than 0"),
        ({"name": "bank", "sise": 8}, Refused, "An aggregate is a name.*not permitted"),
        ({"size": 8}, Refused, "An aggregate is a name.*required"),
        (8, Refused, "An aggregate is a name.*got 8"),
    ],
)
def test_what_is_no_memory_is_refused_in_one_message(given, error, reason):
    with pytest.raises(error, match=reason):
        memory_from(given)
