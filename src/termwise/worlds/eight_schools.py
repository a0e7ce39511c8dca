"""Eight schools: the effect of coaching on a test's score, in eight parallel experiments (Rubin, 1981, table 1).

    y_j ~ N(theta_j, sigma_j^2),   theta_j = mu + tau eta_j,   eta_j ~ N(0, 1),   mu ~ N(0, 5^2),   tau ~ half-Cauchy(5)

in the non-centred form, with unknowns z = (z_mu, z_tau, eta_1, ..., eta_8) that have no bounds, and a prior of mean 0
and covariance I:

    mu = 5 z_mu,     tau = 5 exp(pi/2 z_tau),     p(z) = N(z_mu; 0, 1) 1/2 sech(pi/2 z_tau) N(eta; 0, I)

Given mu and tau, theta_j is normal and its integral known, so that p(y), and exact draws of the posterior, take a grid
of (z_mu, z_tau) alone:

    p(y | mu, tau) = prod_j N(y_j; mu, sigma_j^2 + tau^2)
    eta_j | mu, tau, y ~ N(v tau (y_j - mu) / sigma_j^2, v),     v = 1 / (1 + tau^2 / sigma_j^2)
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal
from torch.nn.functional import softplus

from termwise.models.randomness import seed_for
from termwise.worlds.grid import Grid

EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], dtype=torch.float64)
"""y, shape (8,): points of the test's score."""

ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0], dtype=torch.float64)
"""sigma, shape (8,): their standard errors, taken as known."""

LATENT = 10
"""The number of unknowns."""

SCALE = 5.0
"""The prior's scale of mu and tau, in points."""

PRIOR_REACH = 14.0
"""Half the width of the grid: sech has exponential tails, and 1e-9 of the prior lies beyond."""


class SchoolsPrior(Distribution):
    """The prior p(z) of the ten unknowns, event shape (10,): as if independent, each of mean 0 and variance 1.

    Example:
        >>> SchoolsPrior().sample((3,)).shape
        torch.Size([3, 10])
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(event_shape=torch.Size([LATENT]), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes drawn from the prior, shape (*sample_shape, 10).

        z_tau is drawn by the inverse of its distribution function, 2/pi atan(exp(pi/2 z)).
        """
        z = torch.randn(*sample_shape, LATENT)
        z[..., 1] = 2 / math.pi * torch.tan(0.5 * math.pi * torch.rand(sample_shape)).log()
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of codes, shape (..., 10): shape (...), nats."""
        normal = torch.cat([value[..., :1], value[..., 2:]], dim=-1)
        return _log_sech(value[..., 1]) - 0.5 * normal.square().sum(-1) - 0.5 * (LATENT - 1) * math.log(2 * math.pi)


def population(z: Tensor) -> tuple[Tensor, Tensor]:
    """The mean mu and spread tau of the schools' effects, in points, shape (...) each, float64.

    Args:
        z: Codes, shape (..., 10), or their first two numbers.
    """
    z = z.double()
    return SCALE * z[..., 0], SCALE * (0.5 * math.pi * z[..., 1]).exp()


def effects_log_prob(z: Tensor) -> Tensor:
    """The log-likelihood log p(y|z) of codes, shape (..., 10): shape (...), float64, nats."""
    mean, spread = (one.unsqueeze(-1) for one in population(z))
    return Normal(mean + spread * z[..., 2:].double(), ERRORS, validate_args=False).log_prob(EFFECTS).sum(-1)


def log_evidence(grid: Grid | None = None) -> float:
    """The log-evidence log p(y) of the eight effects, nats: by quadrature over (z_mu, z_tau)."""
    grid = grid or Grid(reach=PRIOR_REACH)
    return float(grid.log_integral(_log_joint(grid)))


def exact_posterior(count: int, seed: int = 0, grid: Grid | None = None) -> Tensor:
    """Independent draws from p(z|y), shape (count, 10), float64.

    (z_mu, z_tau) is a node of the grid, chosen by its mass, and uniform in the cell around it.

    Args:
        count: The number of draws.
        seed: Of the draws.
        grid: Its step adds step^2 / 12 to the variances of z_mu and z_tau.
    """
    grid = grid or Grid(reach=PRIOR_REACH, step=0.03)
    generator = torch.Generator().manual_seed(seed_for(seed, "posterior"))
    mass = (_log_joint(grid) + grid.weights.log()).softmax(0)
    node = torch.multinomial(mass, count, replacement=True, generator=generator)
    inside = torch.rand(count, 2, generator=generator, dtype=torch.float64) - 0.5
    top = grid.nodes[node] + inside * (grid.axis[1] - grid.axis[0])
    mean, spread = (one.unsqueeze(-1) for one in population(top))
    variance = 1 / (1 + (spread / ERRORS).square())
    centre = variance * spread * (EFFECTS - mean) / ERRORS.square()
    noise = torch.randn(count, len(EFFECTS), generator=generator, dtype=torch.float64)
    return torch.cat([top, centre + variance.sqrt() * noise], dim=1)


def _log_joint(grid: Grid) -> Tensor:
    """log p(y, z_mu, z_tau) at the nodes, shape (G,)."""
    mean, spread = (one.unsqueeze(-1) for one in population(grid.nodes))
    likelihood = Normal(mean, (ERRORS.square() + spread.square()).sqrt(), validate_args=False)
    z_mu, z_tau = grid.nodes.unbind(1)
    return likelihood.log_prob(EFFECTS).sum(1) + _log_sech(z_tau) - 0.5 * z_mu.square() - 0.5 * math.log(2 * math.pi)


def _log_sech(z: Tensor) -> Tensor:
    """log of 1/2 sech(pi/2 z) = log 1 / (e^(pi z/2) + e^(-pi z/2))."""
    return 0.5 * math.pi * z - softplus(math.pi * z)
