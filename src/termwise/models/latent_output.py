"""What an autoencoder's output holds, by its attributes: diffusers', and whatever is made like it.

An encoder's output has a `latent_dist` with tensors `mean` and `logvar`, and a decoder's a tensor `sample`; without
`return_dict` the same stands alone in a tuple. An encoder whose output is points has no law to measure.
"""

from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused

POINTS = ("latents", "latent")
"""What an encoder's output calls codes that are points."""
NO_RATE = (
    "A code that is a point has an infinite rate against any prior with a density, so there is no ELBO to measure. "
    "Where noise of a known size is added to it, say so: encode=lambda x: torch.distributions.Normal(points(x), sigma)."
)
"""Why codes that are points are refused, and what would do."""


def latent_law(encoded: Any) -> Any:
    """The (mean, log variance) of an output that has a `latent_dist`, or that law itself; None of any other thing.

    Raises:
        Refused: The codes are points, which have no rate.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> law = SimpleNamespace(mean=torch.zeros(1, 2), logvar=torch.ones(1, 2))
        >>> latent_law(SimpleNamespace(latent_dist=law))
        (tensor([[0., 0.]]), tensor([[1., 1.]]))
    """
    law = getattr(encoded, "latent_dist", None)
    if law is None and isinstance(encoded, tuple) and len(encoded) == 1:
        law = encoded[0]
    if isinstance(law, Distribution):
        return law
    if getattr(law, "deterministic", False):
        raise Refused(f"encode() gave a {type(law).__name__} that is deterministic. {NO_RATE}")
    mean, log_variance = getattr(law, "mean", None), getattr(law, "logvar", None)
    if isinstance(mean, Tensor) and isinstance(log_variance, Tensor):
        return mean, log_variance
    points = [name for name in POINTS if isinstance(getattr(encoded, name, None), Tensor)]
    if points or (law is not None and not isinstance(law, Tensor)):
        what = f"a {type(encoded).__name__}, whose {points[0]} are" if points else f"a {type(law).__name__}, which is"
        raise Refused(f"encode() gave {what} points and no law. {NO_RATE}")
    return None


def decoded_of(decoded: Any) -> Any:
    """The tensor of an output that has one as `sample`, or alone in a tuple; anything else as it is.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> decoded_of(SimpleNamespace(sample=torch.zeros(2)))
        tensor([0., 0.])
    """
    if isinstance(decoded, tuple) and len(decoded) == 1:
        return decoded[0]
    sample = None if isinstance(decoded, Distribution) else getattr(decoded, "sample", None)
    return sample if isinstance(sample, Tensor) else decoded
