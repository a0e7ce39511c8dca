"""What stands beside x, as networks take it: categories as zeros and a one, or embedded; numbers standardised."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from termwise.data.side import Side, SideVariable
from termwise.errors import Refused

MOST_ONE_HOT = 64
"""A variable of more categories is embedded: a layer over as many zeros would be nearly all of a small network."""


class SideNumbers(nn.Module):
    """Values beside x, shape (B, V), as numbers for a network, shape (B, S).

    A category of K becomes K zeros and ones; of more than 64, an embedding that is learnt with the network, of
    1.6 K^0.56 numbers and 50 at the most. A number is standardised by the mean and the deviation of what trains.

    Args:
        variables: What the values are of.

    Example:
        >>> numbers = SideNumbers([SideVariable("batch", ("a", "b", "c")), SideVariable("age")])
        >>> numbers.count, numbers(torch.tensor([[2.0, 0.5]])).tolist()
        (4, [[0.0, 0.0, 1.0, 0.5]])
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, variables: Sequence[SideVariable]) -> None:
        super().__init__()
        self.variables = tuple(variables)
        self.register_buffer("mean", torch.zeros(len(self.variables)))
        self.register_buffer("scale", torch.ones(len(self.variables)))
        sizes = [(len(variable.categories), _width(variable)) for variable in self.variables]
        self.embeddings = nn.ModuleList(
            nn.Embedding(of, width) if of > MOST_ONE_HOT else nn.Identity() for of, width in sizes
        )
        self.count = sum(width for _, width in sizes)

    def begin(self, side: Side) -> None:
        """Standardise numbers by what trains; of one that is always the same, the deviation is taken for 1."""
        self.take(*scales_of(side.values[:, : len(self.variables)], self.variables))

    def take(self, mean: Tensor, scale: Tensor) -> None:
        """Standardise by these means and deviations, shape (V,)."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def forward(self, values: Tensor) -> Tensor:
        """Shape (B, S), in the type of the network's numbers."""
        columns = []
        for place, (variable, embedding) in enumerate(zip(self.variables, self.embeddings, strict=True)):
            column = values[..., place]
            if variable.is_number:
                columns.append(((column - self.mean[place]) / self.scale[place]).unsqueeze(-1))
            elif isinstance(embedding, nn.Embedding):
                columns.append(embedding(column.long()))
            else:
                places = torch.arange(len(variable.categories), device=column.device)
                columns.append(column.unsqueeze(-1) == places)
        return torch.cat([column.to(self.mean.dtype) for column in columns], -1)


def scales_of(values: Tensor, variables: Sequence[SideVariable]) -> tuple[Tensor, Tensor]:
    """The mean and the deviation of every number of values beside x, shape (N, V): shape (V,) each; 0, 1 of categories.

    Example:
        >>> scales_of(torch.tensor([[1.0, 40.0], [0.0, 60.0]]), [SideVariable("sex", ("f", "m")), SideVariable("age")])
        (tensor([ 0., 50.]), tensor([ 1., 10.]))
    """
    mean, scale = values.mean(0), values.std(0, correction=0)
    numbers = torch.tensor([one.is_number for one in variables], device=values.device)
    return torch.where(numbers, mean, 0.0), torch.where(numbers & (scale > 0), scale, 1.0)


def lacking(variables: Sequence[SideVariable]) -> Refused:
    """That a model needs values of these variables, and how they are given.

    Example:
        >>> raise lacking([SideVariable("digit", ("3", "5"))])
        Traceback (most recent call last):
        termwise.errors.Refused: This model takes digit beside x, and got none. Give the values, such as ...
    """
    names, first = [variable.name for variable in variables], variables[0]
    one = "0.0" if first.is_number else repr(first.categories[-1])
    return Refused(
        f"This model takes {', '.join(names)} beside x, and got none. Give the values, such as "
        f"side={{{first.name!r}: {one}}}, or data that has them: load_data(..., side={names})."
    )


def _width(variable: SideVariable) -> int:
    """How many numbers a variable becomes."""
    count = len(variable.categories)
    return count if 0 < count <= MOST_ONE_HOT else 1 if variable.is_number else min(50, math.ceil(1.6 * count**0.56))
