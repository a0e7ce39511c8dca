"""The Student-t likelihood: log p(x|z) = sum_i log t_nu((x_i - decoded_i) / scale) - log scale, with one scale."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, StudentT
from torch.nn import functional as F

from termwise.errors import Refused
from termwise.models.likelihoods.likelihood import Likelihood, over_examples


class StudentTResiduals(StudentT):
    """Student-t laws of one nu, whose constant is exact for any nu."""

    def __init__(self, degrees: float, loc: Tensor, scale: Tensor) -> None:
        half = 0.5 * degrees
        self.constant = math.lgamma(half + 0.5) - math.lgamma(half) - 0.5 * math.log(degrees * math.pi)
        super().__init__(torch.full_like(loc, degrees), loc, scale.expand_as(loc), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats."""
        apart = ((value - self.loc) / self.scale).square() / self.df
        return self.constant - self.scale.log() - 0.5 * (self.df + 1) * apart.log1p()


class StudentTLikelihood(Likelihood):
    """x ~ decoded + scale t_nu, independent in every dimension, with one scale that learns: a normal of heavy tails.

    Args:
        degrees: nu > 0, how many degrees of freedom: the fewer, the further out x may lie; there is a mean above 1, and
            a variance above 2.

    Example:
        >>> law = StudentTLikelihood(1.0).eval()(torch.zeros(1, 2))  # a Cauchy of scale 1
        >>> round(law.log_prob(torch.tensor([[0.0, 1.0]])).item(), 3)  # -2 log pi - log 2
        -2.984
    """

    FLOOR = 1e-3

    def __init__(self, degrees: float = 4.0) -> None:
        super().__init__()
        if not 0 < degrees < math.inf:
            raise Refused(f"A Student-t likelihood needs degrees of freedom > 0, and finite; got {degrees}.")
        self.degrees = degrees
        self.spec = f"student-t:{degrees}"
        self.raw = nn.Parameter(torch.tensor(math.log(math.expm1(1.0))))

    def scale(self) -> Tensor:
        """The scale, never below `FLOOR`."""
        return F.softplus(self.raw) + self.FLOOR

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as its location, shape (B, *shape)."""
        return over_examples(StudentTResiduals(self.degrees, decoded, self.scale().to(decoded.dtype)))
