"""A data set with something beside x: found by name in what is known of it, or handed in, and read as variables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import Annotations, Rows
from termwise.data.dataset import Dataset
from termwise.data.side import Side, SideLike, SideVariable
from termwise.data.side_columns import MISSING, kind_by_values, variable_of
from termwise.data.side_names import SideKind, SideName, side_names
from termwise.data.tables.options import in_words
from termwise.data.tables.raw import RawColumn
from termwise.errors import BadData, UnknownName


def with_side(data: Dataset, side: SideLike, hidden: bool = True) -> Dataset:
    """The same data with something beside x, as `Dataset.with_side` has it.

    Args:
        data: The data.
        side: Names, or values by name.
        hidden: Whether what is to be known of so many each is hidden of the others that train, which is done when it
            is known which do.

    Raises:
        UnknownName: Nothing of the kind is known.
        BadData: Values are missing, or are not one an example.
    """
    if isinstance(side, Mapping | Side):
        return _with_values(data, side if isinstance(side, Side) else Side.of(side))
    if not isinstance(side, str | Sequence):
        raise BadData(
            f"{data.name}: expected side as names, as columns of values by name, or as a Side, got "
            f"{type(side).__name__}. The columns of a data frame are side=dict(frame)."
        )
    known, stands = _known(data.annotations), data.beside
    names = side_names(side, known)
    held = [] if stands is None else [one.name for one in names if one.name in stands.names and one.name not in known]
    if stands is not None and held:  # values that were handed in
        kept, rest = stands.chosen(held), [str(one) for one in names if one.name not in held]
        found = with_side(data, rest) if rest else data
        return replace(found, beside=kept.beside(found.beside) if rest else kept, source=None)
    columns = [pair for name in names for pair in _columns(data, name, known)]
    _check_gaps(columns, side, data.name)
    variables, values = [], []
    for name, column, usual in columns:
        categories, numbers = variable_of(column, name.kind or usual, name.missing == "missing")
        if name.missing == "partly" and not categories:
            raise BadData(
                f"{column.name}: expected categories, for what is known of some examples is observed by a block of "
                f'categories; got numbers. Say "{column.name}:category:partly", or "{column.name}:known", which leaves '
                "out the examples without one."
            )
        variables.append(SideVariable(column.name, categories, name.missing == "partly"))
        values.append(numbers)
    beside = Side(tuple(variables), torch.stack(values, 1))
    source = None if data.source is None else {**data.source, "side": side if isinstance(side, str) else list(side)}
    found = _where_known(replace(data, beside=beside, source=source))
    return with_few_known(found, side) if hidden else found


def with_few_known(data: Dataset, side: SideLike, seed: int | None = None) -> Dataset:
    """The same data, of whose training part it is known of so many examples each what stands beside x, as names ask.

    Args:
        data: The data with it, and with their parts.
        side: The names; "labels:10-each" asks for ten of each category, chosen at random.
        seed: Of that choice; the data's own where left out.
    """
    if isinstance(side, Mapping | Side) or data.beside is None:
        return data
    values = data.beside.values
    for asked in side_names(side, _known(data.annotations)):
        if asked.each is None:
            continue
        place = data.beside.names.index(asked.name)
        own = torch.arange(len(data)) if "train" not in data.splits else data.splits["train"]
        train = own if data.positions is None else data.positions[own]
        chosen = int((data.source or {}).get("seed", 0)) if seed is None else seed
        values = values.clone()
        values[train, place] = _of_each(values[train, place], asked.each, chosen)
    return replace(data, beside=Side(data.beside.variables, values))


def _of_each(values: Tensor, count: int, seed: int) -> Tensor:
    """Categories of which `count` of each are left, chosen at random, and the others not known, shape (N,)."""
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    kept = torch.full_like(values, torch.nan)
    for category in values[~values.isnan()].unique():
        rows = order[values[order] == category][:count]
        kept[rows] = category
    return kept


def with_side_too(data: Dataset, side: SideLike) -> tuple[Dataset, list[str]]:
    """The data with something beside x first, and after it what stood there; and the names of the first.

    Example:
        >>> data = Dataset("four", torch.zeros(4, 2)).with_side({"batch": list("aabb"), "age": [1.5, 2.0, 3.0, 1.0]})
        >>> both, asked = with_side_too(data, "age")
        >>> both.side.names, asked
        (('age', 'batch'), ['age'])
    """
    found, stood = with_side(data, side), data.beside
    assert found.beside is not None
    names = list(found.beside.names)
    rest = [] if stood is None else [name for name in stood.names if name not in names]
    if stood is None or not rest:
        return found, names
    return replace(found, beside=found.beside.beside(stood.chosen(rest))), names


def as_trained(data: Dataset, variables: Sequence[SideVariable]) -> Dataset:
    """The same data with what stood beside x in training, as it was then, as `Dataset.with_known_side` has it.

    Raises:
        UnknownName: A variable is not known of these data.
        BadData: A category was not there in training, or values are missing.
    """
    stands = () if data.beside is None else data.beside.variables
    kinds = {one.name: one.is_number for one in stands}
    known = _known(data.annotations)
    sought = [
        one
        for one in variables
        if one.name not in kinds
        or (kinds[one.name] != one.is_number and one.name in known)  # as these few would have it
    ]
    side = data.beside
    if sought := [one for one in sought if not (one.partly and one.name not in known)]:
        found = with_side(data, [str(name_of(one)) for one in sought]).beside
        rest = [one.name for one in stands if one.name not in {one.name for one in sought}]
        assert found is not None
        side = found if side is None or not rest else found.beside(side.chosen(rest))
    names = () if side is None else side.names
    if unknown := tuple(one for one in variables if one.partly and one.name not in names):  # of no example
        values = torch.full((len(data.examples), len(unknown)), torch.nan, dtype=torch.float64)
        side = Side(unknown, values).beside(side)
    assert side is not None
    others = [name for name in side.names if name not in {one.name for one in variables}]
    trained = side.as_known(variables)
    return replace(data, beside=trained.beside(side.chosen(others)) if others else trained)


def name_of(variable: SideVariable) -> SideName:
    """The name that asks for a variable as it is."""
    kind: SideKind = "number" if variable.is_number else "category"
    if variable.partly:
        return SideName(variable.name, kind, "partly")
    return SideName(variable.name, kind, "missing" if MISSING in variable.categories else None)


def _with_values(data: Dataset, side: Side) -> Dataset:
    """The data with values that were handed in, one an example of it."""
    if len(side) != len(data):
        raise BadData(f"{data.name}: expected {len(data):,} values beside x, one an example, got {len(side):,}.")
    if data.positions is not None:  # of examples that are not in this view nothing is known
        values = side.values.new_full((len(data.examples), len(side.variables)), torch.nan)
        values[data.positions] = side.values
        side = Side(side.variables, values)
    return replace(data, beside=side, source=None)


def _known(annotations: Annotations) -> list[str]:
    """The names of all that is known of the examples."""
    names = list(annotations.others) + (["labels"] if annotations.labels is not None else [])
    for kind in ("factors", "attributes"):
        if getattr(annotations, kind) is not None:
            names += [kind, *getattr(annotations, f"{kind[:-1]}_names")]
    return names


def _columns(data: Dataset, asked: SideName, known: Sequence[str]) -> list[tuple[SideName, RawColumn, SideKind]]:
    """The columns that a name stands for, of all examples, and what each is where nobody says otherwise."""
    annotations, name = data.annotations, asked.name
    if name in annotations.others:
        column = annotations.others[name]
        labels = any(one.name == name and one.use == "labels" for one in data.table)
        return [(asked, column, "category" if labels else kind_by_values(column))]
    if name == "labels" and annotations.labels is not None:
        codes, words = _whole(annotations.labels), np.array(annotations.label_names, dtype=object)
        return [(asked, _column(name, words[codes] if len(words) else codes), "category")]
    for kind in ("factors", "attributes"):
        names: tuple[str, ...] = getattr(annotations, f"{kind[:-1]}_names")
        if chosen := names if name == kind else (name,) if name in names else ():
            rows = _whole(getattr(annotations, kind))
            usual: SideKind = "number" if rows.dtype.kind == "f" else "category"
            rows = rows.astype(bool) if kind == "attributes" and usual == "category" else rows
            return [(asked, _column(one, rows[:, names.index(one)]), usual) for one in chosen]
    if any(column.name == name for column in data.table):
        raise BadData(
            f"{data.name}: {name!r} is a column of x. What codes tell of it is read by tw.measure(model, "
            f"data.with_side({{{name!r}: values}}), side={name!r}), of its values in order. To train with it beside "
            f"x, load_data(..., side={name!r}) takes it off (--set data.side={name}); where it is named in columns= "
            "too, it is in both."
        )
    there = {*known, *(column.name for column in data.table)}
    error = UnknownName(f"variable beside x of {data.name}", name, there)
    if not there:
        error.args = (
            f"{data.name}: nothing is known of the examples, and so nothing called {name!r}. Give values, one an "
            f"example: side={{{name!r}: [...]}}.",
        )
    raise error


def _whole(rows: Rows) -> np.ndarray:
    """All rows, as an array."""
    return rows[torch.arange(len(rows))].numpy()


def _column(name: str, values: np.ndarray) -> RawColumn:
    """A column in which no value is missing."""
    return RawColumn(name, values, np.zeros(len(values), dtype=bool))


def _check_gaps(columns: list[tuple[SideName, RawColumn, SideKind]], side: str | Sequence[str], where: str) -> None:
    """Raise BadData where values are missing, and nobody said what to do, with the line that does it."""
    gaps = {name.name: int(column.missing.sum()) for name, column, _ in columns if name.missing is None}
    gaps = {name: count for name, count in gaps.items() if count}
    if not gaps:
        return
    listed = [one.strip() for text in ([side] if isinstance(side, str) else side) for one in text.split(",")]
    asked = [f"{one}:known" if one in gaps or one.rpartition(":")[0] in gaps else one for one in listed]
    told = in_words(f"{name!r} of {count:,}" for name, count in gaps.items())
    raise BadData(
        f"{where}: expected a value of every example beside x, of {len(columns[0][1].values):,}; missing are {told}. "
        f'side="{",".join(asked)}" (--set data.side={",".join(asked)}) leaves these examples out; ":{MISSING}" in '
        'place of ":known" makes a category of them, and ":partly" leaves them to a block of the code that observes it.'
    )


def _where_known(data: Dataset) -> Dataset:
    """The data without the examples of which something beside x is not known, and is to be."""
    assert data.beside is not None
    whole = torch.tensor([not variable.partly for variable in data.beside.variables])
    known = ~data.beside.values[:, whole].isnan().any(1)
    positions = torch.arange(len(data.examples)) if data.positions is None else data.positions
    kept = known[positions]
    if kept.all():
        return data
    if not kept.any():
        raise BadData(
            f"{data.name}: of no example all of {in_words(data.beside.names)} is known, so that none is left."
        )
    place = kept.cumsum(0) - 1
    splits: dict[str, Tensor] = {name: place[part[kept[part]]] for name, part in data.splits.items()}
    left = f"{int((~kept).sum()):,} of {len(kept):,} examples"
    note = f"{left}, of which it is not known what stands beside x, are left out."
    return replace(data, positions=positions[kept], splits=splits, notes=(*data.notes, note))
