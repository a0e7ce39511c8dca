"""What unknowns that all examples share cost, once: the global sites of a program, such as a mean or a noise.

    ELBO of N examples = N elbo - shared_rate

where `elbo` is that of one example, given the shared unknowns, of which a batch has a draw.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from termwise.account.reading import AnyReading, reading_of_each


def readings_of_shared(rates: Mapping[str, Tensor]) -> dict[str, AnyReading]:
    """The readings of shared rates, by name: in all, and where there are several by site.

    Args:
        rates: Of each site: shape () in closed form, or the log ratio at every draw, shape (draws,); nats.

    Example:
        >>> found = readings_of_shared({"noise": torch.tensor(0.5), "mean": torch.tensor(1.5)})
        >>> found["shared_rate"].value, found["shared_rate_by_site"].value
        (2.0, [0.5, 1.5])
    """
    if not rates:
        return {}
    draws = max(rate.numel() for rate in rates.values())
    each = torch.stack([rate.expand(draws).double() for rate in rates.values()], 1)  # (draws, sites)
    how = "closed form" if draws == 1 else f"closed form where there is one, Monte Carlo of {draws} draws"
    bias = "exact; once for all examples" if draws == 1 else "unbiased; once for all examples"
    said: dict[str, str] = {"estimator": how, "bias": bias}
    found = {"shared_rate": reading_of_each(each.sum(1), "shared_rate", **said)}
    if len(rates) > 1:
        found["shared_rate_by_site"] = reading_of_each(each, "shared_rate_by_site", **said)
    return found
