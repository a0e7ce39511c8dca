"""A whole objective of one player as a function: any recipe without a critic, of posteriors, codes and log p(x|z)."""

import inspect
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.functional.given_draw import GivenDraw, Posterior
from termwise.functional.links import STRATIFIED, memory_from, size_of_data
from termwise.objectives.objective import Breakdown
from termwise.objectives.recipes import RECIPES
from termwise.terms.aggregate.memory import Memory
from termwise.terms.multi_sample import MultiSampleBound


def objective(
    recipe: str,
    posterior: Posterior,
    z: Tensor,
    log_likelihood: Tensor,
    prior: Distribution | None = None,
    *,
    dataset_size: int | None = None,
    aggregate: str | Memory = STRATIFIED,
    index: Tensor | None = None,
    side: Tensor | None = None,
    step: int = 0,
    run: int | None = None,
    **options: Any,
) -> Breakdown:
    """The loss of a recipe, such as "beta-tcvae", in nats, the batch's mean: to be made small; its terms beside it.

    Args:
        recipe: A row of `termwise.RECIPES` whose autoencoder plays alone.
        posterior: q(z|x) of the batch: a Distribution, or (mean, log variance).
        z: Codes drawn from it, shape (B, D), with their gradient.
        log_likelihood: log p(x|z) of each example, summed over what x is made of, shape (B,), with its gradient.
        prior: p(z); N(0, I) where left out.
        dataset_size, aggregate: What stands for q(z), as of `index_code_mi`, in recipes that have it.
        index: Which examples these are, shape (B,).
        side: What stands beside every example, shape (N,), int64, in recipes that have it.
        step: The training step, for schedules.
        run: How many steps there are, for schedules that last a share of them, such as that of "capacity".
        options: The recipe's own, such as beta=6.0.

    Returns:
        A breakdown: `total`, shape (), to call backward() on; `names` and `means` of its terms, unweighted.

    Raises:
        UnknownName: There is no such recipe, or option.
        Refused: It has a critic, draws several codes, or lacks something.

    Example:
        >>> import torch
        >>> mean, log_variance = torch.ones(8, 2), torch.zeros(8, 2)
        >>> loss = objective("beta-vae", (mean, log_variance), torch.zeros(8, 2), torch.full((8,), -3.0), beta=4.0)
        >>> loss.total, dict(zip(loss.names, loss.means))
        (tensor(7.), {'distortion': tensor(3.), 'rate': tensor(1.)})
    """
    memory = memory_from(aggregate)
    row = RECIPES[recipe]
    if "aggregate" in inspect.signature(row.maker).parameters:
        options["aggregate"] = memory
    if side is not None:
        if dataset_size not in (None, len(side)):
            raise Refused(
                f"Expected side of shape ({dataset_size},), one for every example of the data set; got {len(side):,}."
            )
        dataset_size = len(side)
    dataset_size = size_of_data(memory, dataset_size)
    game = row(**options)
    if len(game.players) > 1:
        brought = ", ".join(player.name for player in game.players[1:])
        raise Refused(
            f"The recipe {recipe} is a game of several ({brought}), and one function is no game: train() plays it, and "
            "termwise.functional has the players' losses."
        )
    parts = game.players[0].objective if run is None else game.over(run).players[0].objective
    if any(isinstance(part.term, MultiSampleBound) for part in parts.parts):
        raise Refused(f"The recipe {recipe} draws several codes of each example: take iwae_bound(log_weights).")
    groups = None if side is None else side.unique(return_inverse=True)[1]
    draw = GivenDraw(
        posterior, z, prior, index=index, dataset_size=dataset_size, groups=groups, log_likelihood=log_likelihood
    )
    return parts(draw, step)
