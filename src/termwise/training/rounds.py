"""Rounds of a game: in each, every player makes its moves on one batch.

Players move in turn, each on a fresh draw of the batch, since others have moved; those who do not move the model share
what it infers of the batch. Or all move at once, from one draw and from the weights as they were.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from termwise.data.batch import Batch
from termwise.errors import NonFiniteLoss, NotFinite
from termwise.models.data_parallel import average_gradients
from termwise.models.data_pass import DataPass
from termwise.models.draw import Draw
from termwise.models.vae import VAE
from termwise.objectives.game import Game, Player
from termwise.objectives.objective import Breakdown
from termwise.objectives.optimizers import OptimizerSettings, optimizer_for
from termwise.schedules import as_schedule
from termwise.terms.adversarial.critic import as_constants
from termwise.training.config import TrainingSection
from termwise.training.diagnosis import diagnose_codes, diagnose_loss
from termwise.training.engine import Engine
from termwise.training.first_look import scale_at_fault
from termwise.training.gradients import backward
from termwise.training.late_look import LateLook
from termwise.training.running_means import RunningMeans


class Rounds:
    """Plays a game, round by round.

    Args:
        model: The model that is trained.
        game: Who trains it, and towards what; its networks must have been built.
        passes: The training data, through the model.
        engine: The device and the precision.
        settings: The optimizer of players who have none of their own, and the largest norm of a gradient.
        checkpoint: Where the last good checkpoint is, for the error that ends a training.

    Attributes:
        own: The parameters that each player moves, by the player's name.
        optimizers: What moves them, by the player's name.
        means: The means of each player's terms over the epoch so far.
    """

    def __init__(
        self, model: VAE, game: Game, passes: DataPass, engine: Engine, settings: TrainingSection, checkpoint: Path
    ) -> None:
        self.game, self.passes, self.engine, self.settings, self.checkpoint = game, passes, engine, settings, checkpoint
        self.own = {player.name: game.parameters(player, model) for player in game.players}
        everyone = list(nn.ModuleList([model, *game.networks.values()]).parameters())
        self._others = {name: _without(everyone, own) for name, own in self.own.items()}
        self.optimizers = {
            player.name: optimizer_for(self.own[player.name], self._settings_of(player)) for player in game.players
        }
        self.means = {player.name: RunningMeans() for player in game.players}
        self._looks: list[tuple[LateLook, Player, Breakdown, Draw]] = []

    def play(self, batch: Batch, step: int) -> None:
        """A move, or several, of every player on a batch; `step` rounds were played before."""
        if self.game.at_once:
            self.all_at_once(self.draw(batch), step)
        else:
            self.in_turn(batch, step)

    def draw(self, batch: Batch) -> Draw:
        """A fresh draw of a batch."""
        return self.passes.draw(batch, together=self.game.together)

    def in_turn(self, batch: Batch, step: int) -> None:
        """A move, or several, of every player, on fresh draws."""
        shared: Draw | None = None
        for player in self.game.turns:
            stands_still = self.game.networks.keys() >= set(player.owns)
            for _ in range(player.moves):
                shared = shared or self.draw(batch)
                with as_constants(self._others[player.name]):
                    self.move(player, shared.again(inferred=stands_still), step)
                shared = shared if stands_still else None

    def all_at_once(self, draw: Draw, step: int) -> None:
        """A move of every player who does not sit it out, from one draw and from the weights as they were."""
        moves = {player.name: self.objective_of(player, draw, step) for player in self.game.players}
        idle = set() if self.game.sits_out is None else self.game.sits_out(moves)
        moving = [player for player in self.game.turns if player.name not in idle]
        for player in moving:
            self._forget_gradients(player)
        backward([(moves[player.name], self.own[player.name]) for player in moving])
        self.look(step)
        for player in moving:
            self._descend(player, step)

    def move(self, player: Player, draw: Draw, step: int) -> None:
        """A step of one player down its objective on a draw."""
        breakdown = self.objective_of(player, draw, step)
        self._forget_gradients(player)
        self.engine.backward(breakdown.total)
        self.look(step)
        self._descend(player, step)

    def objective_of(self, player: Player, draw: Draw, step: int) -> Breakdown:
        """The player's objective on a draw, which its memories observe and its running means take up.

        Whether it is finite is for `look` to say; on the CPU, where it costs nothing, it is looked at right away.
        """
        try:
            with self.engine.autocast(), self.passes.unread() as whole:
                for memory in player.objective.memories:
                    memory.observe(draw)
                breakdown = player.objective(draw, step)
        except NotFinite as error:
            raise self._diverged(error, step) from None
        self._looks.append((LateLook(breakdown.total, whole), player, breakdown, draw))
        if self._looks[-1][0].is_here:
            self.look(step)
        self.means[player.name].add(breakdown)
        return breakdown

    def look(self, step: int) -> None:
        """Look at whether all objectives were finite that were not looked at yet, before they move anything.

        Raises:
            NonFiniteLoss: One is not finite; the message says which term, and who is at fault. Or a memory found
                posteriors that are none.
        """
        looks, self._looks = self._looks, []
        for one, player, breakdown, draw in looks:
            finite, *whole = one.answers()
            if not all(whole):
                try:
                    self.passes.refuse()
                except NotFinite as error:
                    raise self._diverged(error, step) from None
            if not finite:
                broken, scale = self.broken_player(), scale_at_fault(self.passes)
                raise NonFiniteLoss(
                    diagnose_loss(self.game, player, breakdown, draw, broken, step, self.checkpoint, scale)
                )

    def _diverged(self, error: NotFinite, step: int) -> NonFiniteLoss:
        return NonFiniteLoss(diagnose_codes(self.game, str(error), step, self.checkpoint, scale_at_fault(self.passes)))

    def broken_player(self) -> str | None:
        """The first player, in the order of play, whose weights are no longer finite; None where all are."""
        for player in self.game.turns:
            whole = [torch.isfinite(parameter).all() for parameter in self.own[player.name]]
            if whole and not torch.stack(whole).all():
                return player.name
        return None

    def lines(self, step: int) -> list[dict[str, Any]]:
        """What the epoch's rounds came to, a line of metrics.jsonl a player; the running means begin anew."""
        lines = []
        for player in self.game.players:
            *means, loss = self.means[player.name].means()
            weights = [part.weighs(step) for part in player.objective.parts]
            lines.append(
                {
                    **({} if len(self.game.players) == 1 else {"player": player.name}),
                    "loss": loss,
                    "terms": dict(zip(player.objective.names, means, strict=True)),
                    "weights": dict(zip(player.objective.names, weights, strict=True)),
                    "learning_rate": as_schedule(self._settings_of(player).learning_rate)(step),
                }
            )
            self.means[player.name] = RunningMeans()
        return lines

    def _settings_of(self, player: Player) -> OptimizerSettings:
        return player.optimizer or self.settings.optimizer

    def _forget_gradients(self, player: Player) -> None:
        """As an optimizer does it, without what that records of itself."""
        for parameter in self.own[player.name]:
            parameter.grad = None

    def _descend(self, player: Player, step: int) -> None:
        """A step down the gradients that the player's parameters have."""
        optimizer = self.optimizers[player.name]
        average_gradients(self.own[player.name], self.engine.ranks)
        if self.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.own[player.name], self.settings.gradient_clip, foreach=True)
        for group in optimizer.param_groups:
            group["lr"] = as_schedule(self._settings_of(player).learning_rate)(step)
        optimizer.step()


def _without(everyone: list[nn.Parameter], own: list[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are nobody's, or another's."""
    mine = {id(parameter) for parameter in own}
    return [parameter for parameter in everyone if id(parameter) not in mine]
