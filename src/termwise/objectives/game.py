"""Games: players who own networks, each with an objective of its own. A plain VAE is a game of one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError
from torch import nn

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.objectives.objective import Breakdown, Objective, Weighted
from termwise.objectives.optimizers import OptimizerSettings
from termwise.schedules import Constant
from termwise.terms.adversarial.adversary import Adversarial, Adversary
from termwise.terms.aggregate.memory import Memory
from termwise.terms.link import Link
from termwise.values import Count, checked


@dataclass(frozen=True)
class Player:
    """Who learns: the networks that it owns, what it minimises, and how often it moves in a round.

    Attributes:
        owns: Names of networks: the game's, such as a critic, or the model's, such as "encoder"; nobody else moves
            them.
        optimizer: How it moves; the training's settings where left out.
    """

    name: str
    owns: tuple[str, ...]
    objective: Objective
    moves: Count = 1
    optimizer: OptimizerSettings | None = None

    def parameters(self, model: nn.Module, networks: Mapping[str, nn.Module] | None = None) -> list[nn.Parameter]:
        """The parameters of what it owns: of the game's `networks`, else of the model's."""
        games = networks or {}
        owned = [games[name] if name in games else model.get_submodule(name) for name in self.owns]
        return [parameter for network in owned for parameter in network.parameters()]

    def over(self, run: int) -> "Player":
        """The same over a run of so many steps, of which its schedules may be shares."""
        optimizer = None if self.optimizer is None else self.optimizer.over(run)
        return replace(self, objective=self.objective.over(run), optimizer=optimizer)


Moves = Mapping[str, Breakdown]
"""The objective of each player, by the player's name, as its move began."""


@dataclass(frozen=True)
class Game:
    """Players, who move in turn on fresh draws, or all at once on one.

    Attributes:
        players: The first is the one whose objective is looked at on held-out data.
        networks: What players own beside the model's networks, such as critics.
        builders: What makes each of these, from a first draw, where its layers wait for one.
        at_once: Whether all move from one draw and one state of the weights, a move each.
        together: Whether codes of the posterior and of the prior are decoded together, as `Draw` has it.
        sits_out: Of players who move at once, the names of those who leave this round out.

    Example:
        >>> from termwise.objectives import recipe
        >>> [player.name for player in recipe("factor-vae").turns]
        ['critic of total correlation', 'autoencoder']

    Raises:
        Refused: Players have one name; or they move at once, and several times.
    """

    players: tuple[Player, ...]
    networks: Mapping[str, nn.Module] = field(default_factory=dict)
    builders: Mapping[str, Callable[[Draw], None]] = field(default_factory=dict)
    at_once: bool = False
    together: bool = False
    sits_out: Callable[[Moves], set[str]] | None = None
    memories: tuple[Memory, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = [player.name for player in self.players]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise Refused(f"Two players are called {', '.join(twice)}. Give each a name, and a network, of its own.")
        if self.at_once and any(player.moves > 1 for player in self.players):
            raise Refused("Players who move at once make one move a round. Leave moves out, or let them move in turn.")
        if self.sits_out is not None and not self.at_once:
            raise Refused("Only players who move at once can be told to sit a round out. Set at_once=True.")
        memories = {id(memory): memory for player in self.players for memory in player.objective.memories}
        object.__setattr__(self, "memories", tuple(memories.values()))

    @property
    def turns(self) -> tuple[Player, ...]:
        """The players in the order in which they move: who owns networks of the game's own, such as a critic, first."""
        return tuple(sorted(self.players, key=lambda player: self.networks.keys().isdisjoint(player.owns)))

    def over(self, run: int) -> "Game":
        """The same players, networks and memories over a run of so many steps: shares of the run are steps.

        Example:
            >>> from termwise.objectives import recipe
            >>> ramp = recipe("capacity").over(1000).players[0].objective
            >>> ramp.ends()
            800
        """
        return replace(self, players=tuple(player.over(run) for player in self.players))

    def parameters(self, player: Player, model: nn.Module) -> list[nn.Parameter]:
        """The parameters that a player moves."""
        return player.parameters(model, self.networks)

    def build(self, draw: Draw) -> None:
        """Make the layers of the game's networks, which wait for a draw's shapes."""
        for builder in self.builders.values():
            builder(draw)

    def state_dict(self) -> dict[str, Any]:
        """The state of the memories and of the game's networks, for a checkpoint."""
        return {
            "memories": [memory.state_dict() for memory in self.memories],
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state of the memories, and of the networks, which must have been built."""
        for memory, saved in zip(self.memories, state["memories"], strict=True):
            memory.load_state_dict(saved)
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])


ENCODER, DECODER = ("encoder", "family"), ("decoder", "likelihood", "prior")
AUTOENCODER = ENCODER + DECODER


@checked
def solo(objective: Objective, optimizer: OptimizerSettings | None = None) -> Game:
    """A game of the whole autoencoder, which minimises one objective, and of the players that its estimators bring.

    Args:
        objective: The autoencoder's.
        optimizer: How the autoencoder moves; the training's settings where left out.

    Raises:
        Refused: Two links share a critic.

    Example:
        >>> from termwise.objectives import distortion, rate
        >>> from termwise.terms import ClosedForm
        >>> [player.name for player in solo(distortion() + 4.0 * rate(ClosedForm())).players]
        ['autoencoder']
    """
    brought = [one for _, one in adversaries(objective)]
    if len({id(one.network) for one in brought}) < len(brought):
        raise Refused("Two links share a critic, and each has a ratio of its own to learn. Give each its estimator.")
    return against(Player("autoencoder", AUTOENCODER, objective, optimizer=optimizer), brought)


def against(player: Player, adversaries: Sequence[Adversary]) -> Game:
    """A game of a player and of the adversaries that its objective needs, who move in turn."""
    players = [player]
    for one in adversaries:
        parts = tuple(Weighted(term, Constant(value=weight)) for weight, term in one.terms)
        players.append(Player(one.name, (one.name,), Objective(parts), one.moves, _settings(one.optimizer)))
    return Game(
        tuple(players),
        {one.name: one.network for one in adversaries},
        {one.name: one.build for one in adversaries},
    )


def adversaries(objective: Objective) -> Iterator[tuple[str, Adversary]]:
    """The players that an objective's estimators bring, each with the name of the term that needs it."""
    for part in objective.parts:
        if isinstance(part.term, Link) and isinstance(part.term.estimator, Adversarial):
            for one in part.term.estimator.adversaries(part.term.name, part.term.left, part.term.right):
                yield part.term.name, one


def _settings(given: Any) -> OptimizerSettings | None:
    """A player's settings, from themselves, a table, or None."""
    try:
        return None if given is None else OptimizerSettings.model_validate(given)
    except ValidationError as error:
        raise Refused(
            'A critic\'s optimizer is OptimizerSettings or a table of them, such as {name = "adam", learning_rate = '
            f"1e-4}}; got {given!r}: {'; '.join(mistake['msg'] for mistake in error.errors())}."
        ) from None
