"""A prior meets the model that it is of, once: its posterior family, and what an example is."""

from torch import nn

from termwise.errors import Refused
from termwise.models.priors.prior import PriorOfCodes, PriorOfPosteriors
from termwise.models.priors.table import check_codes


def meet_model(prior: nn.Module, family: object, latent: int, shape: tuple[int, ...], given_side: bool) -> None:
    """Let a prior take what it asks of a model.

    Args:
        prior: Any; most ask for nothing.
        family: The posterior family.
        latent: D.
        shape: Of an example.
        given_side: Whether the encoder takes what stands beside x.

    Raises:
        Refused: The prior cannot be of this model.

    Example:
        >>> from termwise.models.posteriors import posterior_family
        >>> from termwise.models.priors import prior_from
        >>> prior = prior_from("learned-categories", 12)
        >>> meet_model(prior, posterior_family("categorical", 12, {"positions": 3}), 12, (4,), given_side=False)
        >>> prior.logits.shape
        torch.Size([3, 4])
    """
    if isinstance(prior, PriorOfPosteriors):
        prior.meet(shape)
        if given_side:
            raise Refused(
                "This prior is made of posteriors at examples that it learns, beside which nothing stands: take "
                "another prior, such as mixture or flow, or side_to = ['decoder']."
            )
    if isinstance(prior, PriorOfCodes):
        prior.meet_posterior(family)
        check_codes(prior(), latent)
