"""The path along which chains are annealed, from a base law that is known to the joint that is not.

    log f_t(z) = (1 - t) log b(z|x) + t log p(x, z),    t from 0 to 1

f_0 = b integrates to 1 and f_1 to p(x). The base is the model's own posterior, a
normal with the posterior's moments, where it has no density of its own, or the prior.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.measuring.log_likelihood.densities import Density, Joint, density, sampled
from termwise.models.tensor_dataclasses import map_fields

FAR = 1e6
"""Codes beyond it have no density: a trajectory that diverges is rejected, and no network sees what it cannot take."""


@dataclass(frozen=True)
class Point:
    """Where C chains stand for each of B examples; float64.

    Attributes:
        z: Codes, shape (C, B, D).
        log_base: log b(z|x), shape (C, B).
        log_joint: log p(x, z), shape (C, B).
        base_gradient: Of `log_base` in z, shape (C, B, D).
        joint_gradient: Of `log_joint`, likewise.
    """

    z: Tensor
    log_base: Tensor
    log_joint: Tensor
    base_gradient: Tensor
    joint_gradient: Tensor

    def log_density(self, t: float) -> Tensor:
        """log f_t(z), shape (C, B)."""
        return (1 - t) * self.log_base + t * self.log_joint

    def gradient(self, t: float) -> Tensor:
        """Of log f_t in z, shape (C, B, D)."""
        return (1 - t) * self.base_gradient + t * self.joint_gradient

    @property
    def log_ratio(self) -> Tensor:
        """d log f_t / dt = log p(x, z) - log b(z|x), shape (C, B)."""
        return self.log_joint - self.log_base

    def moved(self, accepted: Tensor, to: "Point") -> "Point":
        """The point that is `to` where `accepted`, shape (C, B), and this one elsewhere."""

        def chosen(pair: list[Tensor]) -> Tensor:
            here, there = pair
            return torch.where(accepted if here.dim() == 2 else accepted[..., None], there, here)

        return map_fields(chosen, [self, to])


class Path:
    """f_t of one batch of examples, and its points."""

    def __init__(self, joint: Joint, base: Distribution) -> None:
        self.joint, self.base = joint, base
        self._log_base: Density = density(base, joint.x.dtype)

    def start(self, chains: int) -> Point:
        """Chains at codes of the base law."""
        z = sampled(self.base, chains, *(() if self.base.batch_shape else (len(self.joint.x),)))
        return self.at(z)

    def at(self, z: Tensor) -> Point:
        """The point at codes of shape (C, B, D)."""
        inside = z.abs().amax(-1) < FAR  # (C, B), false where not a number
        with torch.enable_grad():
            leaf = torch.where(inside[..., None], z, 0.0).detach().requires_grad_()
            log_base, log_joint = self._log_base(leaf), self.joint(leaf)
            gradients = [torch.autograd.grad(values.sum(), leaf)[0] for values in (log_base, log_joint)]
        values = [_or_none(torch.where(inside, v.detach(), -torch.inf)) for v in (log_base, log_joint)]
        return Point(z, *values, *(gradient.nan_to_num(0.0, 0.0, 0.0) for gradient in gradients))


def _or_none(log_density: Tensor) -> Tensor:
    """No density where there is no number."""
    return torch.where(log_density.isnan(), -torch.inf, log_density)
