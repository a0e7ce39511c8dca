"""Whether a decoder uses what stands beside x: what an example gains by its own value of it.

    side_use = E[log p(x|z, s) - log p(x|z, s')]

with z a code of the example, and s' the value of another example, drawn at random among those that have another one.
A decoder that takes s and ignores it gains nothing.
"""

import torch
from torch import Tensor

from termwise.account.reading import AnyReading, reading_of_each
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.models.drawable import given_variables


def side_use(batches: DataPass, first: Draw) -> tuple[dict[str, AnyReading], dict[str, Tensor]]:
    """The readings of it and their values by example, shape (N,), or by variable, (N, V), where there are several.

    None of a model whose decoder takes nothing beside x, and none of values of which all examples have the same.

    Args:
        batches: The data through the model.
        first: A draw of some of them.
    """
    taken, side = given_variables(batches.model), batches.data.side
    if not taken or side is None or first.context is None or first.context is not first.side:
        return {}, {}
    columns = [list(range(len(taken)))] + [[place] for place in range(len(taken))] * (len(taken) > 1)
    values = side.values[:, : len(taken)]
    if any(len(values[:, some].unique(dim=0)) < 2 for some in columns):
        return {}, {}
    others = [_of_others(values[:, some]) for some in columns]
    gains = torch.cat([_gains(draw, columns, others) for draw in batches()])  # (N, 1 + V)
    found = {"side_use": gains[:, 0]}
    if len(taken) > 1:
        found["side_use_by_variable"] = gains[:, 1:]
    how = "Monte Carlo, at another example's value less at its own"
    return {name: reading_of_each(of, name, estimator=how, bias="unbiased") for name, of in found.items()}, found


def _of_others(values: Tensor) -> Tensor:
    """For each of N examples the values of another one, drawn at random of those whose values differ, shape (N, V)."""
    group = values.unique(dim=0, return_inverse=True)[1]
    order, counts = group.argsort(stable=True), group.bincount()
    start, own = (counts.cumsum(0) - counts)[group], counts[group]
    at = (torch.rand(len(values), dtype=torch.float64) * (len(values) - own)).long()
    return values[order[torch.where(at < start, at, at + own)]]


def _gains(draw: Draw, columns: list[list[int]], others: list[Tensor]) -> Tensor:
    """log p(x|z, s) - log p(x|z, s'), of every choice of variables in which s' is another's, shape (B, choices)."""
    own = draw.likelihood.log_prob(draw.target).cpu().double()
    assert draw.side is not None and draw.index is not None
    found = []
    for some, values in zip(columns, others, strict=True):
        swapped = draw.side.clone()
        swapped[:, some] = values[draw.index.cpu()].to(swapped)
        found.append(own - draw.model.generate(draw.z, swapped).log_prob(draw.target).cpu().double())
    return torch.stack(found, 1)
