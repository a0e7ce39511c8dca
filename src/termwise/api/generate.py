"""Examples that a model makes."""

import torch
from torch import Tensor

from termwise.api.model_and_data import Data, Measurable, model_alone, model_and_data
from termwise.api.on_device import on_device
from termwise.errors import Refused
from termwise.measuring.quality.examples import sample_batches
from termwise.models import VAE
from termwise.models.data_pass import evaluating, values_beside
from termwise.models.distributions import expected_example
from termwise.models.drawable import inferred, side_variables
from termwise.models.randomness import own_randomness
from termwise.models.samples import law_of_samples
from termwise.models.side_input import SideValues
from termwise.models.user_function import Trust
from termwise.values import Count, Seed, checked

AT_ONCE = 512
"""How many examples are decoded at a time."""


@checked
def generate(
    model: Measurable,
    count: Count = 64,
    *,
    side: SideValues | None = None,
    noise: bool = False,
    seed: Seed = 0,
    data: Data | None = None,
    device: torch.device | str = "cpu",
    trust: Trust = (),
) -> Tensor:
    """What the decoder says of codes drawn from the prior: expected examples, shape (count, *shape).

    Args:
        model: A model, a run, or the path of a run folder.
        count: How many.
        side: What stands beside x, where a VAE takes it: {"digit": 3}, or {"digit": [3, 5]}, one each. What is left
            out is drawn as training had it.
        noise: Whether they are drawn from p(x|z), and are not its mean: counts are whole then, and categories drawn.
        seed: Of the codes, and of the noise: the same for the same.
        data: Of an adapted model that takes something beside x, or has no prior of its own: its data.
        device: Where to decode.
        trust: As `measure` takes it.

    Example:
        >>> import termwise as tw
        >>> untrained = tw.VAE.build((1, 8, 8), latent=2, options={"hidden": [8]})
        >>> generate(untrained, 3).shape, bool(torch.equal(generate(untrained, 3), generate(untrained, 3)))
        (torch.Size([3, 1, 8, 8]), True)
    """
    maker = model_alone(model, trust)
    with on_device(maker, device), evaluating(maker), own_randomness(seed):
        if isinstance(maker, VAE):
            law = law_of_samples(maker, count, side)
            return (law.sample() if noise else expected_example(law)).cpu()
        if side is not None:
            raise Refused("Only a VAE of termwise's takes values beside x by name: leave side out, and give data.")
        known = (
            model_and_data(model, data, None, seed, trust).data if data is not None or side_variables(maker) else None
        )
        if known is not None:
            first = known.subset(torch.arange(1))
            inferred(maker, first.tensor().to(device), values_beside(maker, first))  # by which it knows its codes' size
        return torch.cat([part.cpu() for part in sample_batches(maker, known, count, noise, AT_ONCE, device)])
