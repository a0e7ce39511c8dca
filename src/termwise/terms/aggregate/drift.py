"""How posteriors have moved since they were written: an affine map of their means, fitted to a few that are known anew.

An optimizer's step moves all codes alike, most of all: it turns, stretches and shifts the space that they lie in. With
X the means of M examples at a time of reference and Y those of the same examples now, centred,

    A = I + (X'X + lambda I)^-1 X'(Y - X),    lambda = RIDGE mean_m(sigma_m^2),

takes the means of then to those of now, and what it leaves is what single examples do by themselves. All means are
kept as they were, or would have been, at the time of reference, and are taken to now by one product.

How much it leaves is seen at every step: a batch is held against what was held of its examples, by their divergence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

RIDGE = 4.0
"""The pull towards no motion, in mean variances of a posterior: means of a collapsed dimension say nothing."""
EVERY = 4
"""Steps from one look at the followed examples to the next: in so few all move little."""
PERIOD = 100
"""Steps after which the time of reference is moved up: what single examples do adds up, and blurs the map."""
SKEW = 2.0
"""How far from a turn a map may be until then: its norm times that of its inverse, over D, which of turns is one."""


KEPT = 0.95
"""How much of the running mean of divergences is kept from one step to the next."""
FARTHEST = 10.0
"""Nats, as which a larger divergence counts: a posterior that is somewhere else is, however far."""


def divergence(mean: Tensor, scale: Tensor, former_mean: Tensor, former_scale: Tensor) -> Tensor:
    """KL(N(mean, scale^2) || N(former_mean, former_scale^2)), shapes (B, D): shape (B,), nats.

    Example:
        >>> divergence(torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1, 3), torch.ones(1, 3))
        tensor([1.5000])
    """
    ratio, apart = scale / former_scale, (mean - former_mean) / former_scale
    return (0.5 * (ratio.square() + apart.square() - 1) - ratio.log()).sum(1)


@dataclass
class AffineMap:
    """x -> x A + b, by float64 tensors on the CPU.

    Example:
        >>> there = AffineMap(torch.eye(2).double() * 2, torch.ones(2).double())
        >>> there(torch.tensor([[1.0, 2.0]])), there.back(torch.tensor([[3.0, 5.0]]))
        (tensor([[3., 5.]]), tensor([[1., 2.]]))
    """

    matrix: Tensor
    offset: Tensor

    @classmethod
    def identity(cls, size: int) -> "AffineMap":
        """The map that leaves all where it is."""
        return cls(torch.eye(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64))

    @classmethod
    def fitted(cls, before: Tensor, after: Tensor, ridge: float) -> "AffineMap":
        """The map of least squares from `before` to `after`, float64, shape (M, D), with a pull towards no motion."""
        centre = before.mean(0)
        x, motion = before - centre, after - before
        shift = motion.mean(0)
        gram = x.T @ x
        gram.diagonal().add_(ridge)
        turn = torch.linalg.solve(gram, x.T @ (motion - shift))
        return cls(turn + torch.eye(len(turn), dtype=turn.dtype), shift - centre @ turn)

    def __call__(self, x: Tensor) -> Tensor:
        """Where x, shape (N, D), come to lie."""
        return torch.addmm(self.offset.to(x), x, self.matrix.to(x))

    def back(self, y: Tensor) -> Tensor:
        """What comes to lie at y, shape (N, D)."""
        return torch.linalg.solve(self.matrix.T, (y.double().cpu() - self.offset).T).T.to(y)

    @property
    def skew(self) -> float:
        """Its norm times that of its inverse, over D: one of turns, and more the less it can be undone; nan of none."""
        inverse, failed = torch.linalg.inv_ex(self.matrix)
        return torch.nan if failed else float(self.matrix.norm() * inverse.norm()) / len(self.offset)


class Drift:
    """K means, and the map that takes them from the time of reference to now.

    Args:
        mean: Where they are now, shape (K, D).

    Attributes:
        origin: Where they were, or would have been, at the time of reference, shape (K, D).
        reference: The means of the followed examples then, float64, shape (M, D); None until they are first known.
        now: The same at the last step, shape (M, D).
        map: What takes `origin` to now.
        steps: How many steps ago the time of reference was.
        left: The running mean of what the map leaves: nats from what was held of an example to what it then is.

    Example:
        >>> drift = Drift(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
        >>> followed, sigma = torch.randn(50, 2), torch.full((50, 2), 1e-6)
        >>> drift.follow(followed, sigma), drift.follow(followed * 2 + 1, sigma)  # whether they have moved
        (False, True)
        >>> drift.mean.round(decimals=3).tolist()
        [[1.0, 1.0], [3.0, 5.0]]
    """

    def __init__(self, mean: Tensor) -> None:
        self.origin = mean.clone()
        self.reference: Tensor | None = None
        self.now: Tensor | None = None
        self.map = AffineMap.identity(mean.shape[1])
        self.steps, self.left = 0, 0.0

    @property
    def looks(self) -> bool:
        """Whether the followed examples should be looked at in this step."""
        return self.steps % EVERY == 0

    @property
    def mean(self) -> Tensor:
        """Where the means lie now, shape (K, D)."""
        return self.map(self.origin)

    def follow(self, mean: Tensor, scale: Tensor) -> bool:
        """Fit the map to where the followed examples are now, shape (M, D); whether they have moved.

        Examples that are nowhere, for a weight is not finite any more, move nothing.
        """
        now = mean.double().cpu()
        if self.reference is None or self.now is None or now.shape != self.reference.shape:  # others than before
            self.reference = self.now = now
            self.origin, self.map = self.mean, AffineMap.identity(len(self.map.offset))
        if torch.equal(now, self.now) or not bool(now.isfinite().all()):
            return False
        self.now = now
        self.map = AffineMap.fitted(self.reference, now, RIDGE * float(scale.double().square().mean()))
        return True

    @property
    def due(self) -> bool:
        """Whether the time of reference should be moved up to now."""
        return self.steps >= PERIOD or not self.map.skew <= SKEW

    def restart(self, mean: Tensor) -> None:
        """Now is the time of reference, at which the means are these, shape (K, D)."""
        self.origin.copy_(mean)
        self.reference, self.steps = self.now, 0
        self.map = AffineMap.identity(mean.shape[1])

    def compare(self, nats: Tensor, known: Tensor) -> None:
        """Take up the divergences of new posteriors from what was held of their examples, (B,), where `known` is true.

        A device is waited for once.
        """
        nats = torch.where(known, nats.nan_to_num(FARTHEST).clamp(max=FARTHEST), 0)
        total, count = torch.stack([nats.sum(), known.sum().to(nats)]).tolist()
        if count:
            self.left = KEPT * self.left + (1 - KEPT) * total / count

    def write(self, rows: Tensor, mean: Tensor) -> None:
        """Those at `rows`, shape (B,), are now at `mean`, shape (B, D)."""
        self.origin[rows] = self.map.back(mean)

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold, so that `restore` makes it again."""
        names = ("origin", "reference", "now", "steps", "left")
        return {name: getattr(self, name) for name in names} | vars(self.map)

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "Drift":
        """The drift whose `state` this is."""
        drift = cls(state["origin"])
        drift.steps, drift.left = state["steps"], state["left"]
        drift.reference, drift.now = (None if x is None else x.cpu() for x in (state["reference"], state["now"]))
        drift.map = AffineMap(*(state[name].cpu().clone() for name in ("matrix", "offset")))
        return drift
