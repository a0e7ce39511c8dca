"""What the code knows of what stands beside x, by a classifier that reads it there.

    classifier:   E[-log D(s|z)]                   lowest at D(s|z) = p(s|z), where it is H(s) - I(z; s)
    autoencoder:  E[log D(s|z)] - E[log p(s)]      D's parameters constants: a lower bound on I(z; s), for every D

The autoencoder minimises what the classifier maximises (Lample et al., 2017, eqs. 2 and 3), and so takes s out of the
code as far as the classifier can find it there. Of a number D is a density (`side_law.py`).
"""

from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Widths, as_constants
from termwise.terms.adversarial.side_law import SideLaw
from termwise.terms.aggregate.memory import groups_of
from termwise.terms.laws import Law
from termwise.values import Count


class SideClassifier:
    """I(z; s) from below, by a classifier that plays beside the autoencoder; on the link conditional -> aggregate.

    Args:
        hidden: The widths of its hidden layers.
        moves: How often it moves for every move of the autoencoder.
        optimizer: How it moves: OptimizerSettings, or a table of them; the training's where left out.

    Example:
        >>> from termwise.objectives import distortion, side_information, solo
        >>> game = solo(distortion() + side_information(SideClassifier(hidden=(64,))))
        >>> [player.name for player in game.players]
        ['autoencoder', 'classifier of what stands beside x']
    """

    name = "classifier"
    quantity, unit = "KL by classifier", "nats"
    label = "cross-entropy of a classifier"

    def __init__(self, hidden: Widths = (256, 256), moves: Count = 1, optimizer: Any = None) -> None:
        self.network, self.moves, self.optimizer = SideLaw(hidden), moves, optimizer

    def check(self, left: Law, right: Law) -> None:
        """From the conditional law to the aggregate alone."""
        if (left.name, right.name) != ("conditional", "aggregate"):
            raise Refused(
                f"A classifier reads what stands beside x off the codes, on the link conditional -> aggregate; got "
                f"{left.name} -> {right.name}. There use MonteCarlo, or DensityRatio."
            )

    def bias(self, link: str) -> str:
        """From below, whatever the classifier has learned."""
        return "a lower bound in expectation, by a classifier in training"

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """log D(s|z) - log p(s), shape (B,); its gradient reaches the codes, and no parameter of the classifier."""
        groups_of(draw)
        with as_constants(self.network.parameters()):
            return self.network.log_ratio(left.sample(draw), draw)

    def adversaries(self, link: str, left: Law, right: Law) -> tuple[Adversary, ...]:
        """The classifier, who minimises its cross-entropy; its accuracy is logged."""
        name = "classifier of what stands beside x"
        terms = ((1.0, SideCrossEntropy(self.network, left)), (0.0, SideAccuracy(self.network, left)))
        return (Adversary(name, self.network, self.network.build, terms, self.moves, self.optimizer),)


class SideCrossEntropy:
    """What the classifier minimises, at codes that are constants: less the entropy of s, so that 0 tells nothing.

    Args:
        side: D(s|z).
        law: The law of the codes.
    """

    name, unit, label, bias = "side_cross_entropy", "nats", "Monte Carlo", "unbiased"
    memory = None

    def __init__(self, side: SideLaw, law: Law) -> None:
        self.side, self.law = side, law

    def __call__(self, draw: Draw) -> Tensor:
        """log p(s) - log D(s|z), shape (B,)."""
        return -self.side.log_ratio(self.law.sample(draw).detach(), draw)


class SideAccuracy:
    """How often the classifier is right: of categories, or of a number's side of its median; without gradient.

    Args:
        side: D(s|z).
        law: The law of the codes.
    """

    name, unit, label, bias = "side_accuracy", "share", "Monte Carlo", "unbiased"
    memory = None

    def __init__(self, side: SideLaw, law: Law) -> None:
        self.side, self.law = side, law

    @torch.no_grad()
    def __call__(self, draw: Draw) -> Tensor:
        """1 where it is right, 0 where not, shape (B,)."""
        z = self.law.sample(draw)
        return self.side.right(z, draw).to(z)
