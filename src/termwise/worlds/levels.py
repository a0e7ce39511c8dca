"""Linear-Gaussian worlds of several levels: the code of one is drawn level by level, each given those above it.

Posterior, data and decoder are those of a `LinearGaussian`, and the prior is p(z_l | z_above) = N(B_l z_above, T_l).
Both laws of the whole code are normal, q(z) = N(a, A) and p(z) = N(0, P), so that

    marginal_kl          = 1/2 (tr P^-1 (A + a a') - k - log|A| + log|P|)
    index_code_mi, of the first l levels = 1/2 (log|A_ll| - log|S_ll|), and of a level given those above, the increase
    rate, of the first l levels          = their index-code MI + their marginal KL, and of a level likewise
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from termwise.errors import Refused
from termwise.models.block_law import Conditional
from termwise.models.chained_law import ChainedLaw
from termwise.notebook import in_a_line
from termwise.worlds.linear_gaussian import LinearGaussian


@dataclass(frozen=True)
class LinearGaussianLevels:
    """A linear-Gaussian world whose code has levels, the top one first. It is a model, too, that can be measured.

    Attributes:
        flat: The same world without levels, whose prior is not its.
        sizes: The dimensions of each level, the top one's first.
        prior_covariance: P, shape (k, k), float64.

    Example:
        >>> world = LinearGaussianLevels.random(seed=0, sizes=(1, 2))
        >>> truth = world.truth()
        >>> abs(sum(world.truth_by_level()["rate_by_block"]) - truth["rate"]) < 1e-9
        True
    """

    flat: LinearGaussian
    sizes: tuple[int, ...]
    prior_covariance: Tensor

    def __repr__(self) -> str:
        return in_a_line(self)

    @classmethod
    def random(
        cls, seed: int, sizes: Sequence[int] = (1, 2), dimension: int = 6, mutual_information: float = 2.0
    ) -> "LinearGaussianLevels":
        """A world drawn from a seed; the levels' codes are correlated under the posterior and under the prior.

        Args:
            seed: Of all of it.
            sizes: The dimensions of each level.
            dimension: D.
            mutual_information: Of the index and the whole code, above 0.

        Example:
            >>> LinearGaussianLevels.random(seed=0, sizes=(1, 2)).data(5).shape
            torch.Size([5, 6])
        """
        if len(sizes) < 2 or min(sizes) < 1:
            raise Refused(f"Levels are two or more, each of one dimension or more; got sizes {tuple(sizes)}.")
        latent = sum(sizes)
        flat = LinearGaussian.random(seed, latent, dimension, mutual_information, diagonal=False)
        root = torch.randn(latent, latent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        covariance = root @ root.T / latent + 0.3 * torch.eye(latent, dtype=torch.float64)
        return cls(flat, tuple(sizes), covariance)

    def data(self, count: int, seed: int = 0) -> Tensor:
        """Draw `count` examples of x, shape (count, D), float32."""
        return self.flat.data(count, seed)

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The posterior q(z|x) of examples, shape (B, D), level by level, in their type; no context."""
        mean = (x.double() @ self.flat.encoder.T + self.flat.offset).to(x.dtype)
        return self._chained(self.flat.posterior_covariance, mean), None

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """The decoder's law p(x|z) of codes, shape (B, k), in their type."""
        return self.flat.generate(z, context)

    def prior_law(self) -> Distribution:
        """The prior p(z), level by level, batch shape (), event shape (k,)."""
        return self._chained(self.prior_covariance, torch.zeros(sum(self.sizes)))

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The log-likelihood log p(x) of examples, shape (B, D): shape (B,), float64, nats."""
        return self._standard().log_likelihood(x)

    def truth(self) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names."""
        truth = self.flat.truth()
        by_level = self.truth_by_level()
        rate, information = (sum(by_level[name]) for name in ("rate_by_block", "index_code_mi_by_block"))
        log_likelihood, elbo = self._standard().truth()["log_likelihood"], -truth["distortion"] - rate
        kept = {name: truth[name] for name in ("distortion", "index_code_mi")}
        return {
            **kept,
            "rate": rate,
            "marginal_kl": rate - information,
            "elbo": elbo,
            "log_likelihood": log_likelihood,
            "inference_gap": log_likelihood - elbo,
        }

    def truth_by_level(self) -> dict[str, list[float]]:
        """The population's rate and index-code MI of every level given those above it, in nats.

        Example:
            >>> by_level = LinearGaussianLevels.random(seed=0, mutual_information=1.5).truth_by_level()
            >>> round(sum(by_level["index_code_mi_by_block"]), 6)
            1.5
        """
        flat = self.flat
        mean = flat.encoder @ flat.mean + flat.offset
        posterior, prior = flat.posterior_covariance, self.prior_covariance
        aggregate = flat.encoder @ flat.covariance @ flat.encoder.T + posterior
        rates, informations = [0.0], [0.0]
        for level in range(1, len(self.sizes) + 1):
            k = sum(self.sizes[:level])
            q, s, p, a = aggregate[:k, :k], posterior[:k, :k], prior[:k, :k], mean[:k]
            information = 0.5 * float(torch.logdet(q) - torch.logdet(s))
            energy = torch.linalg.solve(p, q + torch.outer(a, a)).trace()
            informations.append(information)
            rates.append(information + 0.5 * float(energy - k - torch.logdet(q) + torch.logdet(p)))
        return {
            "rate_by_block": torch.tensor(rates, dtype=torch.float64).diff().tolist(),
            "index_code_mi_by_block": torch.tensor(informations, dtype=torch.float64).diff().tolist(),
        }

    def _standard(self) -> LinearGaussian:
        """The world whose code is this one's, turned so that its prior is N(0, I)."""
        factor = torch.linalg.cholesky(self.prior_covariance)
        inverse = torch.linalg.inv(factor)
        covariance = inverse @ self.flat.posterior_covariance @ inverse.T
        return replace(
            self.flat,
            encoder=inverse @ self.flat.encoder,
            offset=inverse @ self.flat.offset,
            posterior_covariance=0.5 * (covariance + covariance.T),
            decoder=self.flat.decoder @ factor,
        )

    def _chained(self, covariance: Tensor, mean: Tensor) -> ChainedLaw:
        """N(mean, covariance), means of shape (..., k), level by level."""
        links: list[Distribution | Conditional] = []
        for level, size in enumerate(self.sizes):
            start = sum(self.sizes[:level])
            own, above = slice(start, start + size), slice(start)
            gain = torch.linalg.solve(covariance[above, above], covariance[above, own]).T  # (size, start)
            left = covariance[own, own] - gain @ covariance[above, own]
            factor = torch.linalg.cholesky(0.5 * (left + left.T)).to(mean.dtype)
            if not level:
                links.append(MultivariateNormal(mean[..., own], scale_tril=factor, validate_args=False))
            else:
                law = _Given(gain.to(mean.dtype), factor)
                links.append(Conditional(law, range(level), size, torch.cat([mean[..., own], mean[..., above]], -1)))
        return ChainedLaw(links, [f"level {level + 1}" for level in range(len(self.sizes))])


@dataclass(frozen=True)
class _Given:
    """N(m + G (z_above - m_above), L L'), of features [m, m_above]."""

    gain: Tensor
    factor: Tensor

    def __call__(self, above: Tensor, features: Tensor | None) -> Distribution:
        assert features is not None
        own, mean_above = features.split(list(self.gain.shape), -1)
        mean = own + (above - mean_above) @ self.gain.T
        return MultivariateNormal(mean, scale_tril=self.factor, validate_args=False)
