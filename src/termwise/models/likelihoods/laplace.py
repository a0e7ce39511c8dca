"""The Laplace likelihood: log p(x|z) = -|x - decoded|_1 / scale - n log(2 scale) for n pixels."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Laplace

from termwise.errors import Refused
from termwise.models.likelihoods.likelihood import Likelihood, over_examples


class LaplaceLikelihood(Likelihood):
    """x ~ Laplace(decoded, scale), independent in every dimension.

    Args:
        scale: The mean of |x - decoded|, the same for all dimensions.

    Example:
        >>> law = LaplaceLikelihood(0.5)(torch.zeros(1, 2))
        >>> law.log_prob(torch.tensor([[1.0, 0.0]])).item()  # -1 / 0.5 - 2 log(2 * 0.5)
        -2.0
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if not 0 < scale < math.inf:
            raise Refused(f"A Laplace likelihood needs a finite scale > 0; got {scale}.")
        self.scale = scale
        self.spec = f"laplace:{scale}"

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as its location, shape (B, *shape)."""
        return over_examples(Laplace(decoded, torch.full_like(decoded, self.scale), validate_args=False))
