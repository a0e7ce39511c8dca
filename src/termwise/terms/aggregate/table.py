"""Memories of the aggregate q(z) by name: what an estimator's `aggregate` may be, one row each."""

from collections.abc import Mapping
from typing import Any

from termwise.registry import Makers, Row
from termwise.terms.aggregate.memory import Memory

AGGREGATES: Makers[Row] = Makers(
    "aggregate",
    "termwise.aggregates",
    [
        Row(
            "bank",
            "termwise.terms.aggregate.bank:Bank",
            "posteriors of the data set, remembered from step to step",
            examples=("bank", '{ name = "bank", size = 4096 }'),
        ),
        Row("full", "termwise.terms.aggregate.full:Full", "all posteriors, encoded anew at every step"),
        Row(
            "minibatch-stratified",
            "termwise.terms.aggregate.minibatch:MinibatchStratified",
            "the batch's own posteriors, weighted so that q(z) is unbiased",
        ),
        Row(
            "minibatch-weighted",
            "termwise.terms.aggregate.minibatch:MinibatchWeighted",
            "the batch's own posteriors, weighted alike: a gradient, not a value",
        ),
    ],
)
"""What q(z) may be remembered from; a row makes a `Memory` from its options."""

AnyAggregate = Memory | str | dict[str, Any]
"""A memory, the name of one, or a table of a name and its options."""


def aggregate_from(given: Memory | str | Mapping[str, Any]) -> Memory:
    """A memory of q(z), from one, from its name, or from a table of its name and options.

    Example:
        >>> aggregate_from({"name": "bank", "size": 4096}).label
        'bank of 4,096 posteriors'
    """
    return given if isinstance(given, Memory) else AGGREGATES.from_table(given)
