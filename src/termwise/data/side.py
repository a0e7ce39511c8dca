"""What is known of every example beside x: categories and numbers, such as a label, a batch, an age.

Side information stays one tensor, a column a variable: of a category its place among the categories, of a number the
number. Models and the walk read it; `Dataset.with_side` says which of all that is known is meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.annotations import Annotations, as_array
from termwise.data.bins import quantile_bins
from termwise.errors import BadData, UnknownName, in_short
from termwise.notebook import in_a_line


@dataclass(frozen=True, slots=True)
class SideVariable:
    """One variable of what is known beside x.

    Attributes:
        name: What it is called.
        categories: What it may be, where it is one of some; none where it is a number.

    Example:
        >>> SideVariable("batch", ("a", "b")).is_number, SideVariable("age").is_number
        (False, True)
    """

    name: str
    categories: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether it is a number, and not one of some categories."""
        return not self.categories

    def value(self, one: Any) -> float:
        """The number that stands for one value: a category's place, or the number itself.

        Example:
            >>> SideVariable("digit", ("3", "5")).value(5)
            1.0

        Raises:
            UnknownName: There is no such category.
            BadData: It is no number.
        """
        if self.is_number:
            if isinstance(one, bool | str) or not np.isfinite(number := float(one)):
                raise BadData(f"{self.name}: expected a finite number, got {in_short(one)}.")
            return number
        words = category_words(np.asarray([one]), self.name)
        if words[0] not in self.categories:
            raise UnknownName(f"category of {self.name}", words[0], self.categories)
        return float(self.categories.index(words[0]))


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """What is known of N examples beside x: V variables, each a category or a number.

    Attributes:
        variables: What the columns are.
        values: Shape (N, V), float64: of a category its place among the categories, of a number the number.

    Example:
        >>> side = Side.of({"batch": ["b", "a", "b"], "age": [1.5, 2.0, 3.0]})
        >>> side.variables[0].categories, side.values.tolist()
        (('a', 'b'), [[1.0, 1.5], [0.0, 2.0], [1.0, 3.0]])

    Raises:
        BadData: There is no column, two have one name, or some value cannot be.
    """

    variables: tuple[SideVariable, ...]
    values: Tensor

    def __post_init__(self) -> None:
        names = [variable.name for variable in self.variables]
        if not names or len(set(names)) < len(names):
            raise BadData(f"Expected variables beside x, each with a name of its own; got {names}.")
        if self.values.dim() != 2 or self.values.shape[1] != len(names):
            raise BadData(f"Expected values of shape (N, {len(names)}), got {tuple(self.values.shape)}.")

    def __repr__(self) -> str:
        return in_a_line(self)

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "Side":
        """The variables of columns by name, each of N values: fractions are numbers, all else are categories.

        Whole numbers, words and yes or no are categories: hand in floating-point numbers where they are numbers.

        Raises:
            BadData: A column has another length, misses values, or is no column.
        """
        read = [_read(name, values) for name, values in columns.items()]
        if len({len(values) for _, values in read}) > 1:
            got = ", ".join(f"{variable.name} {len(values)}" for variable, values in read)
            raise BadData(f"Expected as many values of every variable beside x; got {got}.")
        values = torch.stack([values for _, values in read], 1) if read else torch.empty(0, 0)
        return cls(tuple(variable for variable, _ in read), values)

    @property
    def names(self) -> tuple[str, ...]:
        """What the variables are called."""
        return tuple(variable.name for variable in self.variables)

    def at(self, positions: Tensor) -> "Side":
        """The same of the examples at `positions`, shape (M,)."""
        return Side(self.variables, self.values[positions])

    def chosen(self, names: Sequence[str]) -> "Side":
        """Some of the variables, in this order.

        Raises:
            UnknownName: There is no such variable.
        """
        for name in names:
            if name not in self.names:
                raise UnknownName("variable beside x", name, self.names)
        places = [self.names.index(name) for name in names]
        return Side(tuple(self.variables[place] for place in places), self.values[:, places])

    def beside(self, other: "Side | None") -> "Side":
        """These variables, and those of another, of the same examples."""
        if other is None:
            return self
        return Side(self.variables + other.variables, torch.cat([self.values, other.values], 1))

    def groups(self, names: str | Sequence[str] | None = None) -> tuple[Tensor, tuple[str, ...]]:
        """The group of each example, shape (N,), int64, and what the groups are called: those that there are, in order.

        Args:
            names: Variables whose values make a group, each of its categories or all that come together; all, where
                left out.

        Example:
            >>> side = Side.of({"batch": ["b", "a", "b"], "sex": ["f", "f", "m"]})
            >>> side.groups("batch"), side.groups()[1]
            ((tensor([1, 0, 1]), ('a', 'b')), ('batch a, sex f', 'batch b, sex f', 'batch b, sex m'))

        Raises:
            UnknownName: There is no such variable.
            BadData: One is a number.
        """
        mine = self if names is None else self.chosen([names] if isinstance(names, str) else names)
        if numbers := [variable.name for variable in mine.variables if variable.is_number]:
            raise BadData(
                f"Expected categories to make groups of, got numbers, {', '.join(numbers)}. Make categories of them "
                "first: side.binned(5) makes five bins, by quantiles."
            )
        codes = mine.values.long()  # (N, V)
        ids = torch.zeros(len(self), dtype=torch.int64)
        for variable, column in zip(mine.variables, codes.T, strict=True):
            ids = (ids * len(variable.categories) + column).unique(return_inverse=True)[1]
        member = torch.empty(int(ids.max()) + 1, dtype=torch.int64)
        member[ids] = torch.arange(len(ids))
        return ids, tuple(mine._in_words(row) for row in codes[member].tolist())

    def entropy(self, names: str | Sequence[str] | None = None) -> float:
        """H(s) in nats, of how often each group comes: of one variable, of several jointly, or of all.

        Example:
            >>> side = Side.of({"batch": ["b", "a", "b", "a"], "sex": ["f", "f", "m", "m"]})
            >>> round(side.entropy("batch"), 4), round(side.entropy(), 4)
            (0.6931, 1.3863)

        Raises:
            UnknownName: There is no such variable.
            BadData: One is a number.
        """
        share = self.groups(names)[0].bincount().double() / len(self)
        return float(torch.special.entr(share).sum())

    def binned(self, count: int) -> "Side":
        """The same with categories in place of numbers: bins of as many examples each as equal numbers allow.

        A bin is called after the least and the largest number in it.

        Example:
            >>> Side.of({"age": [1.5, 2.7, 30.0, 41.5]}).binned(2).variables[0].categories
            ('1.5 to 2.7', '30 to 41.5')

        Raises:
            BadData: There would be fewer than two bins.
        """
        if count < 2:
            raise BadData(f"Expected two bins or more, got {count}.")
        variables, values = list(self.variables), self.values.clone()
        for place, variable in enumerate(variables):
            if variable.is_number:
                bins, names = quantile_bins(values[:, place], count)
                variables[place], values[:, place] = SideVariable(variable.name, names), bins.to(values.dtype)
        return Side(tuple(variables), values)

    def _in_words(self, row: Sequence[int]) -> str:
        """What a group is called: its category, or the categories of all variables beside their names."""
        words = [variable.categories[code] for variable, code in zip(self.variables, row, strict=True)]
        if len(words) == 1:
            return words[0]
        return ", ".join(f"{name} {word}" for name, word in zip(self.names, words, strict=True))

    def as_known(self, variables: Sequence[SideVariable]) -> "Side":
        """The same values as another data set's variables have them: by name, categories in their order.

        Raises:
            UnknownName: A variable is lacking.
            BadData: A category comes that is none of theirs, or a number where they have a category.

        Example:
            >>> Side.of({"batch": ["b", "b"]}).as_known([SideVariable("batch", ("a", "b"))]).values.tolist()
            [[1.0], [1.0]]
        """
        mine = self.chosen([variable.name for variable in variables])
        columns = [_as_known(*pair) for pair in zip(variables, mine.variables, mine.values.T, strict=True)]
        return Side(tuple(variables), torch.stack(columns, 1))


def _as_known(known: SideVariable, mine: SideVariable, values: Tensor) -> Tensor:
    """One column of values as the variable of another data set has them, shape (N,)."""
    if known.is_number != mine.is_number:
        kinds = ["a number" if one.is_number else "a category" for one in (known, mine)]
        raise BadData(f"{known.name}: expected {kinds[0]}, as it was in training, got {kinds[1]}.")
    if known.is_number or known.categories == mine.categories:
        return values
    places = torch.tensor([known.categories.index(one) if one in known.categories else -1 for one in mine.categories])
    found = places[values.long()]
    if (found < 0).any():
        unseen = [mine.categories[code] for code in values[found < 0].long().unique().tolist()]
        raise BadData(
            f"{known.name}: expected one of the categories that were there in training ({in_short(known.categories)}), "
            f"got {in_short(unseen)} too, for {int((found < 0).sum()):,} of {len(values):,} examples. Leave these out, "
            "or train again with them."
        )
    return found.to(values.dtype)


def category_words(array: np.ndarray, where: str) -> list[str]:
    """Categories as words: a whole number's digits, yes or no, words as they are.

    Raises:
        BadData: They are fractions, or missing.
    """
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == array.round()).all():
        array = array.astype(np.int64)
    if array.dtype.kind == "b":
        return ["yes" if one else "no" for one in array]
    if array.dtype.kind == "O" and all(isinstance(one, int | np.integer) for one in array):
        array = array.astype(np.int64)
    if array.dtype.kind in "iuUS":
        return [str(one) for one in array.astype(str)]
    missing = sum(one is None or one != one for one in array)
    if missing:
        raise BadData(
            f"{where}: expected a value of every example, got {missing:,} of {len(array):,} that are missing."
        )
    if array.dtype.kind == "O" and all(isinstance(one, str) for one in array):
        return list(array)
    raise BadData(f"{where}: expected categories or numbers, got values of type {type(array[0]).__name__}.")


def _read(name: str, values: Any) -> tuple[SideVariable, Tensor]:
    """A variable and its column, shape (N,), float64."""
    array = as_array(values)
    if array.ndim != 1 or not len(array):
        raise BadData(f"{name}: expected one value an example, shape (N,), got {array.shape}.")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            broken = int((~np.isfinite(array)).sum())
            raise BadData(f"{name}: expected finite numbers, got {broken:,} of {len(array):,} that are not.")
        return SideVariable(name), torch.from_numpy(array.astype(np.float64))
    words = category_words(array, name)
    categories = sorted(set(words), key=_in_order)
    place = {word: float(code) for code, word in enumerate(categories)}
    return SideVariable(name, tuple(categories)), torch.tensor([place[word] for word in words], dtype=torch.float64)


def _in_order(word: str) -> tuple[int, float, str]:
    """Whole numbers in their order, before words in theirs."""
    return (0, int(word), "") if word.lstrip("-").isascii() and word.lstrip("-").isdigit() else (1, 0.0, word)


SideLike = str | Sequence[str] | Mapping[str, Any] | Side
"""What stands beside x: a name or names of what is known of the data, columns of values by name, or a `Side`."""


def side_of(annotations: Annotations, side: SideLike, rows: Tensor, where: str) -> Side:
    """What is meant to stand beside x, of the examples at `rows`, shape (N,).

    Raises:
        UnknownName: Nothing of the kind is known.
        BadData: It is not one value an example.
    """
    if isinstance(side, Mapping):
        side = Side.of(side)
    if isinstance(side, Side):
        if len(side) != len(rows):
            raise BadData(f"{where}: expected {len(rows):,} values beside x, one an example, got {len(side):,}.")
        return side
    found: Side | None = None
    for name in [side] if isinstance(side, str) else side:
        columns = Side.of(_columns(annotations, name, rows, where))
        found = columns if found is None else found.beside(columns)
    if found is None:
        raise BadData(f"{where}: expected what stands beside x, got no name. Known are: {_known(annotations)}.")
    return found


def _columns(annotations: Annotations, name: str, rows: Tensor, where: str) -> dict[str, Any]:
    """The columns that a name stands for, each of the examples at `rows`."""
    if name == "labels" and annotations.labels is not None:
        labels, words = annotations.labels[rows], annotations.label_names
        return {name: [words[label] for label in labels.tolist()] if words else labels}
    for kind in ("factors", "attributes"):
        names: tuple[str, ...] = getattr(annotations, f"{kind[:-1]}_names")
        chosen = names if name == kind else (name,) if name in names else ()
        if chosen:
            values = getattr(annotations, kind)[rows]
            if kind == "attributes" and not values.is_floating_point():
                values = values.bool()
            return {one: values[:, names.index(one)] for one in chosen}
    raise UnknownName(f"variable beside x of {where}", name, _known(annotations))


def _known(annotations: Annotations) -> list[str]:
    """The names of all that is known of the examples."""
    names = ["labels"] if annotations.labels is not None else []
    for kind in ("factors", "attributes"):
        if getattr(annotations, kind) is not None:
            names += [kind, *getattr(annotations, f"{kind[:-1]}_names")]
    return names
