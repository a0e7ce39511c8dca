"""The normal likelihood: log p(x|z) = -|x - decoded|^2 / (2 sigma^2) - n log(sigma sqrt(2 pi)) for n pixels."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal
from torch.nn import functional as F

from termwise.errors import Refused, UnknownName
from termwise.models.likelihoods.likelihood import Likelihood, over_examples


class NormalLikelihood(Likelihood):
    """x ~ N(decoded, sigma^2 I), with one sigma for all dimensions.

    Args:
        sigma: A number (fixed), "learned" (a parameter), or "optimal": in training the maximum likelihood sigma of the
            batch (Rybkin, Daniilidis and Levine, 2021, eq. 7); in evaluation that of all training data, where `fit`
            has seen it, as in every training here, and else its running root mean square. None falls below `FLOOR`,
            so that a density cannot run off to infinity.

    Example:
        >>> law = NormalLikelihood(0.1)(torch.zeros(1, 2))
        >>> round(law.log_prob(torch.tensor([[0.1, 0.0]])).item(), 4)  # -1/2 - 2 log(0.1 sqrt(2 pi))
        2.2673
    """

    FLOOR = 1e-3
    MOMENTUM = 0.05

    raw: Tensor
    mean_square: Tensor
    batches: Tensor

    def __init__(self, sigma: float | Literal["learned", "optimal"] = "optimal") -> None:
        super().__init__()
        if isinstance(sigma, str) and sigma not in ("learned", "optimal"):
            raise UnknownName("sigma", sigma, ("learned", "optimal", "0.1 (any positive number)"))
        if not isinstance(sigma, str) and not 0 < sigma < math.inf:
            raise Refused(f"A normal likelihood needs a finite sigma > 0; got {sigma}.")
        self.sigma = sigma
        self.spec = f"normal:{sigma}"
        if sigma == "learned":
            self.raw = nn.Parameter(torch.tensor(math.log(math.expm1(1.0))))
        if sigma == "optimal":
            self.register_buffer("mean_square", torch.ones(()))
            self.register_buffer("batches", torch.zeros(()))

    def scale(self) -> Tensor | float:
        """Sigma as it is outside of training."""
        if self.sigma == "learned":
            return F.softplus(self.raw) + self.FLOOR
        if self.sigma == "optimal":
            return self.mean_square.sqrt().clamp(min=self.FLOOR)
        return float(self.sigma)

    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set an optimal sigma to the root mean square residual of decoded codes and their examples."""
        if self.sigma != "optimal":
            return
        total, count = 0.0, 0
        for decoded, x in pairs:
            there = int((~x.isnan()).sum())  # what is missing is no residual
            total, count = total + there * float((x - decoded).square().nanmean()), count + there
        self.mean_square.fill_(max(total / count, self.FLOOR**2))

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as its mean, shape (B, *shape)."""
        if self.sigma == "optimal" and self.training:
            return OptimalNormal(decoded, self)
        scale = torch.as_tensor(self.scale(), dtype=decoded.dtype, device=decoded.device)
        return over_examples(Normal(decoded, scale.expand_as(decoded), validate_args=False))


class OptimalNormal(Distribution):
    """A normal whose sigma is the batch's own root mean square residual.

    Sigma is held fixed under the gradient, which is exact: at the optimum the derivative in sigma is zero.
    """

    arg_constraints = {}  # noqa: RUF012
    gaps = False
    """Whether entries may be missing, nan, which are then left out."""

    def __init__(self, loc: Tensor, likelihood: NormalLikelihood) -> None:
        self.loc, self.likelihood = loc, likelihood
        super().__init__(loc.shape[:1], loc.shape[1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The decoder's output, shape (B, *shape)."""
        return self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """log N(value; loc, s^2 I) with s^2 the mean squared residual over the batch, shape (B,)."""
        there = ~value.isnan() if self.gaps else None
        known = value if there is None else value.where(there, self.loc.detach())
        squares = (known - self.loc).square().flatten(1)
        count = squares.shape[1] if there is None else there.flatten(1).sum(1)
        like = self.likelihood
        mean = squares.detach().mean() if there is None else squares.detach().sum() / there.sum().clamp(min=1)
        variance = mean.clamp(min=like.FLOOR**2)
        momentum = torch.maximum(1 / (like.batches + 1), torch.full_like(like.batches, like.MOMENTUM))
        like.mean_square.lerp_(variance.to(like.mean_square.dtype), momentum)
        like.batches.add_(1)
        constant = 0.5 * count * torch.log(2 * math.pi * variance)
        return -0.5 * squares.sum(1) / variance - constant
