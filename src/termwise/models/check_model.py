"""Whether a rate and a distortion can be had of a model at all, before either is taken."""

from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.data_pass import DataPass, Pass, evaluating
from termwise.models.distributions import innermost
from termwise.models.draw import Draw
from termwise.models.drawable import generates, target_of
from termwise.models.finite import broken_examples, joined_masks, not_finite
from termwise.models.randomness import own_randomness
from termwise.models.supports import check_rate, check_support_of_data


def check_model(batches: Pass, rate: bool = True) -> None:
    """Raise where the laws that a model gives on its data are none, or cannot be compared; the first batch shows it.

    Args:
        batches: The data through the model, or what was handed in.
        rate: Whether a rate is asked for, and not what the decoder makes alone.

    Raises:
        NotFinite: The encoder or the decoder gives parameters that are not finite, or none that its law can have; or
            codes are not finite.
        Refused: The prior's parameters are none; or posterior and prior are over other values.
        BadData: The data are no values of the likelihood.

    Example:
        >>> import termwise as tw
        >>> from torch.distributions import Exponential, Independent
        >>> waiting = Independent(Exponential(torch.ones(2)), 1)
        >>> model = tw.adapt(lambda x: (x, x), prior=waiting)
        >>> check_model(DataPass(model, tw.load_data(torch.zeros(10, 2))))
        Traceback (most recent call last):
        termwise.errors.Refused: The rate is infinite: the posterior (Normal) is over real numbers, and the prior ...
    """
    with own_randomness(0), evaluating(batches.model):
        first = next(iter(batches()))
        if not first.z.isfinite().all():
            _refuse("The encoder gives codes", batches, lambda draw: {"": ~draw.z.isfinite().flatten(1).all(1)})
        if rate:
            _check_prior(first.prior)
            check_rate(first.posterior, first.prior)
        if not generates(batches.model):
            return
        if broken := broken_examples(first.likelihood):
            what = f"The decoder gives {' and '.join(broken)}"
            _refuse(what, batches, lambda draw: broken_examples(draw.likelihood))
        if rate and target_of(batches.model) is None and isinstance(batches, DataPass):
            check_support_of_data(first.likelihood, batches.data.value_range())


def _check_prior(prior: Distribution) -> None:
    """Raise Refused where the prior's parameters are none."""
    if broken := broken_examples(prior):
        raise Refused(
            f"The prior ({type(innermost(prior)).__name__}) has {' and '.join(broken)} that are not finite, or none "
            "that such a law can have."
        )


def _refuse(what: str, batches: Pass, broken: Callable[[Draw], dict[str, Tensor]]) -> NoReturn:
    """Raise NotFinite, once it is known of how many of all examples."""
    masks = joined_masks((broken(draw), len(draw)) for draw in batches())
    raise not_finite(what, torch.stack(list(masks.values())).any(0))
