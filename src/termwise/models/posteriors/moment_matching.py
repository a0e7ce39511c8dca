"""The normal with the moments of a posterior, r(z|x) = N(z; E_q z, Cov_q z): of all normals the nearest in KL(q || r).

The moments are the posterior's own where it says them, and those of codes where it can only be sampled. Those of n
codes leave KL(q || r) larger by about D (D + 3) / 4n nats with a covariance, and by D / n with variances alone.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, MultivariateNormal, Normal, StudentT

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, has_categories
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.models.spline_flow import FlowLaw

FRESH_CODES = 512
"""How many codes the moments of a posterior that says none are taken from, where its user does not say."""


def moment_matched_normal(posterior: Distribution, codes: int | None = None, full: bool = False) -> Distribution:
    """The normal with the moments of q(z|x), batch shape (B,), event shape (D,), with their gradient.

    Args:
        posterior: q(z|x), batch shape (B,), event shape (D,).
        codes: From how many fresh codes of every example the moments are taken where they have no closed form; they
            are then unbiased. None for a fixed set of noises, where the posterior has one, so that they do not jitter,
            and for `FRESH_CODES` fresh codes where it has none.
        full: Whether it has the covariances too, and not the variances alone; a diagonal normal stays one.

    Raises:
        Refused: Moments cannot be told from so few codes.

    Example:
        >>> correlated = MultivariateNormal(torch.zeros(1, 2), torch.tensor([[4.0, 1.0], [1.0, 9.0]]))
        >>> moment_matched_normal(correlated).stddev
        tensor([[2., 3.]])
    """
    if isinstance(posterior, ImplicitPosterior | FlowLaw):
        mean, spread = posterior.moments(codes, full)
        return MultivariateNormal(mean, spread, validate_args=False) if full else _diagonal(mean, spread.sqrt())
    if isinstance(posterior, MultivariateNormal):
        return posterior if full else _diagonal(posterior.mean, posterior.variance.sqrt())
    if has_categories(posterior):
        raise Refused(
            "A normal with the posterior's moments is of codes that are numbers; some of these are categories or "
            "codewords. Use another estimator of the rate than one with a reference: closed-form, or monte-carlo."
        )
    numbers = isinstance(posterior, Independent) and isinstance(posterior.base_dist, Normal | Laplace | StudentT)
    if numbers or (isinstance(posterior, BlockLaw) and not full):
        return _diagonal(posterior.mean, posterior.variance.sqrt())
    return normal_of_codes(posterior.rsample(torch.Size([codes or FRESH_CODES])), full)


def normal_of_codes(z: Tensor, full: bool = False, flattest: float = 0.0) -> Distribution:
    """The normal with the sample moments of codes, shape (S, B, D): batch shape (B,), event shape (D,).

    Args:
        full: Whether it has the covariances too, and not the variances alone.
        flattest: With covariances, how much of its widest direction's variance every direction is given, so that codes
            on a surface have a density; and the least that the widest one is taken for.

    Example:
        >>> z = torch.tensor([[[1.0, 0.0]], [[-1.0, 0.0]]])  # two codes of one example, which differ in one dimension
        >>> normal_of_codes(z, full=True, flattest=0.5).covariance_matrix
        tensor([[[3., 0.],
                 [0., 1.]]])
    """
    mean = z.mean(0)
    if not full:
        return _diagonal(mean, z.std(0))
    centred = (z - mean).movedim(0, -1)  # (B, D, S)
    covariance = centred @ centred.mT / (len(z) - 1)
    if flattest:
        widest = covariance.diagonal(dim1=1, dim2=2).amax(1).clamp(min=flattest)
        covariance = covariance + flattest * widest[:, None, None] * torch.eye(z.shape[-1], dtype=z.dtype).to(z.device)
    return MultivariateNormal(mean, covariance, validate_args=False)


def _diagonal(mean: Tensor, scale: Tensor) -> Distribution:
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)
