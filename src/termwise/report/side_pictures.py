"""What a decoder makes of values beside x: of the same codes at each, and of held-out examples at others than theirs.

    made at s         g(z_c, s)        codes z_c ~ p(z), one a column
    carried over      g(m_n, s)        m_n the centre of q(z|x_n, s_n), of a held-out example a column

where g gives the expected example. One variable takes a value a row; the others stay as they are beside the column's
held-out example.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.account.rounding import with_error
from termwise.data.side import SideVariable
from termwise.models.distributions import centre, expected_example, one_each
from termwise.models.drawable import Drawable, inferred, prior_of
from termwise.models.randomness import own_randomness

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Where a number beside x is shown."""

MOST_VALUES, MOST_SHOWN, MOST_COLUMNS = 12, 24, 12
"""So many values of a variable are shown at the most, of all variables together, and so many codes at each."""

MOST_PIXELS = 2**18
"""Numbers of a grid, so that a page with two of them stays light; a grid has four columns at the least."""


@dataclass(frozen=True)
class AtValue:
    """One variable beside x at one value: a row of a grid.

    Attributes:
        place: Of the variable, among those that the model takes.
        value: The number that stands for it, as `Side.values` has it.
        label: In words, such as "labels 3" or "age 41.5".
    """

    place: int
    value: float
    label: str


@dataclass(frozen=True)
class SidePictures:
    """Images at values beside x, one row a value.

    Attributes:
        rows: What each row is at.
        names: What the variables shown are called.
        made: The same codes of the prior at every value, shape (rows, columns, *shape).
        originals: Held-out examples, shape (columns, *shape).
        carried: The same, encoded with their own values and decoded with each, shape (rows, columns, *shape).
        left_out: How many values are not shown.
    """

    rows: tuple[AtValue, ...]
    names: tuple[str, ...]
    made: np.ndarray
    originals: np.ndarray
    carried: np.ndarray
    left_out: int


def values_shown(variables: Sequence[SideVariable], beside: Tensor) -> tuple[list[AtValue], int]:
    """The rows of a grid, and how many values are left out: the most frequent categories, and numbers at quantiles.

    Args:
        variables: What the model takes.
        beside: The values beside the examples at hand, shape (N, V).

    Example:
        >>> rows, left_out = values_shown([SideVariable("kind", ("a", "b"))], torch.tensor([[0.0], [1.0], [1.0]]))
        >>> [(row.label, row.value) for row in rows], left_out
        ([('kind a', 0.0), ('kind b', 1.0)], 0)
    """
    rows: list[AtValue] = []
    left_out = 0
    for place, variable in enumerate(variables):
        column = beside[:, place].cpu().double()
        if variable.is_number:
            at = column.quantile(torch.tensor(QUANTILES, dtype=torch.float64)).unique().tolist()
            mine = [AtValue(place, value, f"{variable.name} {with_error(value)}") for value in at]
        else:
            counts = column.long().bincount(minlength=len(variable.categories))
            frequent = counts.argsort(descending=True, stable=True)[:MOST_VALUES].sort().values.tolist()
            mine = [AtValue(place, float(k), f"{variable.name} {variable.categories[k]}") for k in frequent]
            left_out += len(variable.categories) - len(frequent)
        if len(rows) + len(mine) > MOST_SHOWN:
            left_out += len(mine)
        elif len(mine) > 1:
            rows += mine
    return rows, left_out


def side_pictures(model: Drawable, variables: Sequence[SideVariable], x: Tensor, beside: Tensor) -> SidePictures | None:
    """Images at other values beside x; None where no variable has two values.

    Args:
        model: Whose decoder takes them.
        variables: What they are of.
        x: Held-out examples, images, shape (n, *shape).
        beside: The values beside all that are held out, those of x first, shape (N, V).
    """
    rows, left_out = values_shown(variables, beside)
    if not rows:
        return None
    fits = MOST_PIXELS // (len(rows) * x[0, ..., :, :].numel())
    columns = min(len(x), MOST_COLUMNS if x.shape[-1] <= 32 else 8, max(4, fits))
    x, own = x[:columns], beside[:columns]
    posterior, _ = inferred(model, x, own)
    return SidePictures(
        rows=tuple(rows),
        names=tuple(dict.fromkeys(variables[row.place].name for row in rows)),
        made=at_values(model, None, own, rows),
        originals=x.double().numpy(),
        carried=at_values(model, centre(posterior), own, rows),
        left_out=left_out,
    )


def swept(
    model: Drawable, variables: Sequence[SideVariable], x: Tensor, beside: Tensor, steps: int
) -> dict[str, np.ndarray]:
    """What one example's code is decoded to while one variable beside x moves, shape (steps, *shape), by its label.

    A number goes from its 2.5% quantile to its 97.5%, a variable of categories through them.

    Args:
        model: Whose decoder takes them.
        variables: What they are of.
        x: The example, shape (1, *shape).
        beside: The values beside all that are held out, its own first, shape (N, V).
        steps: How many stops there are.
    """
    posterior, _ = inferred(model, x, beside[:1])
    code, walks = centre(posterior), {}
    for place, variable in enumerate(variables):
        if variable.is_number:
            low, high = beside[:, place].double().quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
            stops = torch.linspace(low, high, steps, dtype=torch.float64)
            label = f"{variable.name}, {with_error(low)} to {with_error(high)}"
        else:
            stops = torch.linspace(0, len(variable.categories) - 1, steps).round()
            label = f"{variable.name}, {variable.categories[0]} to {variable.categories[-1]}"
        if bool((stops != stops[0]).any()):
            rows = [AtValue(place, float(stop), label) for stop in stops]
            walks[label] = at_values(model, code, beside[:1], rows)[:, 0]
    return dict(list(walks.items())[:MOST_VALUES])


def at_values(model: Drawable, z: Tensor | None, own: Tensor, rows: Sequence[AtValue]) -> np.ndarray:
    """What is decoded of codes z, shape (B, D), one variable after the other set to the value of each row.

    Args:
        model: Whose decoder takes values beside x.
        z: The codes; where left out, of the prior, by the same noise at each value.
        own: The values that the other variables keep, shape (B, V).
        rows: At what.

    Returns:
        Shape (rows, B, *shape).
    """
    made, seed = [], int(torch.randint(2**31, ()))
    for row in rows:
        asked = own.clone()
        asked[:, row.place] = row.value
        with own_randomness(seed):
            codes = one_each(prior_of(model, asked), len(asked)) if z is None else z
        law: Distribution = model.generate(codes, asked)
        made.append(expected_example(law))
    return torch.stack(made).double().numpy()
