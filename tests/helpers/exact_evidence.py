"""Models whose log p(x) is known: linear-Gaussian in closed form, and two binary worlds by quadrature."""

import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal

import termwise as tw
from termwise.data import Dataset
from termwise.worlds import LinearGaussian


def dataset(x) -> Dataset:
    """All of x, without splits."""
    whole = tw.load_data(x)
    return whole.subset(torch.arange(len(whole)))


def linear(latent, noise, seed=0, inflate=1.5, off=0.5) -> LinearGaussian:
    """x = W z + b + noise with 2 * latent dimensions; q(z|x) is diagonal, too wide by `inflate` and `off` centre.

    With inflate 1 and off 0 it is the best diagonal normal there is.
    """
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(2 * latent, latent, generator=generator, dtype=torch.float64) / math.sqrt(latent)
    b = torch.randn(2 * latent, generator=generator, dtype=torch.float64)
    precision = torch.eye(latent).double() + W.T @ W / noise**2
    variance = inflate / precision.diagonal()
    V = torch.linalg.solve(precision, W.T) / noise**2
    c = -V @ b + off * variance.sqrt() * torch.randn(latent, generator=generator, dtype=torch.float64)
    covariance = W @ W.T + noise**2 * torch.eye(2 * latent)
    return LinearGaussian(b, covariance, V, c, variance.diag(), W, b, noise)


def with_exact_posterior(world) -> LinearGaussian:
    """The same p(x, z); q(z|x) = p(z|x)."""
    spread = true_precision(world).inverse()
    encoder = spread @ world.decoder.T / world.sigma**2
    return LinearGaussian(
        **{
            **vars(world),
            "encoder": encoder,
            "offset": -encoder @ world.decoder_offset,
            "posterior_covariance": 0.5 * (spread + spread.T),
        }
    )


def true_precision(world):
    """Of p(z|x), shape (k, k)."""
    return torch.eye(world.decoder.shape[1]).double() + world.decoder.T @ world.decoder / world.sigma**2


def true_mean(world, x):
    """Of p(z|x), shape (N, k)."""
    return (x.double() - world.decoder_offset) @ world.decoder @ true_precision(world).inverse() / world.sigma**2


def log_evidence(world, x):
    """log N(x; b, W W' + s^2 I), shape (N,)."""
    covariance = world.decoder @ world.decoder.T + world.sigma**2 * torch.eye(len(world.mean))
    return MultivariateNormal(world.decoder_offset, covariance).log_prob(x.double())


class Binary:
    """Six binary pixels from z in R^2, by a smooth decoder; q(z|x) has the true posterior's moments, by quadrature.

    Args:
        mirrored: Whether the decoder reads |z_1| alone (smoothly), so that true posteriors have two modes.
        step: Of the grid.
    """

    def __init__(self, mirrored, seed=0, step=0.1):
        generator = torch.Generator().manual_seed(seed)
        self.mirrored = mirrored
        self.inward = torch.randn(2, 16, generator=generator) * 1.5
        self.outward = torch.randn(16, 6, generator=generator) * (1.5 if mirrored else 1.0)
        side = torch.linspace(-6.5, 6.5, round(13 / step) + 1, dtype=torch.float64)
        self.grid = torch.cartesian_prod(side, side)
        self.log_cell = 2 * math.log(step)
        self.log_prior = Normal(0.0, 1.0).log_prob(self.grid).sum(1)

    def decode(self, z):
        if self.mirrored:
            z = torch.stack([2 * (z[:, 0].square() + 0.09).sqrt() - 2, z[:, 1]], 1)
        return torch.tanh(z @ self.inward.to(z.dtype)) @ self.outward.to(z.dtype)

    def log_joint_on_grid(self, x):
        logits = self.decode(self.grid)
        likelihood = x.double() @ logits.T - torch.nn.functional.softplus(logits).sum(1)
        return likelihood + self.log_prior + self.log_cell  # (N, cells)

    def log_evidence(self, x):
        return torch.logsumexp(self.log_joint_on_grid(x), 1)

    def encode(self, x):
        posterior = self.log_joint_on_grid(x).softmax(1)
        mean = posterior @ self.grid
        variance = posterior @ self.grid.square() - mean.square()
        return mean.float(), variance.log().float()

    def model(self):
        return tw.adapt(self.encode, self.decode, likelihood="bernoulli-logits")

    def data(self, count, seed=0):
        generator = torch.Generator().manual_seed(seed)
        logits = self.decode(torch.randn(count, 2, generator=generator))
        return (torch.rand(count, 6, generator=generator) < logits.sigmoid()).float()


def implicit(law):
    """A law without its density."""

    class Implicit(torch.distributions.Distribution):
        arg_constraints = {}  # noqa: RUF012

        def __init__(self):
            super().__init__(law.batch_shape, law.event_shape, validate_args=False)

        @property
        def mean(self):
            return law.mean

        def sample(self, shape=()):
            return law.sample(shape)

    return Implicit()


def normal(mean, scale):
    """A diagonal normal over codes."""
    return Independent(Normal(mean, scale), 1)
