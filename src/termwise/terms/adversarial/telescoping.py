"""Ratios too great for one critic, bridged in steps (Rhodes, Xu and Gutmann, 2020).

Between the left law p_0 and the right law p_m stand waymarks p_k, the laws of mixed samples

    z_k = sqrt(1 - a_k^2) z_left + a_k z_right,    a_k = k / m,    k = 0, ..., m

so that log left/right = sum_k log p_(k-1)/p_k telescopes. Each step is small enough to be learnt: T_k tells p_(k-1)
from p_k, all by one network with m heads, and T = sum_k T_k.
"""

from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.critic import Critic, Widths
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.divergences import Divergence, Function
from termwise.terms.laws import Law
from termwise.values import Count, Natural, NonNegativeFinite


def waymark(left: Tensor, right: Tensor, step: int, steps: int) -> Tensor:
    """z_k of k = `step` out of m = `steps`, shape (B, D)."""
    share = step / steps
    return (1 - share**2) ** 0.5 * left + share * right


class Telescoping(DensityRatio):
    """`DensityRatio` by a sum of bridges.

    Args:
        waymarks: How many laws stand between the two; the critic has one head more.
        divergence: As of `DensityRatio`.
        critic: With waymarks + 1 heads, and not quadratic; two layers of 256 where left out.
        moves: How often the critic moves for every move of the autoencoder.
        optimizer: How it moves.
        swapped: As of `DensityRatio`.

    Example:
        >>> Telescoping(waymarks=3).label
        'KL plug-in of a critic, telescoped over 3 waymarks'
    """

    name = "telescoping"

    def __init__(
        self,
        waymarks: int = 4,
        divergence: str | Divergence | Function = "kl",
        critic: Critic | None = None,
        *,
        moves: int = 1,
        optimizer: Any = None,
        swapped: bool = False,
    ) -> None:
        steps = waymarks + 1
        critic = Critic(heads=steps) if critic is None else critic
        if waymarks < 1 or critic.heads != steps or critic.quadratic:
            raise Refused(
                f"Telescoping over {waymarks} waymarks, 1 or more, needs a critic with heads={steps} that is not "
                f"quadratic; got heads={critic.heads}, quadratic={critic.quadratic}."
            )
        super().__init__(divergence, critic, moves=moves, optimizer=optimizer, swapped=swapped)
        self.label = f"{self.label}, telescoped over {waymarks} waymarks"

    def contests(self, left: Law, right: Law, draw: Draw) -> tuple[Tensor, Tensor]:
        """T_k at p_(k-1)'s samples, and at p_k's, shape (B, m) each."""

        def compute() -> tuple[Tensor, Tensor]:
            first, last = (z.detach() for z in self.samples(left, right, draw))
            m = self.critic.heads
            codes = torch.cat([waymark(first, last, k, m) for k in range(m + 1)])  # ((m + 1) B, D)
            x = None
            if left.given_x:
                given = self.critic.given(draw)
                x = given.repeat(m + 1, *[1] * (given.dim() - 1))
            logits = self.critic.steps(codes, x).view(m + 1, -1, m)
            return logits[:-1].diagonal(dim1=0, dim2=2), logits[1:].diagonal(dim1=0, dim2=2)  # (B, m) each

        return draw.once(("contests", self, left.name, right.name), compute)


def ratio_by_critic(
    divergence: str | Divergence | Function = "kl",
    swapped: bool = False,
    waymarks: Natural = 0,
    moves: Count = 1,
    optimizer: Any = None,
    hidden: Widths = (256, 256),
    activation: str = "leaky-relu",
    quadratic: bool = False,
    spectral_norm: bool = False,
    gradient_penalty: NonNegativeFinite = 0.0,
) -> DensityRatio:
    """`DensityRatio`, or `Telescoping` where there are waymarks, and its critic, from options alone.

    Args:
        divergence: As of `DensityRatio`.
        swapped: As of `DensityRatio`.
        waymarks: How many laws stand between the two.
        moves: How often the critic moves for every move of the autoencoder.
        optimizer: How it moves.
        hidden: The critic's, as are the rest.
        activation: As of `Critic`.
        quadratic: As of `Critic`.
        spectral_norm: As of `Critic`.
        gradient_penalty: As of `Critic`.

    Example:
        >>> ratio_by_critic("jensen-shannon", hidden=(64,)).quantity
        'Jensen-Shannon by critic'
    """
    critic = Critic(
        hidden,
        activation,
        spectral_norm=spectral_norm,
        gradient_penalty=gradient_penalty,
        quadratic=quadratic,
        heads=waymarks + 1,
    )
    if waymarks:
        return Telescoping(waymarks, divergence, critic, moves=moves, optimizer=optimizer, swapped=swapped)
    return DensityRatio(divergence, critic, moves=moves, optimizer=optimizer, swapped=swapped)
