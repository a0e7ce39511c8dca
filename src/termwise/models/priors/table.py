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

_HERE = "termwise.models.priors"

PRIORS = Makers(
    "prior",
    "termwise.priors",
    [
        Row("standard-normal", f"{_HERE}.standard_normal:StandardNormal", "N(0, I)"),
        Row("mixture", f"{_HERE}.mixture:MixturePrior", "so many normals, which learn", examples=("mixture:10",)),
        Row(
            "vamp",
            f"{_HERE}.vamp:VampPrior",
            "the average of the posteriors of so many pseudo-inputs, which learn (VampPrior)",
            examples=("vamp:500",),
        ),
        Row("flow", f"{_HERE}.flow:FlowPrior", "a normal bent by so many layers of splines, which learn", ("flow:4",)),
        Row("uniform", f"{_HERE}.uniform:UniformPrior", "categories or codewords, all alike"),
        Row(
            "autoregressive",
            f"{_HERE}.autoregressive:AutoregressivePrior",
            "codewords in order, each by a small transformer of those before it, which learns",
        ),
        Row("learned-categories", f"{_HERE}.categories:LearnedCategories", "categories whose probabilities learn"),
        Row(
            "conditional",
            f"{_HERE}.conditional:ConditionalPrior",
            "a normal that learns; of a block, or categories, made of the blocks that it is given",
        ),
        Row("blocks", "termwise.models.blocks:BlockPrior", "several blocks, each with a prior of its own"),
    ],
)
"""The priors by name; each makes a `Prior` of the number of latent dimensions, and options."""


def prior_from(
    prior: "str | Distribution | nn.Module | None", latent: int, options: Mapping[str, Any] | None = None
) -> "nn.Module":
    """The prior as a module, over codes of `latent` dimensions.

    Args:
        prior: Its name, alone or as "name:argument"; or a distribution or a module of the user's, as it is; N(0, I)
            where None.
        options: What the prior of this name takes, beside the argument.

    Raises:
        UnknownName: There is no such prior, or it has no such option.
        Refused: An option cannot be so, or the prior is not over codes of `latent` dimensions.

    Example:
        >>> prior_from("standard-normal", 3)().event_shape
        torch.Size([3])
        >>> prior_from("mixture:4", 3).options
        {'components': 4}
    """
    from torch import nn

    from termwise.models.priors.given import GivenPrior
    from termwise.models.priors.prior import PriorOfCodes, PriorOfPosteriors

    prior = "standard-normal" if prior is None else prior
    if options and not isinstance(prior, str):
        raise Refused(f"A prior of your own takes no options here; got {dict(options)}. Give it as it should be.")
    if isinstance(prior, str):
        module: nn.Module = PRIORS.from_spec(prior, latent, **(options or {}))
    else:
        module = prior if isinstance(prior, nn.Module) else GivenPrior(prior)
    if not isinstance(module, PriorOfPosteriors | PriorOfCodes):  # these are over codes as the posteriors are
        check_codes(module(), latent)
    return module


def check_codes(law: "Distribution", latent: int) -> None:
    """Raise Refused where a prior is not over codes of `latent` dimensions.

    Example:
        >>> from torch.distributions import Normal
        >>> check_codes(Normal(0.0, 1.0), 2)
        Traceback (most recent call last):
        termwise.errors.Refused: The prior must have batch shape () and event shape (2,); got () and ()...
    """
    if (law.batch_shape, law.event_shape) != ((), (latent,)):
        raise Refused(
            f"The prior must have batch shape () and event shape ({latent},); got {tuple(law.batch_shape)} and "
            f"{tuple(law.event_shape)}. Independent(..., 1) makes a batch of laws one event."
        )
