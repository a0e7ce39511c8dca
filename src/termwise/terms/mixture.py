"""log q(z) over N Gaussians, joint and by dimension, with its gradient in z: exact, in bounded memory.

q(z) = sum_n w_n N(z; mu_n, Sigma_n). Written out in z, every log-component is an inner product,

    log N(z; mu_n, Sigma_n) = phi(z) . a_n + c_n,     phi(z) = [z_j z_k (j >= k), z]   (diagonal: [z^2, z]),

so that the joint over B codes and N components is one matrix product and a streaming logsumexp. The product is taken
in float64, because z^2 / sigma^2 cancels (in float32 it is off by 0.4 nats at sigma = 1e-3); the exponentials, once
the maximum is subtracted, in float32. One dimension's marginal is taken from (z_j - mu_nj) / sigma_nj directly, whose
float32 rounding is relative and so harmless. Neither ever holds a (B, N, D) tensor: `BLOCK` bounds what is held.

The components are constants: the gradient flows through z alone, where it is the responsibility-weighted mean of
the components' own, and is found in the same pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import Refused

BLOCK = 2**19
"""How many (code, component, dimension) triples are held at a time."""

FLOOR = -80.0
"""Log-mass, below the largest component's, under which a component cannot count; exp is slow where it underflows."""

LOG_2PI = math.log(2 * math.pi)


class Gaussians:
    """N normal components over D dimensions, as constants.

    Args:
        mean: (N, D).
        spread: Standard deviations, (N, D), or lower Cholesky factors, (N, D, D).
    """

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        self.mean, self.spread = mean.detach(), spread.detach()
        self.scale = _marginal_scale(self.spread)  # (N, D)
        self.slope, self.intercept = _log_component(self.mean, self.spread)  # float64: (N, K), (N,)
        self.slope32 = self.slope.to(self.mean.dtype)

    def __len__(self) -> int:
        return len(self.mean)

    def write(self, rows: Tensor, new: "Gaussians") -> None:
        """Replace the components at `rows`, shape (B,), by others, in place."""
        for name in ("mean", "spread", "scale", "slope", "intercept", "slope32"):
            held = getattr(self, name)
            held[rows] = getattr(new, name).to(held.device)

    def and_also(self, others: "Gaussians") -> "Gaussians":
        """These components and others."""
        return Gaussians(torch.cat([self.mean, others.mean]), torch.cat([self.spread, others.spread]))

    def features(self, z: Tensor) -> Tensor:
        """phi(z), float64, shape (B, K)."""
        z = z.double()
        if self.spread.dim() == 2:
            return torch.cat([z.square(), z], dim=1)
        rows, columns = _lower(z.shape[1], z.device)
        return torch.cat([z[:, rows] * z[:, columns], z], dim=1)

    def gradient(self, z: Tensor, mean_slope: Tensor) -> Tensor:
        """d/dz of phi(z) . mean_slope, shape (B, D); mean_slope of shape (B, K)."""
        dimension = z.shape[1]
        quadratic, linear = mean_slope[:, :-dimension], mean_slope[:, -dimension:]
        if self.spread.dim() == 2:
            return 2 * z * quadratic + linear
        rows, columns = _lower(dimension, z.device)
        at_rows, at_columns = quadratic * z[:, columns], quadratic * z[:, rows]
        return linear.index_add(1, rows, at_rows).index_add(1, columns, at_columns)


def _lower(dimension: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(dimension, dimension, device=device)
    return rows, columns


def _marginal_scale(spread: Tensor) -> Tensor:
    return spread if spread.dim() == 2 else spread.square().sum(-1).sqrt()


def _log_component(mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
    """Slope a_n and intercept c_n of log N(z; mu_n, Sigma_n) in phi(z), in float64."""
    mean, spread = mean.double(), spread.double()
    dimension = mean.shape[1]
    if spread.dim() == 2:
        precision = spread.pow(-2)
        slope = torch.cat([-0.5 * precision, precision * mean], dim=1)
        log_det = spread.log().sum(1)
        energy = (precision * mean.square()).sum(1)
    else:
        whole = torch.cholesky_inverse(spread)  # Sigma^-1, (N, D, D)
        rows, columns = _lower(dimension, mean.device)
        twice_off_diagonal = torch.where(rows == columns, 0.5, 1.0)
        pulled = (whole @ mean.unsqueeze(-1)).squeeze(-1)
        slope = torch.cat([-whole[:, rows, columns] * twice_off_diagonal, pulled], dim=1)
        log_det = spread.diagonal(dim1=-2, dim2=-1).log().sum(1)
        energy = (mean * pulled).sum(1)
    return slope, -0.5 * energy - log_det - 0.5 * dimension * LOG_2PI


def gaussians(posterior: Distribution) -> Gaussians:
    """A batch of normal posteriors, batch shape (B,), as components of q(z).

    Raises:
        Refused: The posterior is no normal law, so that q(z) is no mixture of Gaussians.
    """
    if isinstance(posterior, MultivariateNormal):
        return Gaussians(posterior.loc, posterior.scale_tril)
    if isinstance(posterior, Independent) and isinstance(posterior.base_dist, Normal):
        return Gaussians(posterior.base_dist.loc, posterior.base_dist.scale)
    raise Refused(
        "log q(z) is taken over normal posteriors, diagonal or with a full covariance; "
        f"this model's posterior is {type(getattr(posterior, 'base_dist', posterior)).__name__}. "
        "Measure the rate alone, or use an estimator that needs samples only (Kernel)."
    )


@dataclass(frozen=True)
class LogWeights:
    """log w_n: one weight for a code's own component, one for every other.

    Args:
        other: The log weight of a component.
        own: The log weight of the component that a code was drawn from.
        index: Which component that is, shape (B,); None where all weigh the same.
    """

    other: float
    own: float | None = None
    index: Tensor | None = None

    @classmethod
    def uniform(cls, count: int) -> "LogWeights":
        """1/N each."""
        return cls(-math.log(count))

    @classmethod
    def stratified(cls, index: Tensor, count: int, dataset_size: int) -> "LogWeights":
        """1/N for the own component, and the rest of the mass over the `count` - 1 others, which stand for N - 1.

        With `count` components drawn without replacement this makes q(z) unbiased.
        """
        if count == dataset_size:
            return cls.uniform(count)
        other = math.log((dataset_size - 1) / (dataset_size * (count - 1)))
        return cls(other, -math.log(dataset_size), index)

    def lift(self, logits: Tensor, start: int) -> None:
        """Add own - other to the logits, shape (..., B, n), of components start ... start + n - 1, in place."""
        if self.index is None or self.own is None:
            return
        place, count = self.index - start, logits.shape[-1]
        here = (place >= 0) & (place < count)
        gain = torch.where(here, self.own - self.other, 0.0).to(logits.dtype)
        shape = (*logits.shape[:-1], 1)
        logits.scatter_add_(-1, place.clamp(0, count - 1).unsqueeze(1).expand(shape), gain.unsqueeze(1).expand(shape))


def log_density(z: Tensor, components: Gaussians, weights: LogWeights) -> Tensor:
    """log q(z) of codes z, shape (B, D): shape (B,), in nats."""
    return _LogDensity.apply(z, components, weights)


def marginal_log_density(z: Tensor, components: Gaussians, weights: LogWeights) -> Tensor:
    """log q(z_j) of codes z, shape (B, D): shape (B, D), in nats."""
    return _MarginalLogDensity.apply(z, components, weights)


class _LogDensity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, components: Gaussians, weights: LogWeights) -> Tensor:
        """log q(z); its gradient is found at once, where it is wanted."""
        return _in_blocks(_joint_block, ctx, z, components, weights, factors=1)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward.unsqueeze(1) * gradient, None, None


class _MarginalLogDensity(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, components: Gaussians, weights: LogWeights) -> Tensor:
        """log q(z_j); its gradient is found at once, where it is wanted."""
        return _in_blocks(_marginal_block, ctx, z, components, weights, factors=z.shape[1])

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward * gradient, None, None


Block = Callable[[Tensor, Gaussians, LogWeights, bool], tuple[Tensor, Tensor]]


def _in_blocks(block: Block, ctx: Any, z: Tensor, components: Gaussians, weights: LogWeights, factors: int) -> Tensor:
    """`block` over so many rows of z that 512 components fit at a time; saves the gradient for the backward pass."""
    rows = max(1, BLOCK // (min(512, len(components)) * factors))
    wants_gradient = ctx.needs_input_grad[0]
    values, gradients = [], []
    for start in range(0, len(z), rows):
        own = None if weights.index is None else weights.index[start : start + rows]
        part = z.detach()[start : start + rows]
        value, gradient = block(part, components, LogWeights(weights.other, weights.own, own), wants_gradient)
        values.append(value)
        gradients.append(gradient)
    ctx.save_for_backward(torch.cat(gradients))
    return torch.cat(values).to(z.dtype)


def _joint_block(z: Tensor, components: Gaussians, weights: LogWeights, wants_gradient: bool) -> tuple[Tensor, Tensor]:
    """log q(z), float64, shape (B,), and its gradient, shape (B, D), or an empty tensor."""
    features = components.features(z)
    peak = features.new_full((len(z),), -math.inf)
    total = torch.zeros_like(peak)
    mean_slope = z.new_zeros(len(z), features.shape[1])
    step = min(len(components), max(64, BLOCK // (2 * len(z))))
    wide, narrow = features.new_empty(len(z), step), z.new_empty(len(z), step)  # written over, block after block
    for start in range(0, len(components), step):
        part = slice(start, start + step)
        count = min(step, len(components) - start)
        logits, mass = wide[:, :count], narrow[:, :count]
        torch.addmm(components.intercept[part], features, components.slope[part].T, out=logits)
        weights.lift(logits, start)
        higher = torch.maximum(peak, logits.amax(1))
        torch.sub(logits, higher.unsqueeze(1), out=mass).clamp_(min=FLOOR).exp_()
        shrink = (peak - higher).exp()
        total = total * shrink + mass.sum(1)
        if wants_gradient:
            mean_slope = mean_slope.mul_(shrink.unsqueeze(1)).addmm_(mass, components.slope32[part])
        peak = higher
    value = peak + total.log() + weights.other
    if not wants_gradient:
        return value, z.new_empty(0)
    return value, components.gradient(z, mean_slope / total.unsqueeze(1).to(z.dtype))


def _marginal_block(
    z: Tensor, components: Gaussians, weights: LogWeights, wants_gradient: bool
) -> tuple[Tensor, Tensor]:
    """log q(z_j), float64, shape (B, D), and its gradient in z_j, likewise, or an empty tensor."""
    count, dimension = z.shape
    by_dimension = z.T.unsqueeze(2)  # (D, B, 1)
    peak = z.new_full((dimension, count), -math.inf)
    total = torch.zeros_like(peak, dtype=torch.float64)
    pull = torch.zeros_like(peak)
    step = min(len(components), max(1, BLOCK // (count * dimension)))
    first, second = (z.new_empty(dimension * count * step) for _ in range(2))  # written over, block after block
    for start in range(0, len(components), step):
        part = slice(start, start + step)
        shape = (dimension, count, min(step, len(components) - start))
        standard, mass = (held[: math.prod(shape)].view(shape) for held in (first, second))
        mean = components.mean[part].T.contiguous().unsqueeze(1)  # (D, 1, n); laid out as it is read
        inverse = components.scale[part].T.contiguous().reciprocal().unsqueeze(1)
        torch.sub(by_dimension, mean, out=standard).mul_(inverse)
        torch.addcmul(inverse.log(), standard, standard, value=-0.5, out=mass)
        weights.lift(mass, start)
        higher = torch.maximum(peak, mass.amax(2))
        mass.sub_(higher.unsqueeze(2)).clamp_(min=FLOOR).exp_()
        shrink = (peak - higher).exp()
        total = total * shrink + mass.sum(2)
        if wants_gradient:
            pull = pull * shrink - torch.bmm(standard.mul_(mass), inverse.transpose(1, 2)).squeeze(2)
        peak = higher
    value = peak.double() + total.log() + (weights.other - 0.5 * LOG_2PI)
    return value.T, (pull / total).to(z.dtype).T if wants_gradient else z.new_empty(0)
