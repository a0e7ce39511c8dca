"""What a model takes beside x: which variables, which of its parts see them, and how often their values came."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from termwise.data.side import Side, SideVariable
from termwise.errors import BadData, Refused, UnknownName
from termwise.models.side_numbers import SideNumbers, lacking, scales_of
from termwise.models.target import TargetLikelihood

SIDE_TO = ("encoder", "decoder")
"""The parts of a model that take what stands beside x, where nothing else is said."""

TAKERS = (*SIDE_TO, "prior")
"""The parts of a model that may take it."""

MOST_ROWS = 4096
"""So many different rows of values are kept at the most, for samples to be drawn at; of more, some at random."""

SideValues = Tensor | Side | Mapping[str, Any]
"""Values beside x: by name, one for all examples or one each; a `Side`; or as `Side.values` has them, shape (B, V)."""


class SideInput(nn.Module):
    """The variables that a model takes beside x, and the rows of values that training had, each with its frequency.

    Args:
        variables: What they are.
        to: The parts that see them, of "encoder", "decoder" and "prior".
        rows: How many different rows are known, where another's are to be loaded.

    Raises:
        Refused: There is no variable or no part, or a part cannot take any.

    Example:
        >>> taken = SideInput([SideVariable("digit", ("3", "5"))])
        >>> taken.values_of({"digit": [5, 3]}, 2).tolist(), taken.values_of({"digit": "5"}, 2).tolist()
        ([[1.0], [0.0]], [[1.0], [1.0]])
    """

    rows: Tensor
    counts: Tensor

    def __init__(self, variables: Sequence[SideVariable], to: Sequence[str] = SIDE_TO, rows: int = 0) -> None:
        super().__init__()
        self.variables, self.parts = tuple(variables), tuple(part for part in TAKERS if part in to)
        for part in to:
            if part not in TAKERS:
                raise UnknownName("part that takes what stands beside x", part, TAKERS)
        if partly := [variable.name for variable in self.variables if variable.partly]:
            raise Refused(
                f"{partly[0]} is known of some examples, and what networks take must be known of all. Where labels are "
                f"hidden, as by '{partly[0]}:10-each', side = [{partly[0]!r}] takes all that there are, and "
                f"'{partly[0]}:known' leaves out examples that have none. Or learn from both: the recipe m2, or "
                f"observes = {partly[0]!r} in a [[model.code]] table, has a block of the code observe it."
            )
        if not self.variables or not self.parts:
            raise Refused(f"Expected one variable beside x or more, and parts that take it, of {', '.join(TAKERS)}.")
        self._scales: tuple[Tensor, Tensor] | None = None
        self.register_buffer("rows", torch.zeros(rows, len(self.variables)))
        self.register_buffer("counts", torch.zeros(rows))

    @classmethod
    def of(
        cls, side: "Side | SideInput | Sequence[SideVariable] | None", to: Sequence[str] | None = None
    ) -> "SideInput | None":
        """What a model takes, of what a caller says: with the frequencies of a `Side`; None for nothing.

        Raises:
            Refused: Parts are to take what nothing is.
        """
        if isinstance(side, SideInput):
            return side
        if side is None and to:
            raise Refused(
                f"The {' and the '.join(to)} are to take what stands beside x, and nothing does. Say what, such as "
                "side = ['labels'] of the data (--set data.side=labels; in Python load_data(..., side='labels'), or "
                "data.with_side('labels'))."
            )
        if side is None or (to is not None and not to):
            return None
        taken = cls(side.variables if isinstance(side, Side) else side, SIDE_TO if to is None else to)
        if isinstance(side, Side):
            taken.begin(side)
        return taken

    @property
    def names(self) -> str:
        """What the variables are called, in a sentence."""
        return ", ".join(variable.name for variable in self.variables)

    def begin(self, side: Side) -> None:
        """Take up how often each row of values comes in what trains, and the scale of its numbers."""
        values = side.values[:, : len(self.variables)]
        self._scales = scales_of(values, self.variables)
        rows, counts = values.unique(dim=0, return_counts=True)
        if len(rows) > MOST_ROWS:
            chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:MOST_ROWS]
            rows, counts = rows[chosen], counts[chosen]
        self.rows, self.counts = rows.to(self.rows), counts.to(self.counts)

    def numbers(self) -> SideNumbers:
        """What makes numbers for a network of values beside x, standardised by what trains where that is known."""
        numbers = SideNumbers(self.variables)
        if self._scales is not None:
            numbers.take(*self._scales)
        return numbers

    def trial(self, count: int) -> dict[str, Tensor]:
        """Values of so many examples to try parts with, by part that takes them: all zero."""
        return {part: torch.zeros(count, len(self.variables)) for part in self.parts}

    def values_of(self, side: SideValues | None, count: int) -> Tensor:
        """The values of `count` examples, shape (count, V), of all variables.

        Raises:
            Refused: Some variable has none.
            UnknownName: There is no such variable, or category.
            BadData: They are not one for all, or one an example.
        """
        if side is None:
            raise lacking(self.variables)
        if isinstance(side, Tensor):
            return self._checked(side, count)
        if isinstance(side, Side):
            return self._checked(side.as_known(self.variables).values, count)
        given = self._columns(side, count)
        if absent := [one.name for one in self.variables if one.name not in given]:
            raise Refused(
                f"This model takes {self.names} beside x, and got no {', '.join(absent)}. Give one value for all "
                f"examples, or one each: side={{{absent[0]!r}: ...}}."
            )
        return torch.stack([given[variable.name] for variable in self.variables], 1).to(self.rows.device)

    def drawn(self, side: SideValues | None, count: int) -> Tensor:
        """The values of `count` examples, shape (count, V): those given, and others as training had them beside these.

        A variable that is not given is drawn, with all others that are not, from the rows of training that have the
        categories that are; from all rows, where none has.

        Raises:
            Refused: Something is to be drawn, and the model has not been trained.
            UnknownName, BadData: As `values_of`.
        """
        if side is not None and not isinstance(side, Mapping):
            return self.values_of(side, count)
        given = self._columns(side or {}, count)
        if len(given) == len(self.variables):
            return self.values_of(side, count)
        if not len(self.rows):
            raise lacking(self.variables)
        named = torch.tensor([one.name in given for one in self.variables], device=self.rows.device)
        held = named & torch.tensor([not one.is_number for one in self.variables], device=self.rows.device)
        wanted = torch.zeros(count, len(self.variables), dtype=self.rows.dtype, device=self.rows.device)
        for place, variable in enumerate(self.variables):
            if variable.name in given:
                wanted[:, place] = given[variable.name].to(wanted)
        drawn = torch.empty_like(wanted)
        categories, of_each = (wanted * held).unique(dim=0, return_inverse=True)
        for group, row in enumerate(categories):
            mine = (of_each == group).nonzero().squeeze(1)
            likely = self.counts * (self.rows * held == row).all(1)
            weights = likely if bool(likely.any()) else self.counts
            drawn[mine] = self.rows[torch.multinomial(weights, len(mine), replacement=True)]
        return torch.where(named, wanted, drawn)

    def config(self) -> dict[str, Any]:
        """What a saved model says of it, as JSON can hold it."""
        variables = [{"name": one.name, "categories": list(one.categories)} for one in self.variables]
        return {"to": list(self.parts), "variables": variables, "rows": len(self.rows)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "SideInput":
        """The same again, for its frequencies to be loaded."""
        variables = [SideVariable(one["name"], tuple(one["categories"])) for one in config["variables"]]
        return cls(variables, config["to"], config["rows"])

    def _columns(self, side: Mapping[str, Any], count: int) -> dict[str, Tensor]:
        """The columns of values that are given by name, each of shape (count,)."""
        columns = {}
        for name, values in side.items():
            variable = next((one for one in self.variables if one.name == name), None)
            if variable is None:
                raise UnknownName("variable beside x", name, [one.name for one in self.variables])
            several = listed(values)
            if several is not None and len(several) != count:
                raise BadData(f"{name}: expected one value, or {count:,}, one an example; got {len(several):,}.")
            read = [variable.value(one) for one in ([values] if several is None else several)]
            columns[name] = torch.tensor(read, dtype=torch.float64).expand(count)
        return columns

    def _checked(self, values: Tensor, count: int) -> Tensor:
        """Values as a data set has them, shape (count, V), once they have shown to be."""
        mine = len(self.variables)
        values = values.unsqueeze(1) if values.dim() == mine == 1 else values
        if values.dim() != 2 or len(values) != count or values.shape[1] < mine:
            raise BadData(
                f"Expected the values of {self.names} of {count} examples, shape ({count}, {mine}), got "
                f"{tuple(values.shape)}."
            )
        for place, variable in enumerate(self.variables):
            column, most = values[:, place], len(variable.categories)
            if not variable.is_number and not bool(
                ((column >= 0) & (column < most) & (column == column.round())).all()
            ):
                raise BadData(
                    f"{variable.name}: expected the place of a category, from 0 to {most - 1}; got others. By name "
                    f"they are given as side={{{variable.name!r}: ...}}."
                )
        return values


def values_for(taken: SideInput | None, side: SideValues | None, count: int, *parts: str) -> Tensor | None:
    """Values beside `count` examples, shape (count, V), where one of these parts of a model takes them; else None.

    Raises:
        Refused: The model takes nothing beside x, or lacks what it takes.
    """
    if taken is None:
        if side is not None:
            raise Refused("This model takes nothing beside x: leave side out.")
        return None
    return taken.values_of(side, count) if any(part in taken.parts for part in parts) else None


def begin_side(model: nn.Module, side: Side) -> None:
    """Let a model take up what trains: the frequencies of values beside x, and the scale of numbers."""
    for part in model.modules():
        if isinstance(part, SideInput | SideNumbers):
            part.begin(side)
        elif isinstance(part, TargetLikelihood):
            part.begin_side(side)


def listed(values: Any) -> list[Any] | None:
    """Several values as a list; None for one."""
    if isinstance(values, str) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
        return None
    return values.tolist() if hasattr(values, "tolist") else list(values)
