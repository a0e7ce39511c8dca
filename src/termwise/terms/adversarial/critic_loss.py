"""What a critic minimises, and what it is watched by. T is its logit, codes are constants.

cross-entropy      E_left softplus(-T) + E_right softplus(T), nats: 2 log 2 = 1.39 of a critic that tells nothing
accuracy           the share of both laws' samples that the sign of T tells apart: 1/2 of such a critic
logits             E_left T and E_right T, at the optimum KL(left || right) and -KL(right || left)
gradient penalty   E |grad_z T|^2 over both laws' samples (Mescheder, Geiger and Nowozin, 2018, eqs. 9 and 10)
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from termwise.models.draw import Draw

Pairs = Callable[[Draw], tuple[Tensor, Tensor]]
"""A function of a draw that gives something of the left law and the same of the right one."""

SEPARATED = 0.995
"""The accuracy from which on a critic is said to tell its laws apart without fail."""


class PerfectSeparation(UserWarning):
    """A critic tells two laws apart without fail: their ratio is beyond what samples can say."""


def cross_entropy(left: Tensor, right: Tensor) -> Tensor:
    """The critic's loss by pair of samples, nats: 2 log 2 where it tells nothing.

    Args:
        left: T at samples of the left law, shape (B,), or (B, K) of K contests.
        right: T at samples of the right law, likewise.
    """
    return softplus(-left) + softplus(right)


def accuracy(left: Tensor, right: Tensor) -> Tensor:
    """The share of each pair of samples that the sign of T tells rightly, 0, 1/2 or 1; shapes as of `cross_entropy`."""
    return 0.5 * ((left > 0).to(left.dtype) + (right < 0).to(right.dtype))


def separation(terms: Mapping[str, float]) -> str | None:
    """What to say of a critic whose mean `accuracy` and `cross_entropy` on fresh samples are these; None if nothing."""
    if "cross_entropy" not in terms or terms.get("accuracy", 0.0) < SEPARATED:
        return None
    return (
        f"the critic tells {terms['accuracy']:.2%} of fresh samples apart, at a cross-entropy of "
        f"{terms['cross_entropy']:.2g} nats. Where laws do not overlap their ratio is unknown, and the plug-in says "
        "how far the critic has got, not how far apart the laws are. Add noise to the codes, penalise the critic's "
        "gradient, or bridge the laws in steps (Telescoping)."
    )


class CrossEntropy:
    """The critic's loss, summed over its contests.

    Args:
        contests: T of what the critic is to call left, and of what right, shape (B,) or (B, K) each.
    """

    name, unit, label, bias = "cross_entropy", "nats", "samples of both laws", "unbiased"
    memory = None

    def __init__(self, contests: Pairs) -> None:
        self.contests = contests

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,) or (B, K), nats."""
        return cross_entropy(*self.contests(draw))


class Accuracy:
    """How well the critic does, on average over its contests; without gradient.

    Args:
        contests: As the loss has them.
    """

    name, unit, label, bias = "accuracy", "share", "samples of both laws", "unbiased"
    memory = None

    def __init__(self, contests: Pairs) -> None:
        self.contests = contests

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), between 0 and 1."""
        shares = accuracy(*self.contests(draw))  # comparisons, which have no gradient
        return shares if shares.dim() == 1 else shares.mean(1)


class MeanLogit:
    """T at the samples of one law, on average over the critic's contests; without gradient.

    Args:
        name: "left_logit" or "right_logit".
        contests: As the loss has them.
    """

    unit, label, bias = "nats", "samples of one law", "unbiased"
    memory = None

    def __init__(self, name: Literal["left_logit", "right_logit"], contests: Pairs) -> None:
        self.name: str = name
        self.contests = contests

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        left, right = self.contests(draw)
        logit = (left if self.name == "left_logit" else right).detach()
        return logit if logit.dim() == 1 else logit.mean(1)


class GradientPenalty:
    """How steep T is where both laws have their samples, squared; its gradient reaches the critic.

    Args:
        samples: Codes of both laws, shape (B, D) each.
        logit: T at codes, shape (B,).
    """

    name, unit, label, bias = "gradient_penalty", "units", "samples of both laws", "unbiased"
    memory = None

    def __init__(self, samples: Pairs, logit: Callable[[Tensor, Draw], Tensor]) -> None:
        self.samples, self.logit = samples, logit

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,)."""
        left, right = self.samples(draw)
        return self._steepness(left, draw) + self._steepness(right, draw)

    def _steepness(self, z: Tensor, draw: Draw) -> Tensor:
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.logit(at, draw).sum(), at, create_graph=True)
            return slope.square().sum(1)
