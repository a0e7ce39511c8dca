"""Adversaries: the players that an estimator brings to the game, beside the autoencoder."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn

from termwise.models.draw import Draw
from termwise.terms.laws import Law
from termwise.terms.link import Term


@dataclass(frozen=True)
class Adversary:
    """A player who learns something that an estimator needs, such as a critic.

    Attributes:
        name: Of the player, and of its network in the game, such as "critic of total correlation".
        network: What it owns and learns.
        build: Makes the network's layers, which take their shapes from a first draw.
        terms: What it minimises, each with its weight; what weighs 0 is logged only.
        moves: How often it moves in a round.
        optimizer: How: optimizer settings, a table of them, or None for the training's.
    """

    name: str
    network: nn.Module
    build: Callable[[Draw], None]
    terms: tuple[tuple[float, Term], ...]
    moves: int = 1
    optimizer: Any = None


@runtime_checkable
class Adversarial(Protocol):
    """An estimator that cannot do without players of its own."""

    @abstractmethod
    def adversaries(self, link: str, left: Law, right: Law) -> tuple[Adversary, ...]:
        """The players that learn the link of this name, from `left` to `right`."""
        ...
