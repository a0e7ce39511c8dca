"""Optimizers: how a player moves, as its settings say; by name, one row each."""

from typing import Annotated

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError
from torch import nn
from torch.optim import Optimizer

from termwise.errors import Refused, UnknownName
from termwise.registry import Registry, Row
from termwise.schedules import Weight, as_schedule
from termwise.values import NonNegativeFinite, Share

Parameters = list[nn.Parameter]
"""What a player owns and an optimizer moves."""


def _in_the_table(name: str) -> str:
    try:
        return OPTIMIZERS[name].name
    except UnknownName as error:
        raise PydanticCustomError("unknown_name", "{message}", {"message": str(error)}) from None


class OptimizerSettings(BaseModel):
    """How a player moves: the optimizer's name, its learning rate, and what else it is given.

    Attributes:
        name: One of `OPTIMIZERS`.
        learning_rate: A number, or a schedule of one over the training's steps.
        betas: Of Adam's averages of the gradient and of its square.
        weight_decay: Of all parameters; decoupled under AdamW.
        momentum: Of RMSprop and SGD.

    Example:
        >>> OptimizerSettings(learning_rate={"schedule": "cosine", "start": 1e-3, "steps": 500}).learning_rate(250)
        0.0005
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, AfterValidator(_in_the_table)] = "adam"
    learning_rate: Weight = 1e-3
    betas: tuple[Share, Share] = (0.9, 0.999)
    weight_decay: NonNegativeFinite = 0.0
    momentum: Share = 0.0

    def over(self, run: int) -> "OptimizerSettings":
        """The same over a run of so many steps, of which the schedule of its learning rate may be a share."""
        if isinstance(self.learning_rate, int | float):
            return self
        return self.model_copy(update={"learning_rate": self.learning_rate.over(run)})


def adam(parameters: Parameters, rate: float, settings: OptimizerSettings) -> Optimizer:
    """Adam (Kingma and Ba, 2015, algorithm 1)."""
    decay = settings.weight_decay
    return torch.optim.Adam(parameters, lr=rate, betas=settings.betas, weight_decay=decay, fused=True)


def adamw(parameters: Parameters, rate: float, settings: OptimizerSettings) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2)."""
    decay = settings.weight_decay
    return torch.optim.AdamW(parameters, lr=rate, betas=settings.betas, weight_decay=decay, fused=True)


def rmsprop(parameters: Parameters, rate: float, settings: OptimizerSettings) -> Optimizer:
    """RMSprop (Tieleman and Hinton, 2012)."""
    decay, momentum = settings.weight_decay, settings.momentum
    return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay, momentum=momentum)


def sgd(parameters: Parameters, rate: float, settings: OptimizerSettings) -> Optimizer:
    """Stochastic gradient descent, with momentum where the settings say so."""
    return torch.optim.SGD(parameters, lr=rate, weight_decay=settings.weight_decay, momentum=settings.momentum)


OPTIMIZERS: Registry[Row] = Registry(
    "optimizer",
    "termwise.optimizers",
    [
        Row("adam", adam, "Adam"),
        Row("adamw", adamw, "Adam with decoupled weight decay"),
        Row("rmsprop", rmsprop, "RMSprop, with momentum"),
        Row("sgd", sgd, "stochastic gradient descent, with momentum"),
    ],
)
"""Optimizers by name; a row makes one of (parameters, learning rate at the first step, settings)."""


def optimizer_for(parameters: Parameters, settings: OptimizerSettings) -> Optimizer:
    """The optimizer of a player's parameters, at the learning rate of the first step.

    Raises:
        Refused: The learning rate would be negative.

    Example:
        >>> parameters = [nn.Parameter(torch.zeros(2))]
        >>> optimizer_for(parameters, OptimizerSettings(name="sgd", learning_rate=0.1)).defaults["lr"]
        0.1
    """
    schedule = as_schedule(settings.learning_rate)
    if schedule.least() < 0:
        raise Refused(f"A learning rate must be 0 or more; this one would be {schedule.least():g}.")
    return OPTIMIZERS[settings.name].maker(parameters, schedule(0), settings)
