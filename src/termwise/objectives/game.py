"""Games: players who own networks, each with an objective of its own. A plain VAE is a game of one."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from termwise.objectives.objective import Objective
from termwise.objectives.schedule import Weight
from termwise.terms.memory import Memory


class OptimizerSettings(BaseModel):
    """How a player moves."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: Weight = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)


@dataclass(frozen=True)
class Player:
    """Who learns: the networks that it owns, what it minimises, and how often it moves in a round.

    Attributes:
        owns: Names of the model's networks, such as "encoder"; nobody else moves them.
        optimizer: How it moves; the training's settings where left out.
    """

    name: str
    owns: tuple[str, ...]
    objective: Objective
    moves: int = 1
    optimizer: OptimizerSettings | None = None

    def parameters(self, model: nn.Module) -> list[nn.Parameter]:
        """The parameters of the networks that it owns."""
        return [p for name in self.owns for p in model.get_submodule(name).parameters()]


@dataclass(frozen=True)
class Game:
    """Players, who move in turn on fresh draws."""

    players: tuple[Player, ...]
    memories: tuple[Memory, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = {id(memory): memory for player in self.players for memory in player.objective.memories}
        object.__setattr__(self, "memories", tuple(found.values()))

    def state_dict(self) -> dict[str, Any]:
        """What the memories hold."""
        return {"memories": [memory.state_dict() for memory in self.memories]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what the memories held."""
        for memory, held in zip(self.memories, state["memories"], strict=True):
            memory.load_state_dict(held)


AUTOENCODER = ("encoder", "decoder", "likelihood", "prior")


def solo(objective: Objective) -> Game:
    """A game of one: the whole autoencoder minimises one objective."""
    return Game((Player("autoencoder", AUTOENCODER, objective),))
