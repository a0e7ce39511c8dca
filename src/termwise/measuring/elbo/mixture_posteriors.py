"""Posteriors as the components of q(z): each a normal, or a mixture of K normals with weights of its own.

    q(z|x_n) = sum_k w_nk N(z; mu_nk, Sigma_nk)

The sums over components in `terms.mixture` weigh all alike. A weight becomes a last coordinate, at which every code is
0 and the component has standard deviation 1 and mean sqrt(-2 log w):

    log N((z, 0); (mu, sqrt(-2 log w)), diag(Sigma, 1)) = log w + log N(z; mu, Sigma) - 1/2 log 2 pi.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, MultivariateNormal, Normal

from termwise.models.codes import Codes
from termwise.models.tensor_dataclasses import map_fields
from termwise.terms.aggregate.clustered import Clusters, clusters_pay
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.gaussians import LOG_2PI
from termwise.terms.aggregate.mixture import SURE, Gaussians, LogWeights, gaussians, log_density, marginal_log_density

NEARLY_ALONE = math.log(0.99)  # log share of the own example over which the others are summed on their own
LEAST = -500.0
"""The log weight under which a component cannot count."""


@dataclass(frozen=True)
class NormalPosteriors:
    """The normals of N examples' posteriors, K for every example.

    Attributes:
        log_weight: log w, shape (N, K).
        mean: mu, shape (N, K, D).
        spread: Standard deviations, shape (N, K, D), or lower Cholesky factors, (N, K, D, D).
    """

    log_weight: Tensor
    mean: Tensor
    spread: Tensor

    @staticmethod
    def takes(posterior: Distribution) -> bool:
        """Whether posteriors are normals, or mixtures of normals."""
        mixed = isinstance(posterior, MixtureSameFamily)
        one = posterior.component_distribution if isinstance(posterior, MixtureSameFamily) else posterior
        normal = isinstance(one, Independent) and isinstance(one.base_dist, Normal)
        flat = len(one.event_shape) == 1 and len(one.batch_shape) == 1 + mixed
        return flat and (normal or isinstance(one, MultivariateNormal))

    @classmethod
    def of(cls, posterior: Distribution) -> "NormalPosteriors":
        """The components of a batch of posteriors, batch shape (N,), event shape (D,).

        Raises:
            TypeError: They are neither normals nor mixtures of normals (`takes`).
        """
        if not isinstance(posterior, MixtureSameFamily):
            one = gaussians(posterior)
            return cls(one.mean.new_zeros(len(one), 1), one.mean.unsqueeze(1), one.spread.unsqueeze(1))
        parts = posterior.component_distribution
        log_weight = posterior.mixture_distribution.logits.log_softmax(-1).clamp(min=LEAST).detach()
        if isinstance(parts, MultivariateNormal):
            return cls(log_weight, parts.loc.detach(), parts.scale_tril.detach())
        if isinstance(parts, Independent) and isinstance(parts.base_dist, Normal):
            return cls(log_weight, parts.base_dist.loc.detach(), parts.base_dist.scale.detach())
        raise TypeError(f"Expected normals or mixtures of normals; got {type(posterior).__name__}.")

    @classmethod
    def joined(cls, several: Sequence["NormalPosteriors"]) -> "NormalPosteriors":
        """The components of all their examples, in order."""
        return map_fields(torch.cat, several)

    def __len__(self) -> int:
        return len(self.mean)

    def at(self, rows: Tensor) -> "NormalPosteriors":
        """The components of the examples at these rows."""
        return NormalPosteriors(self.log_weight[rows], self.mean[rows], self.spread[rows])

    def summed(self) -> "NormalSum | MixtureSum":
        """The sum over them: of normals where every example has one, else of mixtures."""
        return NormalSum(self) if self.mean.shape[1] == 1 else MixtureSum(self)

    @property
    def most(self) -> float:
        """Of normals any number."""
        return math.inf

    @property
    def device(self) -> torch.device:
        """Where their numbers are held."""
        return self.mean.device

    @property
    def width(self) -> int:
        """The dimensions of a code: each number is one."""
        return self.mean.shape[-1]

    def marginals(self) -> Independent:
        """prod_j q(z_j|x): batch shape (N,), event shape (D,)."""
        loc, scale = self.mean.mT, self.scale.mT  # (N, D, K)
        if loc.shape[-1] == 1:
            one: Distribution = Normal(loc.squeeze(-1), scale.squeeze(-1), validate_args=False)
        else:
            shares = Categorical(logits=self.log_weight.unsqueeze(1).expand(loc.shape), validate_args=False)
            one = MixtureSameFamily(shares, Normal(loc, scale, validate_args=False), validate_args=False)
        return Independent(one, 1, validate_args=False)

    @property
    def means(self) -> Tensor:
        """E[z|x], shape (N, D)."""
        return (self.log_weight.exp().unsqueeze(-1) * self.mean).sum(1)

    @property
    def scale(self) -> Tensor:
        """Standard deviations by dimension, shape (N, K, D)."""
        if self.spread.dim() == 3:
            return self.spread
        return torch.linalg.vector_norm(self.spread, dim=-1, dtype=torch.float64).to(self.spread.dtype)

    def flat(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, shape (N K,), means, (N K, D), and variances, (N K, D), or covariances; float64."""
        spread = self.spread.double().flatten(0, 1)
        covariance = spread.square() if spread.dim() == 2 else spread @ spread.mT
        return self.log_weight.double().exp().flatten(), self.mean.double().flatten(0, 1), covariance


class NormalSum:
    """sum_m q(z|x_m) and sum_m q(z_j|x_m) of examples whose posteriors are normals, one of them left out."""

    def __init__(self, components: NormalPosteriors) -> None:
        self.one = Gaussians(components.mean.squeeze(1), components.spread.squeeze(1))
        self.log_marginals = log_marginals(self.one)

    @cached_property
    def clusters(self) -> Clusters:
        """The normals in clusters, of which those that cannot count are passed over."""
        return Clusters(self.one)

    def joint(self, codes: Codes, place: Tensor) -> Tensor:
        """Its log, shape (B,), without the example at `place`, shape (B,); -1 where all count."""
        if clusters_pay(len(codes), self.one):
            return self.clusters.log_density(codes, without(place)).double()
        return log_density(codes, self.one, without(place), tolerance=SURE).double()

    def by_dimension(self, codes: Codes, place: Tensor, own: Tensor) -> Tensor:
        """Its log by dimension, shape (B, D); `own` is log q(z_j|x) of the example left out, shape (B, D)."""
        total = self.log_marginals(codes).double() + math.log(len(self.one))
        here = place >= 0
        share = own[here].double() - total[here]
        total[here] += torch.log1p(-share.clamp(max=NEARLY_ALONE).exp())
        alone = (share > NEARLY_ALONE).any(1)
        if alone.any():
            rows = here.nonzero().squeeze(1)[alone]
            total[rows] = marginal_log_density(codes[rows], self.one, without(place[rows])).double()
        return total


class MixtureSum:
    """The same two sums of examples whose posteriors are mixtures, whose weights become a last coordinate."""

    def __init__(self, components: NormalPosteriors) -> None:
        c = components
        weight = (-2 * c.log_weight.clamp(max=0)).sqrt().unsqueeze(-1)  # (N, K, 1)
        one = torch.ones_like(weight)
        spread = torch.cat([c.spread, one], -1) if c.spread.dim() == 3 else _bordered(c.spread)
        mean = torch.cat([c.mean, weight], -1)
        self.whole = [Gaussians(*of) for of in zip(mean.unbind(1), spread.unbind(1), strict=True)]
        self.lines = [
            [Gaussians(*of) for of in zip(m.unbind(1), s.unbind(1), strict=True)]
            for m, s in (
                (torch.cat([c.mean[..., j, None], weight], -1), torch.cat([c.scale[..., j, None], one], -1))
                for j in range(c.mean.shape[-1])
            )
        ]

    def joint(self, codes: Codes, place: Tensor) -> Tensor:
        """The log of the sum, shape (B,), without the example at `place`, as of normals."""
        return _summed(codes, self.whole, place)

    def by_dimension(self, codes: Codes, place: Tensor, own: Tensor) -> Tensor:
        """Its log by dimension, shape (B, D), as of normals; `own` is not needed."""
        return torch.stack(
            [_summed(codes.columns(slice(j, j + 1)), line, place) for j, line in enumerate(self.lines)], 1
        )


def _summed(codes: Codes, groups: list[Gaussians], place: Tensor) -> Tensor:
    """log of the sum over groups of which each has one component an example, shape (B,)."""
    last = codes.centre.new_zeros(len(codes), 1)
    weighed = Codes(torch.cat([codes.centre, last], 1), torch.cat([codes.offset, last], 1))
    sums = [log_density(weighed, group, without(place), tolerance=SURE).double() for group in groups]
    return torch.stack(sums).logsumexp(0) + 0.5 * LOG_2PI


def without(place: Tensor) -> LogWeights:
    """Weight one for every component but the own, which has none."""
    return LogWeights(0.0, -math.inf, place)


def _bordered(factor: Tensor) -> Tensor:
    """Cholesky factors, shape (N, K, D, D), with a last coordinate of its own, of standard deviation 1."""
    wide = torch.nn.functional.pad(factor, (0, 1, 0, 1))
    wide[..., -1, -1] = 1
    return wide
