"""A data set: N examples x of one shape, what is known of them, and which of them train, validate and test.

A split or subset is a view: it holds the positions of its examples in the source, and shares the source's x.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from termwise.data.annotations import Annotations, Rows
from termwise.data.batch import Batch
from termwise.data.columns import Column, TableColumn
from termwise.data.description import Description
from termwise.data.examples import Examples, chunks, spread
from termwise.data.generators import generators_as_they_were
from termwise.data.side import Side, SideLike, SideVariable
from termwise.data.tables.raw import RawColumn
from termwise.data.value_range import ValueRange
from termwise.errors import BadData, UnknownName

SPLITS = ("train", "validation", "test")
_READ, _READ_NUMBERS = 256, 2**26  # examples, and numbers, a read, where all of them might not fit in memory
_HASHED = 2**24  # numbers up to which a fingerprint covers every one


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """N examples x of one shape, what is known of them, and which train, validate and test. `load_data` makes one.

    Example:
        >>> from termwise.data import Annotations, InMemory
        >>> data = Dataset("points", InMemory(torch.eye(3)), Annotations(labels=torch.tensor([0, 1, 1])))
        >>> data
        Dataset('points': 3 examples of shape (3,))
        >>> data.labels.tolist()
        [0, 1, 1]

    Args:
        name: What to call it: a source's name, a path's stem, or "tensor".
        examples: Where the x live.
        annotations: Labels, factors and attributes of all `examples`.
        positions: Which of `examples` these are, (N,) int64; None for all of them in order.
        splits: Positions in this data set by split name; empty where there are none.
        source: The arguments with which `load_data` makes this data set again, fit for JSON and TOML; None where
            it was made from Python objects.
        columns: What the entries of x are, where x is a row of a table (D,); else none.
        table: The columns of that table, of which some may be labels, or left out; else none.
        cells: Those that x was made of, as they were read, where cells are missing and stay so; else none.
        notes: What its reader took it for, where it could be taken for something else: a sentence each.
        standardize: Whether a model that is trained on it is to standardise x; where it suits, if None.
        beside: What stands beside x of all `examples`, for models and readings, as `with_side` chooses it.
    """

    name: str
    examples: Examples
    annotations: Annotations = field(default_factory=Annotations)
    positions: Tensor | None = None
    splits: Mapping[str, Tensor] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    columns: tuple[Column, ...] = ()
    table: tuple[TableColumn, ...] = ()
    cells: tuple[RawColumn, ...] = ()
    notes: tuple[str, ...] = ()
    standardize: bool | None = None
    beside: Side | None = None

    def __post_init__(self) -> None:
        self.annotations.check(len(self.examples), self.name)
        if self.beside is not None and len(self.beside) != len(self.examples):
            raise BadData(f"{self.name}: expected {len(self.examples)} rows beside x, got {len(self.beside)}.")
        if self.columns and self.shape != (len(self.columns),):
            raise BadData(f"{self.name}: expected a column for each entry of x, {self.shape}, got {len(self.columns)}.")

    def __len__(self) -> int:
        return len(self.examples) if self.positions is None else len(self.positions)

    def __repr__(self) -> str:
        from termwise.data.shown import line_of

        return line_of(self)

    def _repr_html_(self) -> str:
        from termwise.data.shown import html_of

        return html_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example: (C, H, W) for images, (D,) for vectors."""
        return self.examples.shape

    @property
    def in_memory(self) -> bool:
        """Whether the x are in memory, rather than rendered or read when they are asked for."""
        return self.examples.in_memory

    @property
    def has_missing(self) -> bool:
        """Whether some x hold no number, but nan: cells of a table that are missing, of examples in memory."""
        return getattr(self.examples, "has_missing", False)

    @cached_property
    def labels(self) -> Tensor | None:
        """The label of each example, shape (N,), int64; None where there are none."""
        return self._rows(self.annotations.labels)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The words that labels 0, 1, ... stand for; none where labels are numbers."""
        return self.annotations.label_names

    @cached_property
    def factors(self) -> Tensor | None:
        """The indices of the factors that made each example, shape (N, F), int64; None where they are not known."""
        return self._rows(self.annotations.factors)

    @property
    def factor_names(self) -> tuple[str, ...]:
        """The names of the F factors."""
        return self.annotations.factor_names

    @cached_property
    def attributes(self) -> Tensor | None:
        """The attributes of each example, shape (N, A), int64 of 0 and 1 or float32; None where there are none."""
        return self._rows(self.annotations.attributes)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the A attributes."""
        return self.annotations.attribute_names

    @cached_property
    def side(self) -> Side | None:
        """What stands beside x of each example, for models and readings; None where nothing was chosen."""
        if self.beside is None or self.positions is None:
            return self.beside
        return self.beside.at(self.positions)

    def with_side(self, side: SideLike) -> "Dataset":
        """The same data with something beside x, for models and readings: by name, or values by name.

        Args:
            side: "labels", "factors", "attributes", or the name of a factor, an attribute or a column that is known of
                the data; several in a list; or columns of one value an example, by name, in which fractions are
                numbers and all else are categories; or a `Side`.

        Example:
            >>> import termwise as tw
            >>> digits = tw.load_data("digits").with_side("labels")
            >>> digits.side.variables[0].categories[:3], next(digits.batches(2)).side.tolist()
            (('0', '1', '2'), [[0.0], [1.0]])

        Raises:
            UnknownName: Nothing of the kind is known of these data.
            BadData: Values are missing, or not one an example.
        """
        from termwise.data.beside import with_side

        return with_side(self, side)

    def with_known_side(self, variables: Sequence[SideVariable]) -> "Dataset":
        """The same data with what stood beside x in training: by name, each category in its place of then.

        What stands beside x of these data, and did not then, comes after.

        Example:
            >>> import termwise as tw
            >>> digits, few = tw.load_data("digits", side="labels"), tw.load_data(torch.rand(2, 1, 8, 8), labels=[5, 3])
            >>> few.with_known_side(digits.side.variables).side.values.tolist()
            [[5.0], [3.0]]

        Raises:
            UnknownName: A variable is not known of these data.
            BadData: A category was not there in training, or values are missing.
        """
        from termwise.data.beside import as_trained

        return as_trained(self, variables)

    @cached_property
    def train(self) -> "Dataset":
        """The part that trains; the data set itself where it has no splits."""
        return self.split("train")

    @cached_property
    def validation(self) -> "Dataset | None":
        """The part that validates while training goes on; None where there is none."""
        return self.split("validation") if "validation" in self.splits else None

    @cached_property
    def test(self) -> "Dataset":
        """The part that tests what was trained on the training part.

        Raises:
            BadData: There is none.
        """
        return self.split("test")

    def split(self, name: str) -> "Dataset":
        """One part, "train", "validation" or "test", as a data set of its own.

        Example:
            >>> import termwise as tw
            >>> tw.load_data("digits").split("test")
            Dataset('digits': 359 examples of shape (1, 8, 8))

        Raises:
            UnknownName: No such split can be.
            BadData: This data set has no such part.
        """
        if name not in SPLITS:
            raise UnknownName("split", name, SPLITS)
        if name in self.splits:
            source = None if self.source is None else {**self.source, "split": name}
            return replace(self.subset(self.splits[name]), source=source)
        if name == "train":
            return self
        raise BadData(
            f"{self.name} has no {name} part (it has {', '.join(self.splits) or 'no splits'}): ask for one with "
            f"load_data(..., {name}=0.2), or use the data set that it came from."
        )

    def subset(self, index: Tensor) -> "Dataset":
        """The examples at `index`, positions (M,) or a mask (N,), as a view without splits.

        Example:
            >>> import termwise as tw
            >>> digits = tw.load_data("digits")
            >>> digits.subset(digits.labels == 3)
            Dataset('digits': 183 examples of shape (1, 8, 8))
        """
        index = torch.as_tensor(index).cpu()
        if index.dtype == torch.bool and index.shape == (len(self),):
            index = index.nonzero().squeeze(1)
        index = self._checked(index)
        if not len(index):
            raise BadData(f"{self.name}: expected a subset of one example or more, got none.")
        positions = index.clone() if self.positions is None else self.positions[index]
        return replace(self, positions=positions, splits={}, source=None)

    def random_subset(self, count: int | None, seed: int) -> "Dataset":
        """At most `count` of the examples, drawn at random without repeats and kept in order; all where it is None.

        Example:
            >>> import termwise as tw
            >>> tw.load_data("digits").random_subset(4, seed=0).positions.tolist()
            [362, 1440, 1568, 1761]
        """
        if count is None or count >= len(self):
            return self
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:count]
        return self.subset(drawn.sort().values)

    def batches(self, batch_size: int, order: Tensor | None = None, drop_last: bool = False) -> Iterator[Batch]:
        """Batches of examples; the global random state is left alone, unless x is drawn anew at every visit.

        Args:
            batch_size: Examples a batch; the last may be short, unless `drop_last`.
            order: Positions to visit, (M,); all, from first to last, where left out.
            drop_last: Leave out a last batch that is short.

        Example:
            >>> import termwise as tw
            >>> train = tw.load_data("digits").train
            >>> [len(batch.x) for batch in train.batches(500, order=torch.randperm(len(train)))]
            [500, 500, 438]

        Raises:
            BadData: A size, or a position, that cannot be; or, while streaming, an example that cannot be used.
        """
        if batch_size < 1 or (drop_last and batch_size > len(self)):
            raise BadData(
                f"{self.name}: expected a batch size from 1{f' to {len(self)}' if drop_last else ''}, "
                f"got {batch_size}. Take smaller batches{' or keep the last' if drop_last else ''}."
            )
        order = torch.arange(len(self)) if order is None else self._checked(torch.as_tensor(order).cpu())
        where = order if self.positions is None else self.positions[order]
        examples = self.examples.batches(where, batch_size, drop_last)
        side = None if self.side is None else self.side.values
        return (
            Batch(x, index, None if side is None else side[index])
            for x, index in zip(examples, chunks(order, batch_size, drop_last), strict=True)
        )

    def tensor(self, limit: int | None = None) -> Tensor:
        """The first `limit` examples, or all, as one tensor (M, *shape), float32.

        Example:
            >>> import termwise as tw
            >>> tw.load_data("digits").tensor(limit=5).shape
            torch.Size([5, 1, 8, 8])
        """
        count = len(self) if limit is None else max(0, min(limit, len(self)))
        return self._gather(torch.arange(count))

    def describe(self) -> Description:
        """What this data set is taken for: its columns, kinds and scales, its parts, and the likelihood that suits it.

        Example:
            >>> import termwise as tw
            >>> about = tw.load_data("digits").describe()
            >>> about.likelihood, about.to_dict()["values"]
            ('bernoulli', {'minimum': 0.0, 'maximum': 1.0, 'binary': False})
        """
        from termwise.data.describe import describe

        return describe(self)

    def value_range(self) -> ValueRange:
        """The range of the numbers in x: of all examples in memory, else of 2048 spread over the data.

        Example:
            >>> import termwise as tw
            >>> tw.load_data("digits").value_range()
            ValueRange(minimum=0.0, maximum=1.0, integer=False)
        """
        return self._values

    def fingerprint(self) -> str:
        """Sixteen hex digits of length, shape and content: of every number, or of 1024 spread examples of many.

        Example:
            >>> import termwise as tw
            >>> tw.load_data("four-points").fingerprint() == tw.load_data(torch.eye(4), test=0.0).fingerprint()
            True
        """
        return self._digest

    @property
    def _at_once(self) -> int:
        """Examples a read."""
        return max(1, min(_READ, _READ_NUMBERS // max(1, torch.Size(self.shape).numel())))

    @cached_property
    def _values(self) -> ValueRange:
        order = spread(len(self), len(self) if self.in_memory else 2048)
        ranges = [ValueRange.of(batch.x) for batch in self.batches(self._at_once, order)]
        return ValueRange(
            min(r.minimum for r in ranges), max(r.maximum for r in ranges), all(r.integer for r in ranges)
        )

    @cached_property
    def _digest(self) -> str:
        n = len(self)
        size = n * torch.Size(self.shape).numel()
        digest = hashlib.blake2b(f"{n} {self.shape}".encode(), digest_size=8)
        with generators_as_they_were(seed=0):  # where x is drawn at every visit, the same draw for the same data
            for batch in self.batches(self._at_once, spread(n, n if size <= _HASHED else 1024)):
                digest.update(batch.x.numpy().astype("<f4").tobytes())
        return digest.hexdigest()

    def _gather(self, order: Tensor) -> Tensor:
        gathered = torch.empty(len(order), *self.shape)
        start = 0
        for batch in self.batches(self._at_once, order):
            gathered[start : start + len(batch.x)] = batch.x
            start += len(batch.x)
        return gathered

    def _rows(self, rows: Rows | None) -> Tensor | None:
        if rows is None or (self.positions is None and isinstance(rows, Tensor)):
            return rows
        return rows[torch.arange(len(self)) if self.positions is None else self.positions]

    def _checked(self, index: Tensor) -> Tensor:
        if index.ndim != 1 or index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
            raise BadData(
                f"{self.name}: expected positions of shape (M,), whole numbers, "
                f"got {index.dtype} of shape {tuple(index.shape)}."
            )
        if len(index) and (int(index.min()) < 0 or int(index.max()) >= len(self)):
            raise BadData(
                f"{self.name}: expected positions from 0 to {len(self) - 1}, "
                f"got {int(index.min())} to {int(index.max())}."
            )
        return index.to(torch.int64)
