"""What stands beside x in a loop, as columns of numbers that memory can hold; words by a number for each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.data.side import Side
from termwise.errors import Refused

BESIDE = "side "
"""What a column's name in memory begins with."""


class SideColumns:
    """The columns beside x of batch after batch, and the words that numbers stand for.

    Example:
        >>> sides = SideColumns()
        >>> kept = sides.columns({"batch": ["b", "a", "b"]}, 3)
        >>> kept["side batch"], sides.side(kept).variables[0].categories
        (tensor([0, 1, 0]), ('a', 'b'))
    """

    def __init__(self) -> None:
        self.words: dict[str, dict[str, int]] = {}

    def columns(self, side: Mapping[str, Any], count: int) -> dict[str, Tensor]:
        """One tensor of shape (B,) for each, by its name in memory.

        Raises:
            Refused: Not one value an example.
        """
        if not isinstance(side, Mapping):
            raise Refused(
                f'Expected what stands beside x by name, such as side={{"label": labels}}; got a {type(side).__name__}.'
            )
        return {f"{BESIDE}{name}": self._column(str(name), values, count) for name, values in side.items()}

    def _column(self, name: str, values: Any, count: int) -> Tensor:
        if isinstance(values, Tensor):
            column = values.detach()
        else:
            array = np.asarray(values)
            if array.dtype.kind in "SUO":
                places = self.words.setdefault(name, {})
                array = np.array(
                    [places.setdefault(str(one), len(places)) for one in array.reshape(-1)], dtype=np.int64
                )
            column = torch.from_numpy(np.ascontiguousarray(array))
        if column.shape != (count,):
            raise Refused(f"Expected {name} beside x as {count} values, one an example; got {tuple(column.shape)}.")
        return column

    def renumbered(self, tensors: Mapping[str, Tensor], words: Mapping[str, Mapping[str, int]]) -> dict[str, Tensor]:
        """Another process's columns, by the numbers that words have here; new ones get one."""
        found = dict(tensors)
        for name, places in words.items():
            mine = self.words.setdefault(name, {})
            table = [mine.setdefault(word, len(mine)) for word in places]
            if f"{BESIDE}{name}" in found:
                found[f"{BESIDE}{name}"] = torch.tensor(table)[found[f"{BESIDE}{name}"]]
        return found

    def side(self, tensors: Mapping[str, Tensor]) -> Side | None:
        """What stands beside x of the rows in memory; None where nothing does."""
        found = {
            name.removeprefix(BESIDE): self._values(name.removeprefix(BESIDE), of)
            for name, of in tensors.items()
            if name.startswith(BESIDE)
        }
        return Side.of(found) if found else None

    def _values(self, name: str, column: Tensor) -> Any:
        if name not in self.words:
            return column.cpu().numpy()
        words = list(self.words[name])
        return [words[place] for place in column.tolist()]
