"""load_data: from a name, a path or an object of Python's to a Dataset with its splits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from termwise.content import exists
from termwise.data.annotations import label_codes, with_label_names, with_labels_as_attributes
from termwise.data.beside import with_few_known, with_side
from termwise.data.binarize import BinaryExamples, binarization
from termwise.data.dataset import Dataset
from termwise.data.examples import undivided
from termwise.data.missing import with_training_means
from termwise.data.options import check_options
from termwise.data.pad import PaddedExamples
from termwise.data.side import Side
from termwise.data.sources import FORMATS, OBJECTS, SOURCES, Format, format_of
from termwise.data.splits import divide
from termwise.data.tables.options import Names, as_names
from termwise.errors import BadData, TermwiseError, UnknownName, in_short
from termwise.registry import meanings
from termwise.values import check_keywords


def load_data(
    source: Any,
    *,
    validation: float = 0.0,
    test: float | None = None,
    seed: int = 0,
    labels: Any = None,
    label_names: Sequence[object] | None = None,
    attributes: Any = None,
    side: Any = None,
    pad: int | None = None,
    binarize: str | None = None,
    levels: bool = False,
    standardize: bool | None = None,
    split: str | None = None,
    **options: Any,
) -> Dataset:
    """Load data by name, from a path, or from an object of Python's, and say which of them train and test.

    Args:
        source: A name in SOURCES; a file or folder; a Tensor or ndarray (N, ...); a data frame of any library, a
            dictionary of columns or a list of rows; a map-style torch Dataset, or one of Hugging Face's; or a Dataset,
            which is returned as it is.
        validation: The fraction of the training part that validates.
        test: The fraction that tests, chosen at random; where left out, the source's own test part, or a fifth.
        seed: A whole number, the seed of every random choice made here.
        labels: Labels (N,), one an example; or the name of a table's column, or False for none.
        label_names: A list of names for the labels 0, 1, ...
        attributes: "labels", to make a binary attribute of every label, named after it; or attributes (N, A) of an
            array; or names of a table's columns.
        side: What stands beside x, for models and readings: "labels", "factors", "attributes", or the names of some, of
            columns, or of what else is known of the examples; or values by name. "age:number" and "donor:category" say
            how one is read; "donor:known" leaves out examples without it, "donor:missing" makes a category of them,
            "donor:partly" leaves them to a block that observes it, "labels:10-each" hides all but ten each that train.
        pad: The side in pixels to which pictures are padded with zeros on all sides: 32 makes 32 x 32 of 28 x 28.
        binarize: How to make x binary: "threshold" at 1/2; or read as probabilities and drawn, once ("fixed"), or what
            trains at every visit anew ("dynamic").
        levels: Whether pixels stay whole numbers, 0 to 255, as a categorical likelihood takes them; else x is a 255th.
        standardize: Whether a model that is trained on them sees every column as (x - mean) / sd, of the training part;
            where left out, for tables of real numbers. x stays as it is: the model undoes it in all that it makes.
        split: The one part to return, "train", "validation" or "test"; the whole, with its parts, where left out.
        **options: What the source takes beside, as `termwise data` lists it.

    Example:
        >>> load_data("digits", validation=0.1)
        Dataset('digits': 1797 examples of shape (1, 8, 8), train 1294, test 359, validation 144)
        >>> load_data(torch.rand(10, 3), labels=["a", "b"] * 5, test=0.3).train.label_names
        ('a', 'b')
        >>> load_data("sprites", factors={"shape": ["heart"], "orientation": [0]}, pad=66).shape
        (1, 66, 66)

    Raises:
        UnknownName: No such source, option or split.
        BadData: Data that cannot be read, or cannot be used as they are.
    """
    options = {name: value for name, value in options.items() if value is not None}
    options |= {name: as_names(options[name]) for name in ("columns", "drop", "index") if name in options}
    labels = as_names(labels) if type(labels) is int else labels
    if attributes is not None and not (isinstance(attributes, str) and attributes == "labels"):
        options["attributes"], attributes = attributes, None
    given = {"test": test, "attributes": attributes, "label_names": label_names, "pad": pad, "binarize": binarize}
    given |= {"standardize": standardize, "levels": levels or None}
    always = {"validation": validation, "seed": seed} | {k: v for k, v in given.items() if v is not None}
    if isinstance(source, Dataset):
        if options or always != {"validation": 0.0, "seed": 0} or any(one is not None for one in (labels, side, split)):
            raise BadData(f"{source.name}: expected a Dataset alone, for it has its splits already. Load it anew.")
        return source
    check_options("load_data", load_data, always, always)
    side = as_names(side)
    if not 0 <= seed < 2**63:
        raise BadData(f"Expected a seed from 0 to 2^63 - 1, got {seed}.")
    if isinstance(labels, str | bool):
        options["labels"] = labels
    try:
        data = _read(source, seed, options, None if isinstance(side, Mapping | Side) else side)
    except TermwiseError:  # which may be of an option that no source has, and load_data nearly
        rows = (*SOURCES.values(), *FORMATS.values(), *OBJECTS.values())
        check_keywords("load_data", load_data, options, (name for row in rows for name in row.meanings))
        raise
    if len(data) < 2:
        raise BadData(f"{data.name}: expected two examples or more, got {len(data)}.")
    if labels is not None and not isinstance(labels, str | bool):
        if data.positions is not None:
            raise BadData(f"{data.name}: labels cannot be given for a source that chooses its examples itself.")
        codes, names = label_codes(labels, data.name)
        data = replace(data, annotations=replace(data.annotations, labels=codes, label_names=names))
    if label_names is not None:
        data = replace(data, annotations=with_label_names(data.annotations, label_names, data.name))
    if attributes is not None:
        data = replace(data, annotations=with_labels_as_attributes(data.annotations, data.name))
    if side is not None:
        data = with_side(data, side, hidden=False)
    splits = divide(len(data), data.splits, validation=validation, test=test, seed=seed, where=data.name)
    if options.get("missing") == "mean" and data.has_missing:
        data = with_training_means(data, splits["train"])
    beside = {} if side is None else {"side": side}
    record = _record(source, {**always, **({} if labels is None else {"labels": labels}), **beside, **options})
    wanted = data.standardize if standardize is None else standardize
    data = replace(data, splits=splits, source=record, standardize=wanted)
    if side is not None:
        data = with_few_known(data, side, seed)
    if levels:
        data = replace(data, examples=undivided(data.examples, data.name))
    if binarize is not None:
        data = _binarized(data, binarize, seed)
    if pad is not None:
        data = replace(data, examples=PaddedExamples(data.examples, pad))
    return data if split is None else data.split(split)


def load_undivided(source: Any, side: Names = None) -> Dataset:
    """All that a source has, with the parts that it has itself, and none that is drawn at random.

    Args:
        source: As `load_data` has it.
        side: Names of what stands beside x.

    Example:
        >>> load_undivided(torch.zeros(10, 3))
        Dataset('tensor': 10 examples of shape (3,))
    """
    data = _read(source, 0, {}, side)
    return data if side is None else data.with_side(side)


COMMON_OPTIONS = {
    name: meaning for name, meaning in meanings(load_data).items() if name in (load_data.__kwdefaults__ or ())
}
"""What any source can be given, by name, and what it means: the keywords of `load_data`."""


def _read(source: Any, seed: int, options: dict[str, Any], side: Names = None) -> Dataset:
    """All data of a source, with the splits that it has itself.

    Args:
        side: Names of what stands beside x, for what must know them as it reads, such as a table.
    """
    if isinstance(source, str) and source in SOURCES:
        return SOURCES[source].load(seed, options)
    if not isinstance(source, str | PathLike):
        for row in OBJECTS.values():
            if row.is_of(source):
                return row.load(source, _with_side(row, options, side))
        raise BadData(
            f"Expected the name of a source, a path, a Dataset, {', '.join(row.summary for row in OBJECTS.values())}; "
            f"got {type(source).__name__}."
        )
    if not str(source).strip() or "\0" in str(source):
        raise BadData(f"Expected a source's name, or a path; got {in_short(str(source))}. Named sources: {_names()}.")
    try:
        path = Path(source).expanduser()
    except RuntimeError as unknown:  # ~somebody, whom the system does not know
        raise BadData(f"{source}: expected a file or folder that exists. {unknown}") from None
    if not exists(path):
        if not isinstance(source, str) or len(path.parts) > 1 or path.suffix:
            raise BadData(f"{source}: expected a file or folder that exists, got none. Named sources: {_names()}.")
        error = UnknownName("data source", source, SOURCES)
        error.args = (f"{error} The path of a file or folder would do too.",)
        raise error
    row = format_of(path)
    return row.load(path, _with_side(row, options, side))


def _with_side(row: Format, options: dict[str, Any], side: Names) -> dict[str, Any]:
    """The options, with the names of what stands beside x where the format asks for them."""
    return options if side is None or "side" not in row.options else {**options, "side": side}


def _binarized(data: Dataset, how: str, seed: int) -> Dataset:
    """The data with binary x; `known`, splits and name are as they were."""
    train = data.splits["train"]
    anew = torch.zeros(len(data.examples), dtype=torch.bool)
    anew[train if data.positions is None else data.positions[train]] = True
    return replace(data, examples=BinaryExamples(data.examples, binarization(how), seed, anew))


def _names() -> str:
    return ", ".join(sorted(SOURCES))


def _record(source: Any, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments as JSON and TOML have them, or None where they are objects."""
    if not isinstance(source, str | PathLike):
        return None
    try:
        return json.loads(json.dumps({"source": str(source), **arguments}))
    except TypeError:
        return None
