"""What a model says of codes drawn from its prior."""

import math
from typing import Any

from torch.distributions import Distribution

from termwise.main_memory import check_fits
from termwise.models.distributions import one_each
from termwise.models.drawable import prior_of
from termwise.models.side_input import SideValues
from termwise.models.target import check_makes_examples


def law_of_samples(model: Any, count: int, side: SideValues | None = None) -> Distribution:
    """p(x|z) of codes of a VAE's prior, batch shape (count,).

    Args:
        model: The VAE.
        count: How many codes.
        side: What stands beside x, where decoder or prior takes it, or a block observes it; what is left out is drawn
            as training had it, beside what is given.

    Raises:
        Refused: The decoder says a target, and not x.
    """
    check_makes_examples(model)
    check_fits(4 * count * math.prod(model.shape), f"{count} samples")
    others = side if model.observed is None else model.observed.others(side)
    values = others if model.side is None or model.side.parts == ("encoder",) else model.side.drawn(others, count)
    z = one_each(prior := prior_of(model, values), count)
    codes = z if model.observed is None else model.observed.drawn(prior, z, side)
    law: Distribution = model.decode(codes, values)
    return law
