"""The posterior of a ladder: what x says of a block, times what the prior says of it given the blocks before."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import Refused
from termwise.models.posteriors.diagonal_normal import DiagonalNormal


class LadderNormal(DiagonalNormal):
    """N(m, s^2) of x times the prior's normal, weighed by their precisions (Sonderby et al., 2016, eqs. 15-17).

    Features are [m, log s^2]. In a block the prior is the block's, given the blocks before it where it is conditional;
    of a code without blocks it is N(0, I). So a block of which x says nothing is as the prior has it.

    Example:
        >>> LadderNormal(1)(torch.tensor([[4.0, 0.0]])).mean  # N(4, 1) times N(0, 1)
        tensor([[2.]])
    """

    name = "ladder"

    def forward(self, features: Tensor, prior: Distribution | None = None) -> Distribution:
        """q(z|x) from features of shape (..., 2 D), and a prior of normals, batch shape (...).

        Raises:
            Refused: The prior is of something else than normals, each with a variance of its own.
        """
        mean, log_variance = features.chunk(2, dim=-1)
        base = Normal(torch.zeros_like(mean), torch.ones_like(mean), validate_args=False)
        if prior is not None:
            if not (isinstance(prior, Independent) and isinstance(prior.base_dist, Normal)):
                raise Refused(
                    f"A ladder's posterior is a normal times the prior's normal; this block's prior is a "
                    f'{type(prior).__name__}. Take prior = "conditional" or "standard-normal".'
                )
            base = prior.base_dist
        of_x, of_prior = (-log_variance).exp(), base.scale.pow(-2)
        precision = of_x + of_prior
        middle = (mean * of_x + base.loc * of_prior) / precision
        return Independent(Normal(middle, precision.rsqrt(), validate_args=False), 1, validate_args=False)
