"""The table of priors: a row alone makes one known to the configuration, to help, to errors and to every test.

To add one: its file here, and a row. Nothing here imports torch, so that a list of names is quick.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from termwise.errors import Refused
from termwise.registry import Makers, Row

if TYPE_CHECKING:
    from torch import nn
    from torch.distributions import Distribution

PRIORS = Makers(
    "prior",
    "termwise.priors",
    [Row("standard-normal", "termwise.models.priors.standard_normal:StandardNormal", "N(0, I)")],
)
"""The priors by name; each makes a `Prior` of the number of latent dimensions, and options."""


def prior_from(
    prior: "str | Distribution | nn.Module | None", latent: int, options: Mapping[str, Any] | None = None
) -> "nn.Module":
    """The prior as a module, over codes of `latent` dimensions.

    Args:
        prior: Its name; or a distribution or a module of the user's, as it is; N(0, I) where None.
        options: What the prior of this name takes.

    Raises:
        UnknownName: There is no such prior, or it has no such option.
        Refused: An option cannot be so, or the prior is not over codes of `latent` dimensions.

    Example:
        >>> prior_from("standard-normal", 3)().event_shape
        torch.Size([3])
    """
    from torch import nn

    from termwise.models.priors.given import GivenPrior

    prior = "standard-normal" if prior is None else prior
    if options and not isinstance(prior, str):
        raise Refused(f"A prior of your own takes no options here; got {dict(options)}. Give it as it should be.")
    if isinstance(prior, str):
        module: nn.Module = PRIORS.build(prior, latent, **(options or {}))
    else:
        module = prior if isinstance(prior, nn.Module) else GivenPrior(prior)
    law = module()
    if (law.batch_shape, law.event_shape) != ((), (latent,)):
        raise Refused(
            f"The prior must have batch shape () and event shape ({latent},); got {tuple(law.batch_shape)} and "
            f"{tuple(law.event_shape)}. Independent(..., 1) makes a batch of laws one event."
        )
    return module
