"""A prior meets the model that it is of, once: its posterior family, and what an example is."""

from torch import nn

from termwise.errors import Refused
from termwise.models.priors.prior import PriorOfCodes, PriorOfPosteriors, PriorOfSide
from termwise.models.priors.table import check_codes
from termwise.models.side_input import SideInput


def meet_model(
    prior: nn.Module, family: object, latent: int, shape: tuple[int, ...], side: SideInput | None = None
) -> None:
    """Let a prior take what it asks of a model.

    Args:
        prior: Any; most ask for nothing.
        family: The posterior family.
        latent: D.
        shape: Of an example.
        side: What the model takes beside x, if anything.

    Raises:
        Refused: The prior cannot be of this model.

    Example:
        >>> from termwise.models.posteriors import posterior_family
        >>> from termwise.models.priors import prior_from
        >>> prior = prior_from("learned-categories", 12)
        >>> meet_model(prior, posterior_family("categorical", 12, {"positions": 3}), 12, (4,))
        >>> prior.logits.shape
        torch.Size([3, 4])
    """
    if isinstance(prior, PriorOfPosteriors):
        prior.meet(shape)
        if side is not None and "encoder" in side.parts:
            raise Refused(
                "This prior is made of posteriors at examples that it learns, beside which nothing stands: take "
                "another prior, such as mixture or flow, or side_to = ['decoder']."
            )
    if isinstance(prior, PriorOfCodes):
        prior.meet_posterior(family)
        check_codes(prior(), latent)
    if side is not None and "prior" in side.parts:
        if not isinstance(prior, PriorOfSide):
            raise Refused(
                f"The prior is to take {side.names}, and this one takes nothing beside x: say prior = 'conditional', a "
                "normal given what stands beside x, or leave prior out of side_to. One of your own has "
                "meet_side(numbers) and forward(side), as `PriorOfSide` says."
            )
        prior.meet_side(side.numbers())
        law = prior(side.trial(2)["prior"])
        if (law.batch_shape, law.event_shape) != ((2,), (latent,)):
            raise Refused(
                f"The prior given what stands beside x must have batch shape (2,) for two examples and event shape "
                f"({latent},); got {tuple(law.batch_shape)} and {tuple(law.event_shape)}."
            )
