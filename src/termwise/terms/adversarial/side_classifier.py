"""What the code knows of what stands beside x, by a classifier that reads it there.

    classifier:   E[-log D(s|z)]                   lowest at D(s|z) = p(s|z), where it is H(s) - I(z; s)
    autoencoder:  E[log D(s|z)] - E[log p(s)]      D's parameters constants: a lower bound on I(z; s), for every D

The autoencoder minimises what the classifier maximises (Lample et al., 2017, eqs. 2 and 3), and so takes s out of the
code as far as the classifier can find it there.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Critic, Widths, as_constants
from termwise.terms.aggregate.memory import groups_of, index_of
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
        self.network, self.moves, self.optimizer = Critic(hidden), moves, optimizer

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
        with as_constants(self.network.parameters()):
            told = -self.cross_entropy(left.sample(draw), draw)
        groups = groups_of(draw)
        shares = groups.bincount().to(told) / len(groups)
        return told - shares.log()[groups[index_of(draw)]]

    def adversaries(self, link: str, left: Law, right: Law) -> tuple[Adversary, ...]:
        """The classifier, who minimises its cross-entropy; its accuracy is logged."""
        name = "classifier of what stands beside x"
        terms = ((1.0, SideCrossEntropy(self, left)), (0.0, SideAccuracy(self, left)))
        return (Adversary(name, self.network, self._build, terms, self.moves, self.optimizer),)

    def cross_entropy(self, z: Tensor, draw: Draw) -> Tensor:
        """-log D(s|z) at codes z, shape (B, D), of the draw's examples: shape (B,), nats."""
        return cross_entropy(self.logits(z), groups_of(draw)[index_of(draw)], reduction="none")

    def logits(self, z: Tensor) -> Tensor:
        """log D(s|z) up to a constant, of codes z, shape (B, D): shape (B, groups)."""
        return self.network.steps(z)

    def _build(self, draw: Draw) -> None:
        self.network.heads = int(groups_of(draw).max()) + 1
        self.network.build(draw, given_x=False)


class SideCrossEntropy:
    """What the classifier minimises, at codes that are constants.

    Args:
        classifier: The estimator whose it is.
        law: The law of the codes.
    """

    name, unit, label, bias = "side_cross_entropy", "nats", "Monte Carlo", "unbiased"
    memory = None

    def __init__(self, classifier: SideClassifier, law: Law) -> None:
        self.classifier, self.law = classifier, law

    def __call__(self, draw: Draw) -> Tensor:
        """-log D(s|z), shape (B,)."""
        return self.classifier.cross_entropy(self.law.sample(draw).detach(), draw)


class SideAccuracy:
    """How often the classifier's likeliest s is the right one; without gradient.

    Args:
        classifier: The estimator whose it is.
        law: The law of the codes.
    """

    name, unit, label, bias = "side_accuracy", "share", "Monte Carlo", "unbiased"
    memory = None

    def __init__(self, classifier: SideClassifier, law: Law) -> None:
        self.classifier, self.law = classifier, law

    @torch.no_grad()
    def __call__(self, draw: Draw) -> Tensor:
        """1 where it is right, 0 where not, shape (B,)."""
        z = self.law.sample(draw)
        return (self.classifier.logits(z).argmax(1) == groups_of(draw)[index_of(draw)]).to(z)
