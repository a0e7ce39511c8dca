"""Laws held still: of a link's two laws the one whose parameters get no gradient of it.

KL(sg(left) || right) moves the right law alone, and KL(left || sg(right)) the left one; their weighted sum is the KL,
balanced (Hafner et al., 2021, algorithm 2). A law that stands still is a function of codes alone,

    log p(z) + (z - sg(z)) d/dz log p(z),    the density sg'd, its slope taken at the code

so that the value is the law's and the gradient what reaches the code, whatever the law is made of.
"""

from collections.abc import Callable
from copy import copy
from typing import Literal, cast

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.distributions import detached
from termwise.models.draw import Draw
from termwise.terms.laws import Closed, Factorised, Law

End = Literal["from", "to"]
"""Which end of a link stands still: the law nearer to the posterior, or that nearer to the prior."""

BESIDE_LAWS = ("moments", "hsic", "classifier", "adaptive-contrast")
"""Estimators that look at a draw beside its laws, and so cannot hold one still."""


class Still:
    """A law as a constant: its samples have no gradient, and its density that of the code alone.

    Example:
        >>> from termwise.models import VAE
        >>> from termwise.terms.laws import law
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> still = Still(law("posterior"))
        >>> still.sample(draw).requires_grad, still.distribution(draw).mean.requires_grad
        (False, False)
    """

    def __init__(self, law: Law) -> None:
        self.law, self.name, self.given_x = law, law.name, law.given_x

    def sample(self, draw: Draw) -> Tensor:
        """One code per example, shape (B, D), as a constant."""
        return self.law.sample(draw).detach()

    def factorises(self, draw: Draw) -> bool:
        """Whether it is a product over dimensions."""
        return self.law.factorises(draw)

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of codes z, shape (B, D): shape (B,), nats."""
        return _of_the_code(self.law.log_prob, z, draw)

    def log_prob_by_dimension(self, z: Tensor, draw: Draw) -> Tensor:
        """Log-density of each dimension, nats, as the law has it."""
        return _of_the_code(cast(Factorised, self.law).log_prob_by_dimension, z, draw)

    def distribution(self, draw: Draw) -> Distribution:
        """The law as a torch Distribution, its tensors constants.

        Raises:
            Refused: It holds a network, which its tensors do not show.
        """
        law = detached(cast(Closed, self.law).distribution(draw))
        if law.log_prob(draw.z.detach()).requires_grad:
            raise Refused(f"The {self.name} ({type(law).__name__}) holds a network, and has no closed form held still.")
        return law


def held(draw: Draw, end: End) -> Draw:
    """The same draw for a link of which one end stands still: its codes are constants where it is the left one.

    Example:
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> held(draw, "from").z.requires_grad, bool(torch.equal(held(draw, "from").z, draw.z))
        (False, True)
    """
    codes = draw.codes
    other = copy(draw)
    other._memory = {}  # what is remembered of the laws as they move
    if end == "from":
        other.codes = codes.detached()
    return other


def check_end(end: str | None, estimator: str, left: str) -> None:
    """Raise Refused where no end, or no estimator, can be held still so.

    Example:
        >>> check_end("left", "monte-carlo", "posterior")
        Traceback (most recent call last):
        termwise.errors.Refused: stop_gradient is 'from' or 'to', the end of the link that gets no gradient; got 'left'.
    """
    if end not in (None, "from", "to"):
        raise Refused(f"stop_gradient is 'from' or 'to', the end of the link that gets no gradient; got {end!r}.")
    if end is not None and (estimator in BESIDE_LAWS or (estimator == "kernel" and left == "conditional")):
        raise Refused(
            f"The estimator {estimator!r} from {left} looks at codes beside the laws, and cannot hold one of them "
            "still. Leave stop_gradient out, or take 'monte-carlo', 'closed-form' or 'density-ratio'."
        )


def _of_the_code(density: Callable[[Tensor, Draw], Tensor], z: Tensor, draw: Draw) -> Tensor:
    values = density(z, draw).detach()
    if not (z.requires_grad and torch.is_grad_enabled()):
        return values
    at = z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(density(at, draw).sum(), at)
    moved = slope * (z - z.detach())  # 0, with a gradient
    if values.dim() == 1 or values.shape != moved.shape:  # of numbers of which several are one dimension
        moved = moved.sum(1)
    return values + (moved.unsqueeze(1) / values.shape[1] if moved.dim() < values.dim() else moved).to(values.dtype)
