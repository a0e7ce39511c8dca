"""The prior of any model, given what stands beside x where it takes that."""

from typing import Any

from torch.distributions import Distribution


def prior_given_side(model: object) -> bool:
    """Whether a model's prior takes what stands beside x, by its attribute `prior_given_side`.

    Example:
        >>> import termwise as tw
        >>> prior_given_side(tw.VAE.build((4,), latent=2))
        False
    """
    return bool(getattr(model, "prior_given_side", False))


def prior_of(model: Any, side: Any) -> Distribution:
    """p(z), batch shape (); or of a model whose prior takes values beside x, shape (B, V), p(z|s), batch shape (B,).

    Example:
        >>> import termwise as tw
        >>> prior_of(tw.VAE.build((4,), latent=2), None).event_shape
        torch.Size([2])
    """
    law: Distribution = model.prior_law(side) if prior_given_side(model) else model.prior_law()
    return law
