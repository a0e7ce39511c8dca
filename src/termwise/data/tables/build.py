"""From a table as it was read to a Dataset: one way for files, data frames and Python's lists and dictionaries."""

import json
import shlex
from dataclasses import replace

import numpy as np
import torch

from termwise.data.annotations import Annotations, attribute_values, label_codes
from termwise.data.columns import TableColumn, Use
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.data.tables.entries import Entries, entries_of
from termwise.data.tables.options import TableOptions, chosen
from termwise.data.tables.raw import RawColumn, RawTable
from termwise.data.tables.roles import Roles, roles_of
from termwise.errors import BadData


def dataset_of_table(table: RawTable, options: TableOptions) -> Dataset:
    """The Dataset of a table whose rows are examples: columns of numbers, dates and words as x, (N, D).

    Args:
        table: As it was read; its notes come first.
        options: Which columns are what. With `missing` "mean" or "mask", cells without a number are nan in x.

    Raises:
        UnknownName: No such column.
        BadData: A column cannot be used; the message says all that cannot, and what would do.
    """
    roles = roles_of(table, options)
    by_name = {column.name: column for column in table.columns}
    used = [by_name[name] for name in roles.of("x")]
    beside = {name: by_name[name] for name, use in roles.use.items() if use in ("labels", "attributes")}
    others = [by_name[name] for name, use in roles.use.items() if use != "x" or name in roles.beside]
    notes = [*table.notes, *roles.notes]
    if options.missing == "drop":
        kept = ~np.any(
            [column.missing for column in (*used, *beside.values(), *(by_name[name] for name in roles.beside))], axis=0
        )
        if not kept.any():
            raise BadData(f'{table.where}: every row has a missing cell, so that missing="drop" leaves none.')
        if not kept.all():
            notes.append(f"{int((~kept).sum())} of {len(kept)} rows have missing cells, and are left out.")
            table = replace(table, lines=[line for line, keep in zip(table.lines, kept, strict=False) if keep])
            used = [column.rows(kept) for column in used]
            beside = {name: column.rows(kept) for name, column in beside.items()}
            others = [column.rows(kept) for column in others]
    entries = entries_of(used, table, options.missing)
    _check(entries, used, list(beside.values()), table, options)
    notes += entries.notes
    if not entries.columns:
        raise BadData(f"{table.where}: {' '.join(notes)} Nothing is left for x.")
    if options.missing in ("mean", "mask") and (gaps := [column for column in used if column.missing.any()]):
        told = ", ".join(f"{column.name} {int(column.missing.sum())}" for column in gaps[:20])
        becomes = "are the means of what trains, and of words a value of their own"
        notes.append(
            f"Missing cells {becomes if options.missing == 'mean' else 'are left out of the likelihood'}: {told}."
        )
    return Dataset(
        table.name,
        InMemory(torch.from_numpy(entries.x)),
        replace(_annotations(beside, roles, table, options), others={column.name: column for column in others}),
        columns=tuple(entries.columns),
        table=tuple(_about(by_name[name], use, name in roles.offered) for name, use in roles.use.items()),
        cells=tuple(used) if options.missing == "mask" and any(column.missing.any() for column in used) else (),
        notes=tuple(notes),
    )


class MissingCells(BadData):
    """A table whose only fault is cells without a value in x: a word of what to do with them is all that it needs."""


def _check(
    entries: Entries, used: list[RawColumn], beside: list[RawColumn], table: RawTable, options: TableOptions
) -> None:
    """Raise BadData where a column cannot be used, or a cell is missing, with all that would do as one line."""
    faults, settings, arguments = list(entries.faults), [], []
    if entries.to_drop:
        known = [column.name for column in table.columns]
        drop = list(dict.fromkeys([*chosen(options.drop, known, "drop", table.where), *entries.to_drop]))
        arguments.append(f"drop={json.dumps(drop, ensure_ascii=False)}")
        settings.append(f"--set {shlex.quote(f'data.drop={_setting(drop)}')}")
    of_x = [column for column in used if column.missing.any() and column.name not in entries.to_drop]
    of_others = [column for column in beside if column.missing.any()]
    if of_others or (of_x and options.missing == "refuse"):
        gaps, remedy = (of_others, "drop") if of_others else (of_x, "mean")
        faults.append(
            f"{_told(gaps, table)}: expected a {'value' if of_others else 'finite number'} in each, or a word of what "
            'to do, missing="drop" (the rows)'
            + ("." if of_others else ', "mean" (of what trains) or "mask" (left out of the likelihood).')
        )
        arguments.append(f'missing="{remedy}"')
        settings.append(f"--set data.missing={remedy}")
    if faults:
        kind = BadData if entries.faults or of_others else MissingCells
        raise kind(
            f"{table.where}: {' '.join(faults)} This does it: {' '.join(settings)} (in Python: {', '.join(arguments)})."
        )


def _told(gaps: list[RawColumn], table: RawTable) -> str:
    """How many cells are missing of each column, and the first of them."""
    count = sum(int(column.missing.sum()) for column in gaps)
    told = ", ".join(f"{column.name} {int(column.missing.sum())}" for column in gaps[:20])
    row = int(np.any([column.missing for column in gaps], axis=0).argmax())
    name = next(column.name for column in gaps if column.missing[row])
    return (
        f"{count} cell{'s are' if count > 1 else ' is'} missing ({told}{', ...' * (len(gaps) > 20)}; the first at "
        f"{table.place(row)}, column {name!r})"
    )


def _setting(names: list[str]) -> str:
    """Names as `--set` takes them."""
    return ",".join(names) if not any("," in name for name in names) else json.dumps(names, ensure_ascii=False)


def _annotations(beside: dict[str, RawColumn], roles: Roles, table: RawTable, options: TableOptions) -> Annotations:
    """Labels and attributes, of the columns that hold them."""
    found = Annotations()
    for name in roles.of("labels"):
        column = beside[name]
        if column.holds:
            raise BadData(
                f"{table.where}, column {name!r}: expected labels, whole numbers or words, got {column.holds}."
            )
        values = column.values.astype(str) if column.kind in ("text", "date") else column.values
        codes, names = label_codes(values, f"{table.where}, column {name!r}")
        if table.classes and name == table.columns[-1].name and int(codes.max()) < len(table.classes):
            names = table.classes
        found = replace(found, labels=codes, label_names=names)
    if attributes := [beside[name] for name in roles.of("attributes")]:
        entries = entries_of(attributes, table, options.missing)
        _check(entries, [], [], table, options)
        names = tuple(column.name for column in entries.columns)
        found = replace(found, attributes=attribute_values(entries.x, table.where), attribute_names=names)
    return found


def _about(column: RawColumn, use: Use, offered: bool) -> TableColumn:
    """What is to be told of a column."""
    return TableColumn(column.name, column.meaning, use, len(column.distinct), int(column.missing.sum()), offered)
