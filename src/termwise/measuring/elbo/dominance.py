"""What dominates a term: a few examples of all, or one entry of x, that make up most of a mean.

Values v are compared with what is usual among them, their median m. A few dominate where they are most of how far
all are from it together, and where most of the mean is theirs,

    sum_few (v - m) > 1/2 sum_n |v_n - m|,        sum_few (v - m) / N > 1/2 |mean v|.

Of normal values, and of heavy tails as they usually are, a few make up a few hundredths.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Independent

from termwise.account import glossary
from termwise.data.columns import Column
from termwise.models.draw import Draw
from termwise.models.scaler import ScaledLaw

MOST = 0.5
"""The share from which a few are said to dominate."""
EXAMPLES = 16
"""Under so many examples, or values, none of them is a few of many."""
FEW = 3
"""How many examples are looked for at most, and never more than one in `EXAMPLES`."""
ENTRIES = 3
"""Under so many entries of x no one is told from the rest."""
APART = 10.0
"""How many times as far off as the next an entry must be."""
DEAR = 1.0
"""Nats that an entry must cost beyond what is usual."""


def dominating_examples(name: str, values: Tensor) -> str | None:
    """The sentence on a few examples that make up most of a reading; None where none do.

    Args:
        name: The reading's.
        values: By example, shape (N,).

    Example:
        >>> dominating_examples("rate", torch.tensor([3.0, 2.0] * 10 + [900.0]))
        'One example makes up most of the rate: number 20 has 900 nats, where half of all have 3 or less; ...'
    """
    values = values.double()
    if len(values) < EXAMPLES or not bool(values.isfinite().all()):
        return None
    typical = values.median()
    beyond, order = (values - typical).sort(descending=True)
    whole, mean = (values - typical).abs().sum(), values.mean().abs()
    most = min(FEW, len(values) // EXAMPLES)
    dominating = [c for c in range(1, most + 1) if _dominate(beyond[:c].sum(), whole, mean * len(values))]
    if not dominating:
        return None
    count = dominating[0]
    while count < most and beyond[count] > MOST * (whole - beyond[:count].sum()):  # what is left has its own
        count += 1
    few = order[:count].tolist()
    each = " and ".join(f"number {n} has {float(values[n]):,.4g}" for n in few)
    who = "One example makes" if count == 1 else f"{count} examples make"
    rest = float((values.sum() - values[few].sum()) / (len(values) - count))
    return (
        f"{who} up most of the {glossary.reading(name).title}: {each} nats, where half of all have "
        f"{float(typical):,.4g} or less; without {'it' if count == 1 else 'them'} the mean would be {rest:,.4g}, not "
        f"{float(values.mean()):,.4g}. Look at {'that example' if count == 1 else 'those examples'} (from 0): a fault "
        "of the data, or one that the model has never seen the like of."
    )


def _dominate(theirs: Tensor, whole: Tensor, total: Tensor) -> bool:
    return bool(theirs > MOST * whole) and bool(theirs > MOST * total)


def dominating_entry(draw: Draw, columns: tuple[Column, ...] = ()) -> str | None:
    """The sentence on one entry of x that makes up most of the distortion, of a batch; None where none does.

    Args:
        draw: Of the batch.
        columns: What the entries of x are, where x is a row of a table.
    """
    costs = _by_entry(draw)
    if costs is None or costs.shape[1] < ENTRIES or not bool(costs.isfinite().all()):
        return None
    means = costs.mean(0)
    which = _sole(means)
    if which is None or which != _sole(costs.median(0).values):  # the second is not by the doing of one example
        return None
    place = [int(at) for at in torch.unravel_index(torch.tensor(which), draw.x.shape[1:])]
    entry = f"column {place[0]} (from 0)" if len(place) == 1 else f"the entry at {tuple(place)} (from 0)"
    entry = f"column {columns[which].name!r}" if columns else entry
    return (
        f"One entry of x decides the distortion: {entry} costs {float(means[which]):,.4g} nats, where half of "
        f"all {costs.shape[1]} entries cost {float(means.median()):,.4g} or less, so that the others hardly count in "
        "what the model learns. Bring the entries of x to one scale, or leave this one out if it is noise."
    )


def _sole(costs: Tensor) -> int | None:
    """Which entry's cost, of shape (K,), makes up most of all, by itself; None where none does."""
    beyond, order = (costs - costs.median()).sort(descending=True)
    alone = beyond[0] > max(DEAR, APART * float(beyond[1]), MOST * float(beyond.abs().sum()))
    return int(order[0]) if alone else None


def _by_entry(draw: Draw) -> Tensor | None:
    """-log p(x_k|z) by example and entry of x, float64, shape (B, K); None where the likelihood is no product.

    Standardised entries are taken so: in their own units one may cost more for its unit alone.
    """
    law, x = draw.likelihood, draw.x
    if isinstance(law, ScaledLaw):
        law, x = law.base, draw.inputs
    while isinstance(law, Independent):
        law = law.base_dist
    if law.event_shape or len(law.batch_shape) < 2 or math.prod(law.batch_shape) != x.numel():
        return None
    there = ~draw.x.isnan().view(law.batch_shape)  # what is missing costs nothing
    costs: Tensor = -law.log_prob(x.nan_to_num().view(law.batch_shape))
    return costs.detach().double().where(there, 0.0).flatten(1)
