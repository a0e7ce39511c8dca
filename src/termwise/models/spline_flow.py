"""A normalising flow given x, exact in both directions: a density for codes of any shape (Durkan et al., 2019).

    u = f(z; x),    log r(z|x) = log N(u; 0, I) + log |det df/dz|

f first takes the location and the scale of x off. Then layers bend one dimension after another by monotone splines:
in each, those of the first half of the dimensions are given x, those of the second half x and the first half's codes,
which makes df/dz triangular. Between two layers the order is reversed. Splines are rational-quadratic, of `bins` bins
on [-BOUND, BOUND], and the identity beyond (Gregory and Delbourgo, 1982; Durkan et al., 2019, section 3.1). In a bin
of width w and height h, with s = h / w, slopes d_0 and d_1 at its ends, and t from 0 to 1 across it,

    y = y_0 + h [s t^2 + d_0 t (1 - t)] / [s + (d_0 + d_1 - 2 s) t (1 - t)]
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn import functional as F

from termwise.errors import Refused
from termwise.models.even_noise import even_noise
from termwise.models.networks import perceptron
from termwise.values import Count

BOUND = 5.0
"""Splines bend values from -BOUND to BOUND, and are the identity beyond."""
LEAST = 1e-3
"""The least share of the whole that a bin has, and the least slope."""
EVEN = 512
"""Noises behind a law's `mean` and `variance`: the same for every example; of covariances 4 D at least."""
UNIT_SLOPE = math.log(math.expm1(1 - LEAST))
"""The raw number of a slope of 1: softplus of it, and LEAST, are 1, so that at first every spline is the identity."""


def spline(values: Tensor, raw: Tensor, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """A monotone rational-quadratic spline of each value, and log of its slope there, of the shape of the values.

    Args:
        values: Any shape.
        raw: Of each value the logits of K widths and of K heights, and K - 1 slopes: (*values.shape, 3 K - 1).
        inverse: Undo the spline; the log-slope is the inverse's.

    Example:
        >>> values, raw = torch.tensor([-1.0, 0.5]), torch.zeros(2, 11)  # four bins
        >>> spline(values, raw)[0]  # the identity, where all raw numbers are 0
        tensor([-1.0000,  0.5000])
    """
    bins = (raw.shape[-1] + 1) // 3
    widths, heights, slopes = raw.split([bins, bins, bins - 1], dim=-1)
    x, y = _knots(widths), _knots(heights)
    d = F.pad(LEAST + F.softplus(slopes + UNIT_SLOPE), (1, 1), value=1.0)
    inside = values.abs() < BOUND
    at = torch.where(inside, values, 0.0).unsqueeze(-1)
    bin_ = (torch.searchsorted((y if inverse else x).detach(), at.detach(), right=True) - 1).clamp(0, bins - 1)

    def taken(knots: Tensor, step: int = 0) -> Tensor:
        return knots.gather(-1, bin_ + step).squeeze(-1)

    x0, y0, d0, d1 = taken(x), taken(y), taken(d), taken(d, 1)
    w, h = taken(x, 1) - x0, taken(y, 1) - y0
    s = h / w
    bend = d0 + d1 - 2 * s
    if inverse:
        up = at.squeeze(-1) - y0
        a, b, c = h * (s - d0) + up * bend, h * d0 - up * bend, -s * up
        t = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
    else:
        t = (at.squeeze(-1) - x0) / w
    between, below = t * (1 - t), s + bend * t * (1 - t)
    log_slope = 2 * s.log() + (d1 * t.square() + 2 * s * between + d0 * (1 - t).square()).log() - 2 * below.log()
    moved = x0 + w * t if inverse else y0 + h * (s * t.square() + d0 * between) / below
    return torch.where(inside, moved, values), torch.where(inside, -log_slope if inverse else log_slope, 0.0)


def _knots(logits: Tensor) -> Tensor:
    """K + 1 knots from -BOUND to BOUND, of the logits of K shares."""
    shares = LEAST + (1 - LEAST * logits.shape[-1]) * logits.softmax(-1)
    inner = F.pad(2 * BOUND * shares[..., :-1].cumsum(-1) - BOUND, (1, 0), value=-BOUND)
    return F.pad(inner, (0, 1), value=BOUND)


class Bends(nn.Module):
    """One layer: splines of the first half of the dimensions, given x, and of the second, given x and the first.

    Args:
        latent: D.
        context: How many numbers tell of x.
        bins: K.
        hidden: The width of the two networks.
    """

    def __init__(self, latent: int, context: int, bins: int, hidden: int) -> None:
        super().__init__()
        self.halves = [latent - latent // 2, latent // 2]
        first, second = self.halves
        outward = 3 * bins - 1
        self.first = perceptron([context, hidden, first * outward])
        self.second = perceptron([context + first, hidden, second * outward]) if second else None
        for network in (self.first, self.second):
            for parameter in () if network is None else network[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, z: Tensor, context: Tensor, inverse: bool = False) -> tuple[Tensor, Tensor]:
        """The bent codes, shape (..., D), and log |det| of the map, shape (...)."""
        first, second = z.split(self.halves, dim=-1)
        bent, log_slope = spline(first, self._raw(self.first, context, first), inverse)
        if self.second is None:
            return bent, log_slope.sum(-1)
        given = torch.cat([context.expand(*z.shape[:-1], -1), bent if inverse else first], dim=-1)
        other, other_slope = spline(second, self._raw(self.second, given, second), inverse)
        return torch.cat([bent, other], dim=-1), log_slope.sum(-1) + other_slope.sum(-1)

    @staticmethod
    def _raw(network: nn.Module, given: Tensor, codes: Tensor) -> Tensor:
        return network(given).to(codes.dtype).unflatten(-1, (codes.shape[-1], -1)).expand(*codes.shape, -1)


class SplineFlow(nn.Module):
    """The family; features are [location, log variance, what else there is to tell of x].

    At first nothing is bent: it is the normal of the same location and variance.

    Args:
        latent: D.
        layers: How many times all dimensions are bent.
        bins: K, of every spline.
        hidden: The width of its networks, and how many numbers tell of x.

    Example:
        >>> flow = SplineFlow(2, hidden=8)
        >>> law = flow(torch.zeros(5, flow.features))
        >>> law.log_prob(law.rsample()).shape
        torch.Size([5])
    """

    name = "flow"

    def __init__(self, latent: int, layers: Count = 2, bins: Count = 8, hidden: Count = 64) -> None:
        super().__init__()
        if layers < 1 or not 2 <= bins <= 100 or hidden < 1:
            raise Refused(
                "A flow needs layers and hidden of 1 or more, and from 2 to 100 bins; got "
                f"layers={layers}, bins={bins}, hidden={hidden}."
            )
        self.latent, self.context = latent, hidden
        self.options: dict[str, Any] = {"layers": layers, "bins": bins, "hidden": hidden}
        self.layers = nn.ModuleList(Bends(latent, hidden, bins, hidden) for _ in range(layers))

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: 2 D + hidden."""
        return 2 * self.latent + self.context

    def forward(self, features: Tensor) -> "FlowLaw":
        """r(z|x) from features of shape (B, 2 D + hidden); one law, batch shape (), from features of no batch."""
        loc, log_variance, context = features.split([self.latent, self.latent, self.context], dim=-1)
        return FlowLaw(self.layers, loc, 0.5 * log_variance, context.relu())


class FlowLaw(Distribution):
    """The law of z = f^-1(u; x), u ~ N(0, I), batch shape (B,), event shape (D,); or batch shape () of one x.

    Args:
        layers: Of the flow, shared by all x.
        loc: Shape (B, D), or (D,).
        log_scale: Shape (B, D).
        context: What else the layers are told of x, shape (B, C).
    """

    arg_constraints = dict.fromkeys(("loc", "log_scale", "context"), constraints.real_vector)
    has_rsample = True
    support = constraints.real_vector

    def __init__(self, layers: nn.ModuleList, loc: Tensor, log_scale: Tensor, context: Tensor) -> None:
        self.layers, self.loc, self.log_scale, self.context = layers, loc, log_scale, context
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=False)

    def base(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """u = f(z; x), shape (..., B, D), and log |det df/dz|, shape (..., B)."""
        u, log_det = (z - self.loc) * (-self.log_scale).exp(), -self.log_scale.sum(-1)
        for layer in self.layers:
            u, bent = layer(u, self.context)
            u, log_det = u.flip(-1), log_det + bent
        return u, log_det

    def log_prob(self, value: Tensor) -> Tensor:
        """log r(z|x) of codes of shape (..., B, D): shape (..., B), nats."""
        u, log_det = self.base(value)
        return log_det - 0.5 * u.square().sum(-1) - 0.5 * u.shape[-1] * math.log(2 * math.pi)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Codes, shape (*sample_shape, B, D), with their pathwise gradient."""
        shape = (*sample_shape, *self.loc.shape)
        return self._of_noise(torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device))

    def _of_noise(self, u: Tensor) -> Tensor:
        """f^-1(u; x) of noise u, shape (..., B, D)."""
        for layer in reversed(self.layers):
            u, _ = layer(u.flip(-1), self.context, inverse=True)
        return self.loc + self.log_scale.exp() * u

    def moments(self, count: int | None = None, full: bool = False) -> tuple[Tensor, Tensor]:
        """Mean, shape (B, D), and variances, (B, D), or where `full` the covariance, (B, D, D); with their gradient.

        Args:
            count: From so many fresh codes of every example; None for codes of a fixed, evenly spread set of noises.
            full: Whether the covariance is wanted, and not the variances alone.
        """
        size = self.loc.shape[-1]
        if count is None:
            even = even_noise(max(EVEN, 4 * size) if full else EVEN, size).to(self.loc)
            z = self._of_noise(even.view(-1, *[1] * (self.loc.dim() - 1), size).expand(-1, *self.loc.shape))
        else:
            z = self.rsample((count,))
        mean = z.mean(0)
        if not full:
            return mean, z.var(0)
        centred = (z - mean).movedim(0, -1)  # (B, D, S)
        return mean, centred @ centred.mT / (len(z) - 1)

    @property
    def mean(self) -> Tensor:
        """E[z|x], shape (B, D), over a fixed set of noises."""
        return self.moments()[0]

    @property
    def variance(self) -> Tensor:
        """Var[z_j|x], shape (B, D), over a fixed set of noises."""
        return self.moments()[1]
