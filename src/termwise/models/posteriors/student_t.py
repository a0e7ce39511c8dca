"""The diagonal Student-t posterior: q(z|x) = prod_j t_df(z_j; mu_j(x), s_j(x)), with tails of a power."""

from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, StudentT

from termwise.errors import Refused
from termwise.values import PositiveFinite


class DiagonalStudentT(nn.Module):
    """mu_j + s_j t in every dimension, t with `df` degrees of freedom; features are [mu, log s].

    Args:
        latent: D.
        df: The degrees of freedom, the same for all, above 2: under them the variance, and with it the rate to a normal
            prior, has no end.

    Example:
        >>> import torch
        >>> DiagonalStudentT(1, df=4.0)(torch.zeros(1, 2)).variance  # df / (df - 2)
        tensor([[2.]])
    """

    name = "student-t"

    def __init__(self, latent: int, df: PositiveFinite = 5.0) -> None:
        super().__init__()
        if not df > 2:
            raise Refused(f"A Student-t posterior needs more than 2 degrees of freedom, or has no variance; got {df}.")
        self.latent, self.df = latent, df
        self.options: dict[str, Any] = {"df": df}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: 2 D."""
        return 2 * self.latent

    def forward(self, features: Tensor) -> Distribution:
        """q(z|x) from features of shape (B, 2 D)."""
        location, log_scale = features.chunk(2, dim=-1)
        heavy = StudentT(self.df, location, log_scale.exp(), validate_args=False)
        return Independent(heavy, 1, validate_args=False)
