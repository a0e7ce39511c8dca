"""The law of the codes of every group of examples, of anything that can be measured."""

import torch

from termwise.api.model_and_data import Data, Measurable, beside, model_and_data
from termwise.api.on_device import on_device
from termwise.data.side import SideLike
from termwise.measuring.aggregates import GroupAggregates
from termwise.models.data_pass import Progress
from termwise.models.user_function import Trust
from termwise.values import Count, Seed, checked


@checked
def group_aggregates(
    model: Measurable,
    data: Data | None = None,
    *,
    side: SideLike | None = None,
    split: str | None = None,
    seed: Seed = 0,
    batch_size: Count = 512,
    device: torch.device | str = "cpu",
    trust: Trust = (),
    progress: Progress | None = None,
) -> GroupAggregates:
    """q(z|s) of every group of examples beside which the same stands, to ask the density of any code under any group.

    Args:
        model, data, split, seed, batch_size, device, trust, progress: As `measure` takes them.
        side: What stands beside x, and makes the groups, as `measure` takes it; of several variables, all that come
            together. What the data have beside them already, where left out.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> laws = group_aggregates(untrained, "digits", side="labels")
        >>> laws
        GroupAggregates(10 groups of 359 examples)
        >>> laws.log_ratio(["3", "5"], ["0", "6"]).log_ratio.shape
        torch.Size([359])
    """
    measured = model_and_data(model, data, split, seed, trust, side)
    examples, of = beside(measured.data, side)
    with on_device(measured.model, device):
        return GroupAggregates.of(
            measured.model, examples, side=of, batch_size=batch_size, device=device, progress=progress
        )
