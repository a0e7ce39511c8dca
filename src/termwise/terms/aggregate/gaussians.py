"""N Gaussians, as constants: the components of q(z), and their weights.

Written out in z, every log-component is an inner product,

    log N(z; mu_n, Sigma_n) = phi(z) . a_n + c_n,     phi(z) = [z_j z_k (j >= k), z]   (diagonal: [z^2, z]).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.models.codes import Codes
from termwise.terms.aggregate.components import LinearComponents
from termwise.terms.aggregate.singles import BITS

LOG_2PI = math.log(2 * math.pi)
"""log 2 pi, nats."""


class Gaussians(LinearComponents):
    """N normal components over D dimensions, as constants.

    Args:
        mean: (N, D).
        spread: Standard deviations, (N, D), or lower Cholesky factors, (N, D, D).
    """

    TENSORS: ClassVar[tuple[str, ...]] = ("mean", "spread", "scale", "height", *LinearComponents.TENSORS)

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        self.mean, self.spread = mean.detach(), spread.detach()
        self.scale = _marginal_scale(self.spread)  # (N, D)
        self.slope, self.intercept, self.height = _log_component(self.mean, self.spread)  # float64: (N, K), (N,), (N,)
        self.slope32 = self.slope.to(self.mean.dtype)

    @property
    def size(self) -> int:
        """D, the numbers of a code."""
        return self.mean.shape[1]

    def at(self, rows: Tensor) -> "Gaussians":
        """The components at these rows, shape (n,)."""
        return Gaussians(self.mean[rows], self.spread[rows])

    @classmethod
    def joined(cls, several: Sequence["Gaussians"]) -> "Gaussians":
        """The components of several, in order."""
        return cls(torch.cat([one.mean for one in several]), torch.cat([one.spread for one in several]))

    def move(self, mean: Tensor) -> None:
        """Put all means elsewhere, shape (N, D), in place; of a diagonal covariance."""
        self.mean.copy_(mean)
        precision, linear = self.slope.chunk(2, dim=1)  # -1 / (2 sigma^2) and mu / sigma^2
        torch.mul(precision, self.mean, out=linear).mul_(-2)
        torch.sub(self.height, (linear * self.mean).sum(1), alpha=0.5, out=self.intercept)
        self.slope32[:, self.size :] = linear
        self._steepest = None
        if self._singles is not None:
            self._singles.write(slice(len(self)), self.slope, self.intercept)

    def state(self) -> dict[str, Any]:
        """Their means and their spreads."""
        return {"mean": self.mean, "spread": self.spread}

    def features(self, z: Tensor) -> Tensor:
        """phi(z), float64, shape (B, K), of codes in float64."""
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

    @property
    def exact_at_pairs(self) -> bool:  # type: ignore[override]
        """Of a diagonal covariance: there each pair is taken from (z - mu_n) / sigma_n."""
        return self.spread.dim() == 2

    def at_pairs(
        self, codes: Codes, features: Tensor, rows: Tensor, columns: Tensor, slopes: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The same as of any family; of a diagonal covariance directly, so that nothing cancels."""
        if not self.exact_at_pairs:
            return super().at_pairs(codes, features, rows, columns, slopes)
        spread = self.spread.index_select(0, columns).double()
        mean = self.mean.index_select(0, columns).double()
        centre, offset = (of.double().index_select(0, rows) for of in (codes.centre, codes.offset))
        standard = centre.sub_(mean).add_(offset).div_(spread)
        value = self.height.index_select(0, columns).sub_(standard.square().sum(1), alpha=0.5)
        return value, standard.div_(spread).neg_() if slopes else None

    def direct_pairs(self, codes: Codes, block: int) -> "Direct":
        """The log densities from Sigma_n^(-1/2) (z - mu_n)."""
        return Direct(codes, self, min(max(1, block // codes.centre.numel()), len(self)))


class Direct:
    """Log-components from Sigma_n^(-1/2) (z - mu_n): several times slower, and nothing cancels."""

    def __init__(self, codes: Codes, components: Gaussians, step: int) -> None:
        self.codes, self.components, self.step = codes.in_double(), components, step

    def _standard(self, part: slice) -> tuple[Tensor, Tensor]:
        """Sigma_n^(-1/2) (z - mu_n), shape (n, D, B), and the root of Sigma_n, shape (n, D, D) or (n, D, 1)."""
        spread = self.components.spread[part].double()
        apart = self.codes.centre.T - self.components.mean[part].double().unsqueeze(2)
        offset = apart.add_(self.codes.offset.T)
        if spread.dim() == 2:
            return offset.div_(spread.unsqueeze(2)), spread.unsqueeze(2)
        return torch.linalg.solve_triangular(spread, offset, upper=False), spread

    def bits(self, part: slice) -> Tensor:
        """The same as of a product."""
        standard, root = self._standard(part)
        diagonal = root if root.shape[2] == 1 else root.diagonal(dim1=1, dim2=2).unsqueeze(2)
        constant = diagonal.log().sum((1, 2)) + 0.5 * self.codes.centre.shape[1] * LOG_2PI  # (n,)
        return standard.square().sum(1).mul_(-0.5).sub_(constant.unsqueeze(1)).mul_(BITS).T.contiguous()

    def empty(self) -> Tensor:
        """The same as of a product."""
        return torch.zeros_like(self.codes.centre, dtype=self.components.slope32.dtype)

    def gather(self, gathered: Tensor, mass: Tensor, part: slice) -> None:
        """The same as of a product; what is gathered is the gradient itself."""
        standard, root = self._standard(part)
        if root.shape[2] == 1:
            pull = standard.div_(root)
        else:
            pull = torch.linalg.solve_triangular(root.mT, standard, upper=True)
        gathered.sub_(torch.einsum("bn,ndb->bd", mass.double(), pull).to(gathered.dtype))

    def gradient(self, mean: Tensor) -> Tensor:
        """The same as of a product."""
        return mean


def _lower(dimension: int, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns = torch.tril_indices(dimension, dimension, device=device)
    return rows, columns


def _marginal_scale(spread: Tensor) -> Tensor:
    if spread.dim() == 2:
        return spread
    return torch.linalg.vector_norm(spread, dim=-1, dtype=torch.float64).to(spread.dtype)


def _log_component(mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Slope a_n and intercept c_n of log N(z; mu_n, Sigma_n) in phi(z), and its height at the mean, in float64."""
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
    height = -log_det - 0.5 * dimension * LOG_2PI
    return slope, height - 0.5 * energy, height


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
        each: What every component weighs beside, its log, shape (N,); None for nothing.
    """

    other: float
    own: float | None = None
    index: Tensor | None = None
    each: Tensor | None = None

    @classmethod
    def uniform(cls, count: int) -> "LogWeights":
        """The log weights of N components that weigh 1/N each."""
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
        """Add all but `other`, in bits, to the logits, shape (..., B, n), of components from `start` on, in place."""
        if self.each is not None:
            logits.add_(self.each[start : start + logits.shape[-1]] * BITS)
        if self.index is None or self.own is None:
            return
        place, count = self.index - start, logits.shape[-1]
        here = (place >= 0) & (place < count)
        gain = logits.new_zeros(len(here)).masked_fill_(here, (self.own - self.other) * BITS)
        shape = (*logits.shape[:-1], 1)
        logits.scatter_add_(-1, place.clamp(0, count - 1).unsqueeze(1).expand(shape), gain.unsqueeze(1).expand(shape))
