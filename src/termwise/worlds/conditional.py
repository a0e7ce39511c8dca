"""Linear-Gaussian worlds with a category beside x, of which the code tells a known amount.

    s ~ p_s,   x|s ~ N(m_s, C),   and posterior, decoder and prior those of a `LinearGaussian`

Then q(z|s) = N(a_s, A) with A = V C V' + S and a_s = V m_s + c, and q(z) is the mixture of them, so that

    index_code_mi_given_side = 1/2 (log|A| - log|S|)
    side_information         = sum_s p_s E_q(z|s)[log q(z|s) - log sum_t p_t q(z|t)]

of which the second, once A is whitened, is an integral over the span of the a_s alone: one dimension for two
categories, two for three, which Gauss-Hermite quadrature takes to the last digits. The entropy of q(z) is that of N(0,
A) and I(z; s) more, and so with every q(z_j); the other terms follow.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.randomness import seed_for
from termwise.notebook import in_a_line
from termwise.worlds.linear_gaussian import LinearGaussian

MOST_CATEGORIES = 3
NODES = 160


@dataclass(frozen=True)
class ConditionalLinearGaussian:
    """A linear-Gaussian world whose x have another mean for each category beside them. It can be measured, too.

    Attributes:
        flat: The world around it, whose mean of x is not its.
        means: m_s, shape (categories, D), float64.
        shares: p_s, shape (categories,), float64; they sum to 1.

    Example:
        >>> world = ConditionalLinearGaussian.random(seed=0, separation=2.0)
        >>> truth = world.truth()
        >>> abs(truth["index_code_mi"] - truth["index_code_mi_given_side"] - truth["side_information"]) < 1e-9
        True
        >>> 0 < truth["side_information"] < truth["side_entropy"]
        True
    """

    flat: LinearGaussian
    means: Tensor
    shares: Tensor

    def __repr__(self) -> str:
        return in_a_line(self)

    @classmethod
    def random(
        cls, seed: int, latent: int = 2, categories: int = 2, separation: float = 1.0, mutual_information: float = 2.0
    ) -> "ConditionalLinearGaussian":
        """A world drawn from a seed.

        Args:
            seed: Of all of it.
            latent: Dimensions of the code.
            categories: Two or three.
            separation: How far apart the means of x are; at 0 the category is independent of x.
            mutual_information: Of the index and the code, given the category, above 0.

        Example:
            >>> world = ConditionalLinearGaussian.random(seed=0, separation=0.0)
            >>> abs(world.truth()["side_information"]) < 1e-9
            True
        """
        if not 2 <= categories <= MOST_CATEGORIES:
            raise Refused(f"A world beside which a category stands has 2 or {MOST_CATEGORIES}; got {categories}.")
        flat = LinearGaussian.random(seed, latent, mutual_information=mutual_information)
        generator = torch.Generator().manual_seed(seed_for(seed, "beside"))
        apart = torch.randn(categories, len(flat.mean), generator=generator, dtype=torch.float64)
        shares = torch.rand(categories, generator=generator, dtype=torch.float64) + 0.5
        return cls(flat, flat.mean + separation * apart, shares / shares.sum())

    def side(self, count: int, seed: int = 0) -> Tensor:
        """The categories of `count` examples, shape (count,), int64: those of `data` with the same seed."""
        generator = torch.Generator().manual_seed(seed_for(seed, "beside"))
        return torch.multinomial(self.shares, count, replacement=True, generator=generator)

    def data(self, count: int, seed: int = 0) -> Tensor:
        """Draw `count` examples of x, shape (count, D), float32."""
        around = replace(self.flat, mean=torch.zeros_like(self.flat.mean)).data(count, seed)
        return (around.double() + self.means[self.side(count, seed)]).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The posterior q(z|x) of examples, shape (B, D), in their type; no context."""
        return self.flat.infer(x)

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """The decoder's law p(x|z) of codes, shape (B, k), in their type."""
        return self.flat.generate(z, context)

    def prior_law(self) -> Distribution:
        """The prior p(z), a standard normal of k dimensions."""
        return self.flat.prior_law()

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The log-likelihood log p(x) of examples, shape (B, D): shape (B,), float64, nats."""
        return self.flat.log_likelihood(x)

    def truth(self) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names."""
        centres, covariance = self.given_side()
        variance, log_det = covariance.diagonal(), float(torch.logdet(covariance))
        by_dimension = self.truth_by_dimension()
        of_side = information_of(centres, covariance, self.shares)
        given_side = 0.5 * (log_det - float(torch.logdet(self.flat.posterior_covariance)))
        energy = variance.sum() + self.shares @ centres.square().sum(1)
        marginal = 0.5 * (float(energy) - len(variance) - log_det) - of_side
        correlation = 0.5 * (float(variance.log().sum()) - log_det) + sum(by_dimension) - of_side
        by_category = [replace(self.flat, mean=mean).truth() for mean in self.means]
        distortion, log_likelihood = (
            sum(float(share) * truth[name] for share, truth in zip(self.shares, by_category, strict=True))
            for name in ("distortion", "log_likelihood")
        )
        rate = given_side + of_side + marginal
        return {
            "distortion": distortion,
            "rate": rate,
            "elbo": -distortion - rate,
            "index_code_mi": given_side + of_side,
            "index_code_mi_given_side": given_side,
            "side_information": of_side,
            "side_entropy": float(torch.special.entr(self.shares).sum()),
            "marginal_kl": marginal,
            "total_correlation": correlation,
            "dimension_wise_kl": marginal - correlation,
            "log_likelihood": log_likelihood,
            "inference_gap": log_likelihood + distortion + rate,
        }

    def truth_by_dimension(self) -> list[float]:
        """I(z_j; s) of the population, dimension by dimension, in nats.

        Example:
            >>> world = ConditionalLinearGaussian.random(seed=0, latent=3)
            >>> all(of_one < world.truth()["side_information"] for of_one in world.truth_by_dimension())
            True
        """
        centres, covariance = self.given_side()
        return [
            information_of(centres[:, [j]], covariance[j, j].view(1, 1), self.shares) for j in range(len(covariance))
        ]

    def given_side(self) -> tuple[Tensor, Tensor]:
        """The means a_s, shape (categories, k), and the covariance A, shape (k, k), of q(z|s)."""
        centres = self.means @ self.flat.encoder.T + self.flat.offset
        return centres, self.flat.encoder @ self.flat.covariance @ self.flat.encoder.T + self.flat.posterior_covariance


def information_of(centres: Tensor, covariance: Tensor, shares: Tensor) -> float:
    """I(z; s) in nats, where z given s is N(a_s, A): a_s of shape (categories, k), A of shape (k, k).

    Example:
        >>> far = torch.tensor([[0.0], [40.0]], dtype=torch.float64)
        >>> one, half = torch.ones(1, 1, dtype=torch.float64), torch.full((2,), 0.5, dtype=torch.float64)
        >>> round(information_of(far, one, half), 6)  # log 2: all that there is to know
        0.693147
    """
    whitened = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), centres.T, upper=False).T
    span = torch.linalg.svd(whitened - whitened[0]).Vh
    places = (whitened - whitened[0]) @ span[: len(centres) - 1].T  # all that differs between categories
    dimension = places.shape[1]
    nodes, weights = (torch.from_numpy(of) for of in np.polynomial.hermite_e.hermegauss(NODES))
    grid = torch.cartesian_prod(*[nodes] * dimension).view(-1, dimension)
    weight = torch.cartesian_prod(*[weights / math.sqrt(2 * math.pi)] * dimension).view(-1, dimension).prod(1)
    total = 0.0
    for category, share in enumerate(shares.tolist()):
        z = places[category] + grid
        log_laws = -0.5 * (z.unsqueeze(1) - places).square().sum(2)
        excess = log_laws[:, category] - (log_laws + shares.log()).logsumexp(1)
        total += share * float(weight @ excess)
    return max(total, 0.0)
