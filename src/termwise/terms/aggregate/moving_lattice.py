"""The marginals of a bank's normals, read from a lattice whose members move together.

Members stay where they were put in. Where they have moved since, each dimension is read as one that was stretched and
shifted, so that the mean and the spread of all means are what they should be; and new members are put in where they
will be read at their place. What turns the dimensions into each other is in that, for it shows in a marginal only as a
change of its spread. When the stretch comes far from one, the lattice is laid out anew.
"""

import math
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.lattice import Extent, Lattice

STRETCH = 1.25
"""How far from one a stretch may be, up or down: further apart, points no longer interpolate what lies between them."""
BLUR = 0.01
"""Of a posterior's variance, what is added to that of the means: theirs is noise where a dimension has collapsed."""


class MovingLattice:
    """The sums over K normals by dimension, wherever these have moved.

    Args:
        components: The normals; they are written, and moved, beside it.
        extent: What the lattice is to have room for; where the means lie, where left out.
        placed: Where they were put in, shape (K, D); where they are, where left out.
        stretch, shift: How each dimension is read, float64, shape (D,).
    """

    def __init__(
        self,
        components: Gaussians,
        extent: Extent | None = None,
        placed: Tensor | None = None,
        stretch: Tensor | None = None,
        shift: Tensor | None = None,
    ) -> None:
        self.components = components
        self._lay(components.mean.clone() if placed is None else placed, extent)
        if stretch is not None and shift is not None:
            self.stretch, self.shift = stretch, shift

    @property
    def fits(self) -> bool:
        """Whether the lattice can be read; that of very narrow normals would be too large."""
        return self.lattice.fits

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the components."""
        extent = vars(self.lattice.layout.extent)
        return {"extent": extent, "placed": self.placed, "stretch": self.stretch, "shift": self.shift}

    def follow(self) -> None:
        """The components have moved: read them there."""
        mean, placed = self.components.mean, self.placed
        centre, former_centre = mean.mean(0), placed.mean(0)
        blur = BLUR * self.components.scale.square().mean(0)
        spread, former_spread = ((x - at).square_().mean(0) for x, at in ((mean, centre), (placed, former_centre)))
        self.stretch = ((spread + blur) / (former_spread + blur)).double().sqrt()
        self.shift = centre.double() - self.stretch * former_centre.double()
        if not bool(((self.stretch < STRETCH) & (self.stretch * STRETCH > 1)).all()):
            self._lay(self.components.mean.clone(), None)

    def replace(self, rows: Tensor, new: Gaussians) -> None:
        """Others stand for the components at `rows`, shape (B,), which are still to be written."""
        placed = ((new.mean.double() - self.shift) / self.stretch).to(self.placed)
        self.lattice.replace((self.placed[rows], self.components.scale[rows]), (placed, new.scale))
        self.placed[rows] = placed

    def density(self, codes: Codes) -> tuple[Tensor, Tensor]:
        """S_j(z) and its derivative at codes, shape (B, D); both of that shape, float64."""
        return self.lattice.density((codes.exact - self.shift) / self.stretch, self.stretch)

    def log_density(self, codes: Codes, weights: LogWeights, own: Tensor) -> Tensor:
        """log q(z_j) of codes, shape (B, D), `own` the place of each one's own component, shape (B,)."""
        return _LogDensity.apply(codes.z, codes.detached(), self, weights, own)

    def _lay(self, placed: Tensor, extent: Extent | None) -> None:
        self.placed, self.lattice = placed, Lattice(placed, self.components.scale, extent)
        self.stretch = torch.ones(placed.shape[1], dtype=torch.float64, device=placed.device)
        self.shift = torch.zeros_like(self.stretch)


class _LogDensity(torch.autograd.Function):
    """log q(z_j) = log[w_own N(z_j; own) + w_other (S_j(z_j) - N(z_j; own))], the sum taken from a lattice.

    The own part is exact, and what the lattice gives can fall below it by its error only.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, codes: Codes, lattice: MovingLattice, weights: LogWeights, own: Tensor) -> Tensor:
        total, slope = lattice.density(codes)
        components = lattice.components
        scale = components.scale[own].double()
        standard = codes.in_double().beyond(components.mean[own].double()) / scale
        alone = (-0.5 * standard.square()).exp() / (scale * math.sqrt(2 * math.pi))
        alone_slope = -alone * standard / scale
        others = (total - alone).clamp(min=0)
        others_slope = torch.where(total > alone, slope - alone_slope, 0)
        w_other = math.exp(weights.other)
        w_own = w_other if weights.own is None else math.exp(weights.own)
        density = (w_own * alone + w_other * others).clamp(min=1e-300)
        ctx.save_for_backward(((w_own * alone_slope + w_other * others_slope) / density).to(z.dtype))
        return density.log().to(z.dtype)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None, None, None, None]:
        """The gradient in z alone."""
        (gradient,) = ctx.saved_tensors
        return upward * gradient, None, None, None, None
