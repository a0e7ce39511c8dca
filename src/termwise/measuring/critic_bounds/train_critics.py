"""Critics alone: what learns a ratio while the autoencoder stands still, to measure it or to warm a game up."""

import torch

from termwise.data.dataset import Dataset
from termwise.errors import NonFiniteLoss, Refused
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness
from termwise.objectives.game import Game
from termwise.objectives.optimizers import OptimizerSettings, optimizer_for
from termwise.schedules import as_schedule


def train_critics(
    game: Game,
    model: Drawable,
    data: Dataset,
    *,
    steps: int,
    batch_size: int = 256,
    optimizer: OptimizerSettings | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> None:
    """Let the players who own networks of the game's own move, on random batches; all others stand still.

    The layers of critics are made anew. The random state, and the model's mode, are left as they were.

    Args:
        game: Such as `solo(objective)` makes of an objective with a `DensityRatio`.
        model: Whose codes the laws are made of.
        data: What batches are drawn from; readings of the critics are to be taken on other data.
        steps: How many moves every critic makes.
        batch_size: Examples a move.
        optimizer: How critics move who bring no settings of their own.
        seed: Of the layers, batches and codes.
        device: Where the model is.

    Raises:
        Refused: The game has no networks of its own.
        NonFiniteLoss: A critic diverged; the message names it.
    """
    critics = [player for player in game.players if not game.networks.keys().isdisjoint(player.owns)]
    if not critics:
        raise Refused("This game has no critics. An estimator such as DensityRatio brings one.")
    passes = DataPass(model, data, device=device)
    with own_randomness(seed), evaluating(model), torch.enable_grad():
        game.build(passes.at(torch.arange(1)))
        for player in critics:
            settings = player.optimizer or optimizer or OptimizerSettings()
            networks = [game.networks[name].to(device).train() for name in player.owns]
            parameters = [parameter for network in networks for parameter in network.parameters()]
            move = optimizer_for(parameters, settings)
            for step in range(steps):
                order = torch.randint(len(data), (min(batch_size, len(data)),))
                loss = player.objective(passes.draw(next(iter(data.batches(len(order), order=order)))), step).total
                if not bool(loss.isfinite()):
                    raise NonFiniteLoss(f"The loss of {player.name!r} is not finite at step {step}. Lower its rate.")
                move.zero_grad()
                loss.backward(inputs=parameters)
                for group in move.param_groups:
                    group["lr"] = as_schedule(settings.learning_rate)(step)
                move.step()
