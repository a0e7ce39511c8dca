"""What is known of every example beside x: categories and numbers, such as a label, a batch, an age.

Side information stays one tensor, a column a variable: of a category its place among the categories, of a number the
number. Models and the walk read it; `Dataset.with_side` says which of all that is known is meant.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from termwise.data.bins import quantile_bins
from termwise.data.side_columns import category_word, column_of_values, kind_by_type, variable_of
from termwise.data.side_names import side_name
from termwise.errors import BadData, UnknownName, in_short
from termwise.notebook import in_a_line

SIDE_BINS = 10
"""Into so many bins of as many examples falls a number beside x, where examples are grouped by it."""


@dataclass(frozen=True, slots=True)
class SideVariable:
    """One variable of what is known beside x.

    Attributes:
        name: What it is called.
        categories: What it may be, where it is one of some; none where it is a number.
        partly: Whether it may be known of some examples alone; the others' value is nan.

    Example:
        >>> SideVariable("batch", ("a", "b")).is_number, SideVariable("age").is_number
        (False, True)
    """

    name: str
    categories: tuple[str, ...] = ()
    partly: bool = False

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
        one = one.item() if isinstance(one, Tensor) and one.numel() == 1 else one
        if self.is_number:
            if isinstance(one, bool) or not isinstance(one, Real) or not math.isfinite(one):
                raise BadData(f"{self.name}: expected a finite number, got {in_short(one)}.")
            return float(one)
        if (word := category_word(one)) not in self.categories:
            raise UnknownName(f"category of {self.name}", word, self.categories)
        return float(self.categories.index(word))


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """What is known of N examples beside x: V variables, each a category or a number.

    Attributes:
        variables: What the columns are.
        values: Shape (N, V), float64: of a category its place among the categories, of a number the number; nan of a
            variable that is known of others alone.

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

        Whole numbers, words and yes or no are categories: hand in floating-point numbers where they are numbers. Of a
        column called "labels:partly" values may be missing, None or nan.

        Raises:
            BadData: A column has another length, misses values, or is no column.

        Example:
            >>> Side.of({"labels:partly": ["a", None, "b"]}).values.T.tolist()
            [[0.0, nan, 1.0]]
        """
        names = [side_name(str(name)) for name in columns]
        read = [
            column_of_values(name.name if name.missing == "partly" else str(given), values)
            for name, (given, values) in zip(names, columns.items(), strict=True)
        ]
        if len({len(column.values) for column in read}) > 1:
            got = ", ".join(f"{column.name} {len(column.values)}" for column in read)
            raise BadData(f"Expected as many values of every variable beside x; got {got}.")
        partly = [name.missing == "partly" for name in names]
        gaps = [column for column, may in zip(read, partly, strict=True) if column.missing.any() and not may]
        if gaps:
            raise BadData(
                f"Expected a value of every example, of {len(read[0].values):,}, got some that are missing: "
                f"{', '.join(f'{column.name} {int(column.missing.sum()):,}' for column in gaps)}. Fill them with a "
                f"word of their own, or leave these examples out; or, for a block of the code that observes it, call "
                f"it '{gaps[0].name}:partly'."
            )
        found = [
            variable_of(column, "category" if may else kind_by_type(column))
            for column, may in zip(read, partly, strict=True)
        ]
        columns_read = zip(read, found, partly, strict=True)
        variables = tuple(SideVariable(column.name, words, may) for column, (words, _), may in columns_read)
        return cls(variables, torch.stack([values for _, values in found], 1) if found else torch.empty(0, 0))

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

    def without(self, variable: SideVariable | None) -> "Side | None":
        """The other variables; None where there are none.

        Example:
            >>> side = Side.of({"batch": ["b", "a"], "age": [1.5, 2.0]})
            >>> side.without(side.variables[1]).names
            ('batch',)
        """
        names = [one.name for one in self.variables if one != variable]
        return self.chosen(names) if names else None

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
        if told := mine.unknown():
            raise BadData(f"Expected a value of every example to make groups of: {told}")
        codes = mine.values.long()  # (N, V)
        ids = torch.zeros(len(self), dtype=torch.int64)
        for variable, column in zip(mine.variables, codes.T, strict=True):
            ids = (ids * len(variable.categories) + column).unique(return_inverse=True)[1]
        member = torch.empty(int(ids.max()) + 1, dtype=torch.int64)
        member[ids] = torch.arange(len(ids))
        return ids, tuple(mine._in_words(row) for row in codes[member].tolist())

    def wholly_known(self) -> "Side | None":
        """Those of the variables that are known of every example; None where none is."""
        whole = [
            variable.name for variable, of in zip(self.variables, self.values.T, strict=True) if not of.isnan().any()
        ]
        return self.chosen(whole) if whole else None

    def unknown(self) -> str:
        """A sentence on the variables that are not known of every example, and what to do; "" where all are.

        Example:
            >>> Side.of({"labels:partly": ["a", None, "b"]}).unknown()
            "labels is known of 2 of 3 examples. side='labels:known' leaves the others out."
        """
        known = (~self.values.isnan()).sum(0).tolist()
        some = [(name, count) for name, count in zip(self.names, known, strict=True) if count < len(self)]
        if not some:
            return ""
        said = ", ".join(f"{name} is known of {count:,} of {len(self):,} examples" for name, count in some)
        return f"{said}. side={','.join(f'{name}:known' for name, _ in some)!r} leaves the others out."

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
    place = {word: float(code) for code, word in enumerate(known.categories)}
    places = values.new_tensor([place.get(word, -1.0) for word in mine.categories])
    found, told = values.clone(), ~values.isnan()  # of examples that are not in a view nothing may be known
    found[told] = places[values[told].long()]
    if (found < 0).any():
        unseen = [mine.categories[code] for code in values[found < 0].long().unique().tolist()]
        raise BadData(
            f"{known.name}: expected one of the categories that were there in training ({in_short(known.categories)}), "
            f"got {in_short(unseen)} too, for {int((found < 0).sum()):,} of {len(values):,} examples. Leave these out, "
            "or train again with them."
        )
    return found


SideLike = str | Sequence[str] | Mapping[str, Any] | Side
"""What stands beside x: a name or names of what is known of the data, columns of values by name, or a `Side`."""
