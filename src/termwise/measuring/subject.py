"""What the log p of a model is of, as an account says it: of how many numbers, given what; or of a target."""

import math
from typing import Any

from termwise.data.dataset import Dataset
from termwise.models.drawable import Drawable, given_variables, target_of


def subject_of(model: Drawable, data: Dataset) -> dict[str, Any]:
    """What an account's `data` says of it: log p of other things is neither better nor worse for being higher.

    Example:
        >>> import termwise as tw
        >>> digits = tw.load_data("digits", side="labels")
        >>> subject_of(tw.VAE.build((1, 8, 8), latent=2, side=digits.side), digits)
        {'entries': 64, 'given': ['labels']}
    """
    target, given = target_of(model), [one.name for one in given_variables(model)]
    of = {"entries": math.prod(data.shape)} if target is None else {"target": target.name}
    return {**of, **({"given": given} if given else {})}
