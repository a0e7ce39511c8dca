"""The walk over channels: of codes at one place, whichever it is, from an example's own to the prior.

    q(c) = 1/(N P) sum_(n, p) q(z_(., p) | x_n)

is the law of the C numbers of a code at a place p drawn at random, of an example drawn at random: positions are
samples. Its links are those of any walk, with pairs of an example and a place in the place of examples,

    rate_at_a_place     = channel_mi + channel_marginal_kl
    channel_marginal_kl = channel_total_correlation + channel_dimension_wise_kl

so that channel_mi is what a code at a place says of which example and which place it is of, and the total correlation
is how far channels depend on each other, over examples and places together. A part of the places of each example,
chosen at random, stands for all; errors are by example, whose places go together.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from termwise.account.reading import Reading, reading_of
from termwise.data.load import load_data
from termwise.measuring.elbo.measure import measure
from termwise.models.adapters import adapt
from termwise.models.data_pass import Progress

LINKS = {
    "index_code_mi": "channel_mi",
    "marginal_kl": "channel_marginal_kl",
    "total_correlation": "channel_total_correlation",
    "dimension_wise_kl": "channel_dimension_wise_kl",
}
"""What the links of the walk over channels are called, by those of a walk over codes."""
NEAR = 1.0
"""So near to the log of how many pairs there are, in nats, the index-code information only counts them."""


def channel_walk(kept: Tensor, seed: int, progress: Progress | None = None) -> tuple[list[Reading], Sequence[str]]:
    """The links of the walk over channels, and a sentence where pairs are too few for them.

    Args:
        kept: Mean and variance of the codes at some places of each example, shape (N, k, 2 C); the prior is N(0, I).
        seed: Of the codes that are drawn.
        progress: Told how far it is.
    """
    examples, places, width = kept.shape
    pairs = kept.float().reshape(-1, width)
    model = adapt(lambda rows: (rows[:, : width // 2], rows[:, width // 2 :].log()))
    data = load_data(pairs, name="places").subset(torch.arange(len(pairs)))
    account = measure(model, data, seed=seed, progress=progress)
    known = {name: account.per_example[name].view(examples, places).mean(1) for name in ("rate", *LINKS)}
    whole = f"exact aggregate of {places} places of each of the {examples:,} examples"
    readings = [
        reading_of(known["rate"], "rate_at_a_place", estimator="closed form", bias="exact for every x"),
        *(
            reading_of(known[name], own, estimator="Monte Carlo, full aggregate over examples and places", bias=whole)
            for name, own in LINKS.items()
        ),
    ]
    most, told = math.log(len(pairs)), float(known["index_code_mi"].mean())
    if told < most - NEAR:
        return readings, ()
    return readings, (
        f"{len(pairs):,} codes at places are too few for {width // 2} channels: channel_mi is {told:.2f} nats of at "
        f"most log {len(pairs):,} = {most:.2f}, so that it counts them, and channel_marginal_kl and "
        "channel_total_correlation are too large by what it lacks. Read channel_gaussian_tc, which needs moments "
        "alone; or give more examples.",
    )
