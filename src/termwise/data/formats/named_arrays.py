"""Arrays by name, as .npz and .mat files hold them: which is x, which are labels. Only these are read.

    x         x, data, images, features ...; or the only array; or what `x=` names
    labels    labels, y, target ...; or what `labels=` names
    parts     x_train, x_test, y_train, y_test, in any spelling: X_Train, trainX, train_images, test-labels; and what
              lies beside in parts, batch_train and batch_test, is batch

Names are told apart by their letters and digits alone, whatever their case.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import (
    Annotations,
    ColumnsWhenAsked,
    attribute_values,
    column_names,
    factor_indices,
    label_codes,
)
from termwise.data.dataset import SPLITS, Dataset
from termwise.data.examples import Channels, MissingEntries, in_memory_examples, notes_on, notes_on_missing, with_mask
from termwise.data.formats.folder_structure import PARTS
from termwise.data.side_columns import column_of_values
from termwise.data.tables.raw import RawColumn
from termwise.errors import BadData, UnknownName
from termwise.main_memory import check_fits

X_NAMES = (
    "x", "data", "images", "imgs", "image", "img", "features", "examples", "samples", "inputs", "pixels", "spectra",
)  # fmt: skip
LABEL_NAMES = ("labels", "label", "y", "target", "targets")
_BESIDE = ("factors", "factornames", "attributes", "attributenames")
_WORDS = "|".join(sorted(PARTS, key=len, reverse=True))
_CAPITALS = "|".join(sorted(map(str.capitalize, PARTS), key=len, reverse=True))
_IN_PART = (
    rf"(?P<rest>.+?)[_.\s-]+(?P<part>(?i:{_WORDS}))", rf"(?P<part>(?i:{_WORDS}))[_.\s-]+(?P<rest>.+)",
    rf"(?P<rest>.*[a-z0-9])(?P<part>{_CAPITALS})", rf"(?P<part>{_WORDS}|{_CAPITALS})(?P<rest>[A-Z].*)",
)  # fmt: skip
"""How the name of an array that lies in parts is spelt, with the part last or first, set apart or by capitals."""
_DSPRITES = ("color", "shape", "scale", "orientation", "pos_x", "pos_y")
"""The factors of the published dSprites, whose names lie in a pickle."""


@dataclass(frozen=True)
class NamedArrays:
    """The arrays of a file, none of them read yet.

    Args:
        where: What to call the file in errors.
        kinds: The shape and the dtype of each, as its header declares them; a dtype of None is of no plain array.
        read: What reads one of them.
        others: What an array without a dtype holds.
    """

    where: str
    kinds: Mapping[str, tuple[tuple[int, ...], np.dtype | None]]
    read: Callable[[str], np.ndarray]
    others: str = "Python objects, which are never loaded"
    notes: list[str] = field(default_factory=list)

    def called(self, *names: str) -> str | None:
        """The first of these names, in any spelling, that an array has."""
        own = {_plain(name): name for name in reversed(list(self.kinds))}
        return next((own[name] for name in names if name in own), None)

    def without(self, name: str) -> "NamedArrays":
        """The same arrays without one of them."""
        return replace(self, kinds={one: kind for one, kind in self.kinds.items() if one != name})

    def listed(self) -> str:
        """The arrays with their shapes, for a message."""
        shown = [f"{name} {shape if dtype is not None else ''}".strip() for name, (shape, dtype) in self.kinds.items()]
        return ", ".join(shown) or "none"

    def bytes_of(self, name: str) -> int:
        """The memory that an array takes, with the float32 that is made of it."""
        shape, dtype = self.kinds[name]
        if dtype is None:
            return 0
        count = int(np.prod(shape, dtype=object))
        return count * (dtype.itemsize + (0 if dtype in (np.uint8, np.float32) else 4))

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.kinds:
            raise UnknownName(f"array of {self.where}", name, self.kinds)
        if self.kinds[name][1] is None:
            raise BadData(
                f"{self.where}, array {name}: expected numbers, got {self.others}. Save plain arrays of numbers with "
                "numpy.save."
            )
        check_fits(
            self.bytes_of(name),
            f"{self.where}: the array {name} of shape {self.kinds[name][0]}",
            "Save it as a .npy file, which is read batch by batch.",
        )
        return self.read(name)


def dataset_of(
    arrays: NamedArrays,
    name: str,
    x: str | None = None,
    labels: str | None = None,
    channels: Channels | None = None,
    last: bool | None = False,
    missing: MissingEntries = "refuse",
    mask: str | None = None,
) -> Dataset:
    """The data set that a file's arrays make.

    Args:
        arrays: The file's.
        name: What to call the data.
        x: The array that is x; by its name where left out.
        labels: The array that is labels; by its name where left out.
        channels: Where the colours of images lie.
        last: Whether the examples lie along the last axis; None where labels may say so.
        missing: What becomes of entries of x that are nan.
        mask: The array that is true where an entry of x is missing.
    """
    where = arrays.where
    chosen = x or _whole(arrays if mask is None else arrays.without(mask))
    if chosen is None:
        whole, known, splits, lengths = _of_parts(arrays)
        arrays = _with_joined(arrays, lengths)
    else:
        whole, splits, known = arrays[chosen], {}, None
        if labels is None and (found := arrays.called(*LABEL_NAMES)) and found != chosen:
            known = _usable_labels(arrays, found)
    if labels is not None:
        known = label_codes(_column(arrays[labels]), where)
    if mask is not None:
        whole, missing = with_mask(whole, arrays[mask], where), "mask" if missing == "refuse" else missing
    whole = _examples_first(whole, None if known is None else len(known[0]), last, arrays)
    annotations = replace(_annotations(arrays, known or (None, ())), others=_others(arrays, len(whole), chosen))
    examples = in_memory_examples(whole, where, channels, missing)
    notes = (*arrays.notes, *notes_on(whole, channels), *notes_on_missing(examples, missing))
    return Dataset(name, examples, annotations, splits=splits, notes=notes)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _part(name: str) -> tuple[str, str] | None:
    """The part and the rest of a name such as X_train or train-images: ("train", "x"); None where it says no part."""
    plain = _plain(name)
    match = re.fullmatch(rf"(?P<part>{_WORDS})(?P<rest>.*)", plain) or re.fullmatch(
        rf"(?P<rest>.*?)(?P<part>{_WORDS})", plain
    )
    if match is None:
        return None
    rest = match["rest"] or "x"
    kind = "x" if rest in X_NAMES else "labels" if rest in LABEL_NAMES else None
    return None if kind is None else (PARTS[match["part"]], kind)


def _whole(arrays: NamedArrays) -> str | None:
    """The array that is x; None where it lies in parts."""
    known = [one for one in (arrays.called(name) for name in X_NAMES) if one]
    named = [one for one in known if len(arrays.kinds[one][0]) > 1 or len(known) == 1]
    if named and (_plain(named[0]) == "x" or len(named) == 1):
        return named[0]
    if not named and any((_part(one) or ("", ""))[1] == "x" for one in arrays.kinds):
        return None
    others = named or [
        one
        for one, (_, dtype) in arrays.kinds.items()
        if dtype is not None and _plain(one) not in (*LABEL_NAMES, *_BESIDE) and _part(one) is None
    ]
    if len(others) > 1:  # one row or column of numbers is no set of examples, if there is another array
        others = [one for one in others if sum(side > 1 for side in arrays.kinds[one][0]) > 1]
    if len(others) != 1:
        raise BadData(
            f"{arrays.where}: expected an array named x, got {arrays.listed()}. Say which it is with x=NAME "
            f"(--set data.x={others[0] if others else 'NAME'})."
        )
    return others[0]


Labels = tuple[Tensor, tuple[str, ...]]


def _of_parts(arrays: NamedArrays) -> tuple[np.ndarray, Labels | None, dict[str, Tensor], dict[str, int]]:
    """Train, validation and test arrays, put together: x, labels, the positions of each part, and how many it has."""
    names: dict[str, dict[str, str]] = {"x": {}, "labels": {}}
    for name in arrays.kinds:
        if part := _part(name):
            if part[0] in names[part[1]]:
                raise BadData(
                    f"{arrays.where}: expected one array of {part[1]} for {part[0]}, got "
                    f"{names[part[1]][part[0]]} and {name}. Say which array is x with x=NAME."
                )
            names[part[1]][part[0]] = name
    order = [split for split in SPLITS if split in names["x"]]
    check_fits(
        2 * sum(arrays.bytes_of(names["x"][split]) for split in order),
        f"{arrays.where}: its arrays {' and '.join(names['x'].values())}",
        "Save one as a .npy file, which is read batch by batch.",
    )
    parts = [arrays[names["x"][split]] for split in order]
    x = _joined(parts, [names["x"][split] for split in order], arrays.where)
    lengths = [len(part) for part in parts]
    counts = dict(zip(order, lengths, strict=True))
    if "train" not in order or len(order) == 1:
        splits = {}
    else:
        splits = dict(zip(order, torch.arange(sum(lengths)).split(lengths), strict=True))
    given = [split for split in order if split in names["labels"]]
    if not given:
        return x, None, splits, counts
    missing = [split for split in order if split not in given]
    if missing:
        arrays.notes.append(
            f"{' and '.join(names['labels'].values())} are left out: there are labels for {' and '.join(given)}, and "
            f"none for {' and '.join(missing)}."
        )
        return x, None, splits, counts
    labels = [_column(arrays[names["labels"][split]]) for split in order]
    if any(part.ndim != 1 for part in labels) or [len(part) for part in labels] != lengths:
        raise BadData(
            f"{arrays.where}: expected labels for {' and '.join(names['x'].values())} alike, {lengths}, "
            f"got {' and '.join(f'{name} {arrays.kinds[name][0]}' for name in names['labels'].values())}."
        )
    return x, label_codes(np.concatenate(labels), arrays.where), splits, counts


def _beside_in_part(name: str) -> tuple[str, str] | None:
    """The part, and the rest of a name such as batch_train, test-batch or valBatch; None where it says no part."""
    match = next((found for pattern in _IN_PART if (found := re.fullmatch(pattern, name))), None)
    return None if match is None or _part(name) is not None else (PARTS[match["part"].lower()], match["rest"])


def _with_joined(arrays: NamedArrays, lengths: Mapping[str, int]) -> NamedArrays:
    """The arrays, and what lies in each part beside x, batch_train and batch_test, as one array more, batch.

    Args:
        arrays: The file's.
        lengths: How many examples each part has, in their order.
    """
    found: dict[str, dict[str, str]] = {}
    own = {_plain(name) for name in arrays.kinds}
    spelt: dict[str, str] = {}  # batch of batch_train and Batch_test
    for name, (shape, dtype) in arrays.kinds.items():
        part, rest = _beside_in_part(name) or ("", "")
        if part in lengths and dtype is not None and lengths[part] in (*shape[:1], int(np.prod(shape, dtype=object))):
            found.setdefault(spelt.setdefault(_plain(rest), rest), {})[part] = name
    for rest, names in list(found.items()):
        missing = [part for part in lengths if part not in names]
        if _plain(rest) in own or (missing and _plain(rest) in _BESIDE):
            why = f"there are none for {' and '.join(missing)}" if missing else f"there is {rest}, too"
            arrays.notes.append(f"{' and '.join(names.values())} are left out: {why}.")
            del found[rest]
    kinds = {rest: _joined_kind(arrays, [*names.values()], sum(lengths.values())) for rest, names in found.items()}

    def read(name: str) -> np.ndarray:
        return _beside_of_parts(arrays, name, found[name], lengths) if name in found else arrays.read(name)

    return replace(arrays, kinds={**arrays.kinds, **kinds}, read=read)


def _joined_kind(arrays: NamedArrays, names: list[str], count: int) -> tuple[tuple[int, ...], np.dtype | None]:
    """The shape and dtype of arrays of all parts, as one."""
    shape, dtype = arrays.kinds[names[0]]
    return ((count,) if 1 in shape or len(shape) == 1 else (count, *shape[1:])), dtype


def _beside_of_parts(
    arrays: NamedArrays, name: str, names: Mapping[str, str], lengths: Mapping[str, int]
) -> np.ndarray:
    """What lies beside x in every part, one after the other.

    Raises:
        BadData: A part has none, or parts do not go together.
    """
    parts = [_column(arrays[names[part]]) for part in lengths if part in names]
    words = {part.dtype.kind in "SU" for part in parts}
    if len(parts) < len(lengths) or len(words) > 1 or len({part.shape[1:] for part in parts}) > 1:
        alike = [one for one in arrays.kinds if _plain((_beside_in_part(one) or ("", ""))[1]) == _plain(name)]
        got = ", ".join(f"{one} ({arrays.kinds[one][1]} of {arrays.kinds[one][0]})" for one in alike)
        wanted = " and ".join(f"{count:,} for {part}" for part, count in lengths.items())
        raise BadData(
            f"{arrays.where}: expected {name} of every part alike, {wanted}, got {got}. Add what is missing, or give "
            f"one array {name} of all {sum(lengths.values()):,} examples, {', then '.join(lengths)}."
        )
    return np.concatenate(parts)


def _joined(parts: list[np.ndarray], names: list[str], where: str) -> np.ndarray:
    if len({(part.dtype, part.shape[1:]) for part in parts}) > 1 or any(part.ndim == 0 for part in parts):
        raise BadData(
            f"{where}: expected {' and '.join(names)} of one dtype and one shape an example, "
            f"got {' and '.join(f'{part.dtype} of {part.shape}' for part in parts)}."
        )
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _column(values: np.ndarray) -> np.ndarray:
    """Labels (N,) of a column (N, 1), or a row (1, N), of them."""
    return values.reshape(-1) if values.ndim == 2 and 1 in values.shape else values


def _usable_labels(arrays: NamedArrays, name: str) -> Labels | None:
    """The labels that an array of this name holds; none, with a note, where what it holds are no labels."""
    if arrays.kinds[name][1] is None:
        arrays.notes.append(f"{name} is left out: it holds {arrays.others}.")
        return None
    values = _column(arrays[name])
    if values.dtype.kind == "f" and values.ndim == 1 and not (np.isfinite(values) & (values == values.round())).all():
        arrays.notes.append(f"{name} is left out: labels are whole numbers or words, and it holds fractions.")
        return None
    if values.ndim == 2 and _one_hot(values):
        arrays.notes.append(f"{name} of shape {values.shape} is taken for labels, of which each row marks one.")
        values = values.argmax(axis=1)
    return label_codes(values, arrays.where)


def _one_hot(values: np.ndarray) -> bool:
    return values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all())


def _examples_first(x: np.ndarray, n: int | None, last: bool | None, arrays: NamedArrays) -> np.ndarray:
    """The array with its examples along the first axis: moved there where they are said to lie along the last."""
    if x.ndim < 2 or last is False:
        return x
    if last is None:
        if n is None or x.shape[0] == n or x.shape[-1] != n:
            return x
        arrays.notes.append(f"x of shape {x.shape} is taken for {n} examples along its last axis, one a label.")
    return np.ascontiguousarray(np.moveaxis(x, -1, 0))


def _annotations(arrays: NamedArrays, labels: tuple[Tensor | None, tuple[str, ...]]) -> Annotations:
    """What is known beside x: labels, factors and attributes."""
    where = arrays.where
    beside: dict[str, Any] = {
        name: arrays[found] for name in _BESIDE if (found := arrays.called(name)) and arrays.kinds[found][1] is not None
    }
    if "factors" not in beside and arrays.called("imgs") and (classes := arrays.called("latentsclasses")):
        beside |= _dsprites(arrays[classes])
    factors = factor_indices(beside["factors"], where) if "factors" in beside else None
    attributes = attribute_values(beside["attributes"], where) if "attributes" in beside else None
    return Annotations(
        *labels,
        factors,
        column_names(factors, beside.get("factornames"), "factor", where),
        attributes,
        column_names(attributes, beside.get("attributenames"), "attribute", where),
    )


def _others(arrays: NamedArrays, n: int, x: str | None) -> Mapping[str, RawColumn]:
    """What else lies in the file with one value an example, by name."""
    names = [
        name
        for name, (shape, dtype) in arrays.kinds.items()
        if name != x and dtype is not None and dtype.kind in "biufSUM" and (n,) == (*(s for s in shape if s != 1),)
    ]
    return ColumnsWhenAsked(names, lambda name: column_of_values(name, arrays[name].reshape(-1)))


def _dsprites(classes: np.ndarray) -> dict[str, np.ndarray]:
    """The factors that vary in a file as dSprites was published, and their names where it has as many."""
    if classes.ndim != 2 or not len(classes):
        return {}
    varies = np.flatnonzero((classes != classes[:1]).any(axis=0))
    names = {"factornames": np.array(_DSPRITES)[varies]} if classes.shape[1] == len(_DSPRITES) else {}
    return {"factors": classes[:, varies], **names}
