"""What suits a data set where its user says nothing: a likelihood, and whether a model is to standardise x."""

from typing import NamedTuple

from termwise.data.dataset import Dataset
from termwise.data.value_range import ValueRange

COUNTS = "negative-binomial"
"""The likelihood of counts: Poisson's variance is too small for most."""

MOST_CLASSES = 256
"""Whole numbers below it may be classes."""


class SuitedLikelihood(NamedTuple):
    """A likelihood by name, and why it suits: the rest of a sentence that begins with its name."""

    name: str
    why: str


def is_standardised(data: Dataset) -> bool:
    """Whether a model is to standardise x: as the data set says, else where it is the row of a table of real numbers.

    Whole numbers count as such in a table whose columns may be of anything, and not where all are counts of one kind,
    as genes' are.

    Example:
        >>> from termwise.data import load_data
        >>> is_standardised(load_data("digits")), is_standardised(load_data("digits", standardize=True))
        (False, True)
    """
    if data.standardize is not None:
        return data.standardize
    of_anything = any(column.use == "x" for column in data.table)
    measured = ("number", "date", "count") if of_anything else ("number", "date")
    return any(column.kind in measured for column in data.columns)


def suited_likelihood(data: Dataset, values: ValueRange | None = None) -> SuitedLikelihood:
    """The likelihood that suits the numbers in x.

    Args:
        data: The data set.
        values: Their range, where it is known already.

    Example:
        >>> from termwise.data import load_data
        >>> suited_likelihood(load_data("digits"))
        SuitedLikelihood(name='bernoulli', why='grey values in [0, 1], as the field has it')
    """
    kinds = {column.kind for column in data.columns}
    if is_standardised(data):
        several = "; columns has a likelihood of each kind" if len(kinds - {"date"}) > 1 else ""
        counts = "count" in kinds and kinds <= {"count", "binary"}  # of a word that is rare none may be above one
        also = f"; {COUNTS} if they are counts of one kind, as of words or genes" if counts else several
        return SuitedLikelihood("normal:optimal", f"real numbers, standardised{also}")
    values = values or data.value_range()
    if values.binary:
        return SuitedLikelihood("bernoulli", "zeros and ones")
    if values.minimum >= 0 and values.maximum <= 1:
        return SuitedLikelihood("bernoulli", "grey values in [0, 1], as the field has it")
    span = f"{values.minimum:g} to {values.maximum:g}"
    if not values.integer or values.minimum < 0:
        return SuitedLikelihood("normal:optimal", f"numbers from {span}")
    if kinds == {"count"}:
        return SuitedLikelihood(COUNTS, f"counts from {span}; {COUNTS}:observed if their total says nothing")
    classes = f"categorical:{int(values.maximum) + 1} if they are classes" if values.maximum < MOST_CLASSES else ""
    if len(data.shape) == 1 and not kinds:
        also = f"; standardize=true if they are measured{', ' + classes if classes else ''}"
        return SuitedLikelihood(COUNTS, f"whole numbers from {span}, taken for counts{also}")
    if classes and not kinds:
        return SuitedLikelihood("normal:optimal", f"whole numbers from {span}; {classes}")
    return SuitedLikelihood("normal:optimal", f"numbers from {span}")
