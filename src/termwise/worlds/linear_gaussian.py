"""Linear-Gaussian worlds: every term of the ELBO in closed form.

    x ~ N(m, C),    q(z|x) = N(V x + c, S),    p(z) = N(0, I),    p(x|z) = N(W z + b, s^2 I)

The aggregate over the population is then N(a, A) with A = V C V' + S and a = V m + c, and
    index_code_mi     = 1/2 (log|A| - log|S|)
    marginal_kl       = 1/2 (tr A + |a|^2 - k - log|A|)
    total_correlation = 1/2 (sum_j log A_jj - log|A|)
    group_correlation = 1/2 (sum_g log|A_gg| - log|A|), and of groups the other two in the same way
    dimension_wise_kl = 1/2 sum_j (A_jj + a_j^2 - 1 - log A_jj)
    log p(x)          = log N(x; b, P),   P = W W' + s^2 I
    log_likelihood    = -1/2 [D log 2 pi + log|P| + tr P^-1 C + (m - b)' P^-1 (m - b)]
    inference_gap     = log_likelihood - elbo.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import BadData, Refused
from termwise.models.randomness import seed_for
from termwise.notebook import in_a_line


@dataclass(frozen=True)
class LinearGaussian:
    """A world whose data, posterior and decoder are all linear and Gaussian; D dimensions of x, k of z.

    It is a model, too, that can be measured. All tensors are float64.

    Example:
        >>> truth = LinearGaussian.random(seed=0, latent=2, mutual_information=1.5).truth()
        >>> round(truth["index_code_mi"], 6)
        1.5
        >>> abs(truth["rate"] - truth["index_code_mi"] - truth["marginal_kl"]) < 1e-9
        True

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

    def __repr__(self) -> str:
        return in_a_line(self)

    @classmethod
    def random(
        cls,
        seed: int,
        latent: int = 4,
        dimension: int = 6,
        mutual_information: float = 2.0,
        diagonal: bool = True,
        sigma: float = 0.7,
    ) -> "LinearGaussian":
        """A world drawn from a seed, its posterior scaled so that the index-code MI is as asked, in nats.

        Example:
            >>> x = LinearGaussian.random(seed=0, dimension=3).data(5, seed=1)
            >>> x.shape, x.dtype
            (torch.Size([5, 3]), torch.float32)

        Args:
            seed: Of all of it, the covariances C and S among them.
            latent: k.
            dimension: D.
            mutual_information: Of the index and the code, above 0.
            diagonal: Whether the posterior's covariance S is diagonal.
            sigma: s, the noise of the decoder.
        """
        if not (latent >= 1 and dimension >= 1 and mutual_information > 0 and 0 < sigma < math.inf):
            raise Refused(
                "A random world needs latent >= 1, dimension >= 1, mutual_information > 0 and a finite sigma > 0; got "
                f"{latent}, {dimension}, {mutual_information:g} and {sigma:g}."
            )
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
            sigma=sigma,
        )

    @classmethod
    def probabilistic_pca(
        cls, mean: Tensor, covariance: Tensor, latent: int, rotation: Tensor | None = None
    ) -> "LinearGaussian":
        """The maximum likelihood of a linear-Gaussian model (Tipping and Bishop, 1999, eqs. 7 and 8), inferred exactly.

            s^2 = mean of the D - k smallest eigenvalues l of C,    W = U_k (L_k - s^2 I)^1/2 R,    b = m
            q(z|x) = p(z|x) = N(M^-1 W' (x - b), s^2 M^-1),    M = W' W + s^2 I

        Here the aggregate is the prior, whatever the data, so that marginal_kl = 0; and the ELBO is log p(x).

        Example:
            >>> covariance = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
            >>> truth = LinearGaussian.probabilistic_pca(torch.zeros(3), covariance, latent=2).truth()
            >>> abs(truth["elbo"] - truth["log_likelihood"]) < 1e-9
            True

        Args:
            mean: m, shape (D,); of the data, for instance.
            covariance: C, shape (D, D), positive definite.
            latent: k, below D.
            rotation: R, orthogonal, shape (k, k); the identity where left out. Any other makes the posterior's
                covariance a full one.
        """
        mean, covariance = mean.double(), covariance.double()
        dimension = len(mean)
        if not 1 <= latent < dimension or covariance.shape != (dimension, dimension):
            raise Refused(
                f"Probabilistic PCA of {dimension} dimensions needs 1 to {dimension - 1} latent ones and a covariance "
                f"of shape {(dimension, dimension)}; got {latent} and {tuple(covariance.shape)}."
            )
        values, vectors = torch.linalg.eigh(covariance)  # ascending
        noise = values[: dimension - latent].mean()
        if not noise > 0:
            raise BadData("The covariance has no variance left beyond the latent dimensions; take fewer of them.")
        turn = torch.eye(latent, dtype=torch.float64) if rotation is None else rotation.double()
        kept = (values[dimension - latent :] - noise).clamp(min=0).sqrt()
        decoder = vectors[:, dimension - latent :] * kept @ turn
        inverse = torch.linalg.inv(decoder.T @ decoder + noise * torch.eye(latent, dtype=torch.float64))
        inverse = inverse.diagonal().diag() if rotation is None else 0.5 * (inverse + inverse.T)
        encoder = inverse @ decoder.T
        return cls(
            mean=mean,
            covariance=covariance,
            encoder=encoder,
            offset=-encoder @ mean,
            posterior_covariance=noise * inverse,
            decoder=decoder,
            decoder_offset=mean,
            sigma=float(noise.sqrt()),
        )

    def data(self, count: int, seed: int = 0) -> Tensor:
        """Draw `count` examples of x, shape (count, D), float32."""
        generator = torch.Generator().manual_seed(seed_for(seed, "data"))
        noise = torch.randn(count, len(self.mean), generator=generator, dtype=torch.float64)
        return (self.mean + noise @ torch.linalg.cholesky(self.covariance).T).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The posterior q(z|x) of examples, shape (B, D), in their type; no context."""
        mean = (x.double() @ self.encoder.T + self.offset).to(x.dtype)
        spread = self.posterior_covariance
        if torch.equal(spread, spread.diagonal().diag()):
            scale = spread.diagonal().sqrt().to(x.dtype).expand_as(mean)
            return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False), None
        factor = torch.linalg.cholesky(spread).to(x.dtype).expand(len(mean), -1, -1)
        return MultivariateNormal(mean, scale_tril=factor, validate_args=False), None

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """The decoder's law p(x|z) of codes, shape (B, k), in their type."""
        mean = (z.double() @ self.decoder.T + self.decoder_offset).to(z.dtype)
        return Independent(Normal(mean, torch.full_like(mean, self.sigma), validate_args=False), 1, validate_args=False)

    def prior_law(self) -> Distribution:
        """The prior p(z), a standard normal of k dimensions."""
        zero = torch.zeros(len(self.offset))
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """The log-likelihood log p(x) of examples, shape (B, D): shape (B,), float64, nats."""
        return MultivariateNormal(self.decoder_offset, self._explained(), validate_args=False).log_prob(x.double())

    def rate_distortion(self, beta: float, x: Tensor) -> dict[str, Tensor]:
        """The code of least distortion + beta rate that the decoder allows, of examples x, shape (B, D), in nats.

        With r = 1 / (beta s^2) it is N(r P^-1 W' (x - b), P^-1), P = I + r W'W.

        Returns:
            Its rate, its distortion, and log_partition, log of the integral of p(z) p(x|z)^(1/beta) = -rate -
            distortion / beta, each of shape (B,), float64.

        Example:
            >>> world = LinearGaussian.random(seed=0, latent=2)
            >>> at_one = world.rate_distortion(1.0, x := world.data(3))
            >>> torch.allclose(at_one["log_partition"], world.log_likelihood(x))
            True
        """
        away, ridge = x.double() - self.decoder_offset, 1 / (beta * self.sigma**2)
        precision = torch.eye(len(self.offset), dtype=torch.float64) + ridge * self.decoder.T @ self.decoder
        spread = torch.linalg.inv(precision)
        mean = ridge * away @ self.decoder @ spread
        rate = 0.5 * (spread.trace() + mean.square().sum(1) - len(self.offset) + torch.logdet(precision))
        energy = (away - mean @ self.decoder.T).square().sum(1) + (self.decoder @ spread @ self.decoder.T).trace()
        constant = 0.5 * len(self.mean) * math.log(2 * math.pi * self.sigma**2)
        distortion = constant + energy / (2 * self.sigma**2)
        return {"rate": rate, "distortion": distortion, "log_partition": -rate - distortion / beta}

    def truth(self, groups: Sequence[Sequence[int]] = ()) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names.

        Args:
            groups: Lists of dimensions, every one in one of them: their links' values are given, too.

        Example:
            >>> truth = LinearGaussian.random(seed=0).truth(groups=[[0, 1], [2, 3]])
            >>> round(truth["group_correlation"] + truth["within_group_correlation"] - truth["total_correlation"], 6)
            0.0
        """
        aggregate_mean = self.encoder @ self.mean + self.offset
        aggregate = self.encoder @ self.covariance @ self.encoder.T + self.posterior_covariance
        variance, log_det = aggregate.diagonal(), torch.logdet(aggregate)
        information = 0.5 * (log_det - torch.logdet(self.posterior_covariance))
        by_dimension = 0.5 * (variance + aggregate_mean.square() - 1 - variance.log())
        marginal = 0.5 * (variance.sum() + aggregate_mean.square().sum() - len(variance) - log_det)
        distortion = self._distortion()
        elbo = -distortion - float(information + marginal)
        log_likelihood = self._mean_log_likelihood()
        of_groups = {}
        if groups:
            log_dets = float(sum(torch.logdet(aggregate[list(group)][:, list(group)]) for group in groups))
            of_groups = {
                "group_correlation": 0.5 * (log_dets - float(log_det)),
                "within_group_correlation": 0.5 * (float(variance.log().sum()) - log_dets),
                "group_wise_kl": float(marginal) - 0.5 * (log_dets - float(log_det)),
            }
        return {
            "distortion": distortion,
            "rate": float(information + marginal),
            "elbo": elbo,
            "index_code_mi": float(information),
            "marginal_kl": float(marginal),
            "total_correlation": float(0.5 * (variance.log().sum() - log_det)),
            "dimension_wise_kl": float(by_dimension.sum()),
            "log_likelihood": log_likelihood,
            "inference_gap": log_likelihood - elbo,
            **of_groups,
        }

    def _explained(self) -> Tensor:
        """P, the covariance of x under the model, shape (D, D)."""
        noise = self.sigma**2 * torch.eye(len(self.mean), dtype=torch.float64)
        return self.decoder @ self.decoder.T + noise

    def _mean_log_likelihood(self) -> float:
        explained = self._explained()
        bias = self.mean - self.decoder_offset
        second_moment = self.covariance + torch.outer(bias, bias)
        energy = torch.linalg.solve(explained, second_moment).trace()
        return -0.5 * float(len(bias) * math.log(2 * math.pi) + torch.logdet(explained) + energy)

    def _distortion(self) -> float:
        """D/2 log 2 pi s^2 + E[|x - b - W(Vx + c)|^2 + tr W S W'] / (2 s^2)."""
        residual = torch.eye(len(self.mean), dtype=torch.float64) - self.decoder @ self.encoder
        bias = residual @ self.mean - self.decoder_offset - self.decoder @ self.offset
        spread = residual @ self.covariance @ residual.T
        noise = self.decoder @ self.posterior_covariance @ self.decoder.T
        energy = bias.square().sum() + spread.trace() + noise.trace()
        constant = 0.5 * len(self.mean) * math.log(2 * math.pi * self.sigma**2)
        return constant + float(energy) / (2 * self.sigma**2)
