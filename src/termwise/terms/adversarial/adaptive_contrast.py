"""Adaptive contrast: the critic is spared what a normal can say (Mescheder et al., 2017, section 3.3).

The walk stops at a reference r(z|x), such as the normal with the moments of q(z|x):

    rate = KL(q(z|x) || r(z|x)) + E_q[log r(z|x) - log p(z)]

Only the first link needs a critic, and in the coordinates of r, for a normal z_bar = (z - mu) / sigma, it tells q from
N(0, I), which has the same first two moments, rather than from a prior far away. A change of coordinates leaves the
ratio as it is. The richer r, the less is left to the critic.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Critic, Widths
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.laws import Law
from termwise.terms.references.learned import LearnedReference
from termwise.terms.references.moments import ReferenceLaw
from termwise.terms.references.table import AnyReference, reference_from
from termwise.values import Count, NonNegativeFinite


class AdaptiveContrast(DensityRatio):
    """KL(q(z|x) || r(z|x)) by a critic of x and z_bar.

    Args:
        reference: r, the very law at which the link ends. One that is learned brings its player, who moves first.
        critic: Of x and z_bar; two layers of 256 where left out.
        moves: How often the critic moves for every move of the autoencoder.
        optimizer: How it moves.

    Example:
        >>> from termwise.terms import Link, MonteCarlo, Reference
        >>> r = Reference()
        >>> near, far = Link("posterior", r, AdaptiveContrast(r)), Link(r, "prior", MonteCarlo())
        >>> near.name, far.name
        ('reference_kl_by_critic', 'reference_to_prior')
    """

    name = "adaptive-contrast"

    def __init__(
        self, reference: ReferenceLaw, critic: Critic | None = None, *, moves: int = 1, optimizer: Any = None
    ) -> None:
        super().__init__("kl", critic, moves=moves, optimizer=optimizer)
        self.reference = reference

    def check(self, left: Law, right: Law) -> None:
        """Refuse any pair but the posterior and this very reference."""
        if left.name != "posterior" or right is not self.reference:
            raise Refused(
                f"Adaptive contrast goes from the posterior to the reference that it is given; got {left.name} -> "
                f"{right.name}. Give Link('posterior', reference, AdaptiveContrast(reference)) one reference."
            )
        super().check(left, right)

    def logits_at(self, several: Sequence[Tensor], left: Law, draw: Draw) -> tuple[Tensor, ...]:
        """T at several batches of codes, in the coordinates of r: shape (B,) each."""
        return self.critic.at_all([self.reference.standardised(z, draw) for z in several], draw.given)

    def adversaries(self, link: str, left: Law, right: Law) -> tuple[Adversary, ...]:
        """The critic; before it the reference, where it learns."""
        critics = super().adversaries(link, left, right)
        if not isinstance(self.reference, LearnedReference):
            return critics
        return (self.reference.adversary(self.optimizer), *critics)


def contrast_by_critic(
    reference: AnyReference = "moments",
    moves: Count = 1,
    optimizer: Any = None,
    hidden: Widths = (256, 256),
    activation: str = "leaky-relu",
    spectral_norm: bool = False,
    gradient_penalty: NonNegativeFinite = 0.0,
) -> AdaptiveContrast:
    """`AdaptiveContrast` and its critic, from options alone.

    Args:
        reference: One of `REFERENCES`, by name or as a table with its options, or a law.
        moves: How often the critic moves for every move of the autoencoder.
        optimizer: How it moves.
        hidden: The critic's, as are the rest.
        activation: As of `Critic`.
        spectral_norm: As of `Critic`.
        gradient_penalty: As of `Critic`.
    """
    critic = Critic(hidden, activation, spectral_norm=spectral_norm, gradient_penalty=gradient_penalty)
    return AdaptiveContrast(reference_from(reference), critic, moves=moves, optimizer=optimizer)
