"""Linear-Gaussian worlds: every term of the ELBO in closed form.

    x ~ N(m, C),    q(z|x) = N(V x + c, S),    p(z) = N(0, I),    p(x|z) = N(W z + b, s^2 I)

The aggregate over the population is then N(a, A) with A = V C V' + S and a = V m + c, and
    index_code_mi     = 1/2 (log|A| - log|S|)
    marginal_kl       = 1/2 (tr A + |a|^2 - k - log|A|)
    total_correlation = 1/2 (sum_j log A_jj - log|A|)
    dimension_wise_kl = 1/2 sum_j (A_jj + a_j^2 - 1 - log A_jj).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal


@dataclass(frozen=True)
class LinearGaussian:
    """One such world; it is a model, too, that can be measured. All tensors float64, D dimensions of x, k of z.

    Attributes:
        mean: m, shape (D,).
        covariance: C, shape (D, D).
        encoder: V, shape (k, D).
        offset: c, shape (k,).
        posterior_covariance: S, shape (k, k).
        decoder: W, shape (D, k).
        decoder_offset: b, shape (D,).
        sigma: s.
    """

    mean: Tensor
    covariance: Tensor
    encoder: Tensor
    offset: Tensor
    posterior_covariance: Tensor
    decoder: Tensor
    decoder_offset: Tensor
    sigma: float

    @classmethod
    def random(
        cls, seed: int, latent: int = 4, dimension: int = 6, mutual_information: float = 2.0, diagonal: bool = True
    ) -> "LinearGaussian":
        """A world drawn from a seed, its posterior scaled so that the index-code MI is as asked, in nats.

        Args:
            diagonal: Whether the posterior's covariance S is diagonal.
        """
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        root = normal(dimension, dimension) / math.sqrt(dimension)
        covariance = root @ root.T + 0.2 * torch.eye(dimension, dtype=torch.float64)
        encoder = normal(latent, dimension) / math.sqrt(dimension)
        if diagonal:
            posterior = torch.diag((0.5 * normal(latent)).exp())
        else:
            factor = normal(latent, latent) / math.sqrt(latent)
            posterior = factor @ factor.T + 0.2 * torch.eye(latent, dtype=torch.float64)
        signal = encoder @ covariance @ encoder.T
        low, high = -20.0, 20.0  # of log scale: MI falls as S grows
        for _ in range(200):
            middle = 0.5 * (low + high)
            scaled = posterior * math.exp(middle)
            information = 0.5 * (torch.logdet(signal + scaled) - torch.logdet(scaled))
            low, high = (middle, high) if information > mutual_information else (low, middle)
        return cls(
            mean=normal(dimension),
            covariance=covariance,
            encoder=encoder,
            offset=0.3 * normal(latent),
            posterior_covariance=posterior * math.exp(low),
            decoder=normal(dimension, latent),
            decoder_offset=normal(dimension),
            sigma=0.7,
        )

    def data(self, count: int, seed: int = 0) -> Tensor:
        """`count` examples of x, shape (count, D), float32."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, len(self.mean), generator=generator, dtype=torch.float64)
        return (self.mean + noise @ torch.linalg.cholesky(self.covariance).T).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """q(z|x)."""
        mean = (x.double() @ self.encoder.T + self.offset).float()
        spread = self.posterior_covariance
        if torch.equal(spread, spread.diagonal().diag()):
            scale = spread.diagonal().sqrt().float().expand_as(mean)
            return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False), None
        factor = torch.linalg.cholesky(spread).float().expand(len(mean), -1, -1)
        return MultivariateNormal(mean, scale_tril=factor, validate_args=False), None

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """p(x|z)."""
        mean = (z.double() @ self.decoder.T + self.decoder_offset).float()
        return Independent(Normal(mean, torch.full_like(mean, self.sigma), validate_args=False), 1, validate_args=False)

    def prior_law(self) -> Distribution:
        """p(z)."""
        zero = torch.zeros(len(self.offset))
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)

    def truth(self) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names."""
        aggregate_mean = self.encoder @ self.mean + self.offset
        aggregate = self.encoder @ self.covariance @ self.encoder.T + self.posterior_covariance
        variance, log_det = aggregate.diagonal(), torch.logdet(aggregate)
        information = 0.5 * (log_det - torch.logdet(self.posterior_covariance))
        by_dimension = 0.5 * (variance + aggregate_mean.square() - 1 - variance.log())
        marginal = 0.5 * (variance.sum() + aggregate_mean.square().sum() - len(variance) - log_det)
        distortion = self._distortion()
        return {
            "distortion": distortion,
            "rate": float(information + marginal),
            "elbo": -distortion - float(information + marginal),
            "index_code_mi": float(information),
            "marginal_kl": float(marginal),
            "total_correlation": float(0.5 * (variance.log().sum() - log_det)),
            "dimension_wise_kl": float(by_dimension.sum()),
        }

    def _distortion(self) -> float:
        """D/2 log 2 pi s^2 + E[|x - b - W(Vx + c)|^2 + tr W S W'] / (2 s^2)."""
        residual = torch.eye(len(self.mean), dtype=torch.float64) - self.decoder @ self.encoder
        bias = residual @ self.mean - self.decoder_offset - self.decoder @ self.offset
        spread = residual @ self.covariance @ residual.T
        noise = self.decoder @ self.posterior_covariance @ self.decoder.T
        energy = bias.square().sum() + spread.trace() + noise.trace()
        constant = 0.5 * len(self.mean) * math.log(2 * math.pi * self.sigma**2)
        return constant + float(energy) / (2 * self.sigma**2)
