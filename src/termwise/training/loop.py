"""The training loop: a game of any number of players, on one data set, into a run folder.

It does not know which game it plays. A round is a move of every player, in turn, each on a fresh draw of the same
batch, since others have moved; those who do not move the model share what it infers of the batch. Everything that a
round depends on is in the checkpoint, and an epoch's order follows from the seed alone, so a run that is killed and
resumed ends as if it had never been.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from termwise.data.dataset import Batch, Dataset
from termwise.errors import NonFiniteLoss, Refused
from termwise.models.draw import Draw
from termwise.models.passes import evaluating
from termwise.models.vae import VAE
from termwise.objectives.game import Game, Player
from termwise.objectives.objective import Breakdown
from termwise.objectives.optimizers import optimizer_for
from termwise.objectives.schedules import as_schedule
from termwise.terms.adversarial.critic import constant
from termwise.terms.adversarial.critic_loss import PerfectSeparation, separation
from termwise.training.checkpoint import random_state, read_checkpoint, restore_random_state, write_checkpoint
from termwise.training.config import TrainingSection
from termwise.training.diagnosis import Untaught, remedy, untaught, verdict
from termwise.training.engine import Engine
from termwise.training.evaluate import held_out, on_training_data
from termwise.training.gradients import backward
from termwise.training.run_folder import RunFolder
from termwise.training.watchers import Silent, Watcher


def _without(everyone: list[nn.Parameter], own: list[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters that are nobody's, or another's."""
    mine = {id(parameter) for parameter in own}
    return [parameter for parameter in everyone if id(parameter) not in mine]


def _warmed(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential average that forgets where it began: after n steps its decay is min(decay, (1 + n) / (10 + n))."""

    def average(held: Tensor, new: Tensor, steps: Tensor | int) -> Tensor:
        return held.lerp(new, 1 - min(decay, (1 + int(steps)) / (10 + int(steps))))

    return average


class Sums:
    """Running sums of a player's terms over an epoch."""

    def __init__(self) -> None:
        self.count = 0
        self.totals: Tensor | None = None  # (terms + 1,): the values, then the loss

    def add(self, move: Breakdown) -> None:
        """One move more."""
        new = torch.cat([move.values, move.total.detach().unsqueeze(0)]).double()
        self.totals = new if self.totals is None else self.totals + new
        self.count += 1

    def means(self) -> list[float]:
        """The mean of each."""
        assert self.totals is not None
        return (self.totals / self.count).tolist()


class Trainer:
    """One run of a game.

    Args:
        model: What is trained.
        game: Who trains it, and towards what.
        data: The data set; its train split is trained on, its validation (else test) split is looked at.
        settings: How.
        folder: Where the run's files go.
        watcher: Who is told.
    """

    def __init__(
        self,
        model: VAE,
        game: Game,
        data: Dataset,
        settings: TrainingSection,
        folder: RunFolder,
        watcher: Watcher | None = None,
    ) -> None:
        self.model, self.game, self.settings, self.folder = model, game, settings, folder
        self.train = data.train
        self.held_out_name = "test" if data.validation is None else "validation"
        self.held_out = data.test if data.validation is None else data.validation
        self.watcher = watcher or Silent()
        if settings.patience is not None and data.validation is None:
            raise Refused(
                "Early stopping (patience) looks at a validation split, and this data has none; the test split must "
                "stay unseen. Set data.validation, such as 0.1."
            )
        self.engine = Engine(settings.device, settings.precision)
        self.engine.place(model)
        self.passes = self.engine.over(model, self.train)
        if game.networks:
            game.build(self.passes.at(torch.arange(1)))
            for network in game.networks.values():
                self.engine.place(network)
        self._own = {player.name: game.parameters(player, model) for player in game.players}
        everyone = list(nn.ModuleList([model, *game.networks.values()]).parameters())
        self._others = {name: _without(everyone, own) for name, own in self._own.items()}
        self.optimizers = {
            player.name: optimizer_for(self._own[player.name], player.optimizer or settings.optimizer)
            for player in game.players
        }
        self.average = None
        if settings.average is not None:
            self.average = AveragedModel(model, avg_fn=_warmed(settings.average.decay))
        self.batch_size = min(settings.batch_size, len(self.train))
        self.steps_per_epoch = len(self.train) // self.batch_size
        self.epoch = self.step = self.metrics_length = self.waited = 0
        self.best: float | None = None
        self.best_weights: dict[str, Tensor] | None = None
        self.sums = {player.name: Sums() for player in game.players}
        self.everyone_owns_all = len(game.players) == 1
        self._separated: set[str | None] = set()

    @property
    def finished(self) -> bool:
        """Whether it came to its last epoch, or stopped early."""
        return self.epoch >= self.settings.epochs or self._out_of_patience()

    @property
    def evaluated_model(self) -> VAE:
        """The averaged weights, where there are any; else the model as it is."""
        return self.model if self.average is None else cast(VAE, self.average.module)

    def run(self) -> VAE:
        """Train to the end; returns the model to keep."""
        with self.watcher:
            self._run()
        if self.best_weights is not None:
            self.evaluated_model.load_state_dict(self.best_weights)
        return self.evaluated_model.eval()

    def start(self) -> None:
        """Fill the memories; a run is then ready, and its first checkpoint is written."""
        self.folder.cut_metrics(0)
        for memory in self.game.memories:
            memory.prepare(self.passes)
        self.save()

    def resume(self) -> None:
        """Go on from the last checkpoint."""
        state = read_checkpoint(self.folder.checkpoint_file, self.engine.device)
        torch.set_num_threads(state["threads"])
        self.model.load_state_dict(state["model"])
        self.game.load_state_dict(state["game"])
        for memory in self.game.memories:
            memory.attach(self.passes)
        for name, held in state["optimizers"].items():
            self.optimizers[name].load_state_dict(held)
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        for name in ("epoch", "step", "metrics_length", "waited", "best", "best_weights"):
            setattr(self, name, state[name])
        for name, (count, totals) in state["sums"].items():
            self.sums[name].count, self.sums[name].totals = count, totals
        self.folder.cut_metrics(self.metrics_length)
        restore_random_state(state["random"])

    def save(self) -> None:
        """Write a checkpoint, unless the weights are no longer finite."""
        self._check_weights()
        state = {
            "model": self.model.state_dict(),
            "game": self.game.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "average": None if self.average is None else self.average.state_dict(),
            "sums": {name: (sums.count, sums.totals) for name, sums in self.sums.items()},
            "random": random_state(),
            "threads": torch.get_num_threads(),
        }
        for name in ("epoch", "step", "metrics_length", "waited", "best", "best_weights"):
            state[name] = getattr(self, name)
        write_checkpoint(self.folder.checkpoint_file, state)

    def _check_weights(self) -> None:
        broken = self._broken()
        if broken is not None:
            whose = "The" if self.everyone_owns_all else f"The game diverged, and {broken!r} is at fault: its"
            raise NonFiniteLoss(
                f"{whose} weights are no longer finite after step {self.step}; the last good checkpoint is "
                f"{self.folder.checkpoint_file}. {remedy(self.game, broken)}"
            )

    def _broken(self) -> str | None:
        """The first player, in the order of play, whose weights are no longer finite."""
        for player in self.game.turns:
            if not all(bool(torch.isfinite(parameter).all()) for parameter in self._own[player.name]):
                return player.name
        return None

    def _run(self) -> None:
        every = self.settings.checkpoint_steps
        while not self.finished:
            self.model.train()
            for batch in self._rest_of_epoch():
                self._round(batch)
                self.step += 1
                if self.watcher.wants():
                    player = self.game.players[0]
                    means = self.sums[player.name].means()
                    names = player.objective.names
                    self.watcher.stepped(self.epoch + 1, self.step, dict(zip(names, means, strict=False)))
                if every is not None and self.step % every == 0 and self.step % self.steps_per_epoch:
                    self.save()
            self._check_weights()
            self.epoch += 1
            if self.epoch == 1 and (said := untaught(self.model, self.game)):
                warnings.warn(said, Untaught, stacklevel=2)
            lines = self._training_lines()
            self._warn_of_separation(lines)
            if self.finished or self.epoch % self.settings.evaluate_every == 0:
                with evaluating(nn.ModuleList(self.game.networks.values())):
                    lines += self._evaluate(lines[0])
            self.metrics_length = self.folder.append(lines)
            self.save()

    def _rest_of_epoch(self) -> Iterator[Batch]:
        """The epoch's batches that were not yet trained on; their order follows from the seed and the epoch."""
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.train), generator=generator)
        done = (self.step - self.epoch * self.steps_per_epoch) * self.batch_size
        return self.train.batches(self.batch_size, order=order[done:], drop_last=True)

    def _round(self, batch: Batch) -> None:
        """A move of every player."""
        if self.game.at_once:
            self._all_at_once(self._draw(batch))
        else:
            self._in_turn(batch)
        if self.average is not None:
            self.average.update_parameters(self.model)

    def _draw(self, batch: Batch) -> Draw:
        draw = self.passes.draw(batch)
        draw.together = self.game.together
        return draw

    def _in_turn(self, batch: Batch) -> None:
        """A move, or several, of every player, on fresh draws."""
        held: Draw | None = None
        for player in self.game.turns:
            stands_still = self.game.networks.keys() >= set(player.owns)
            for _ in range(player.moves):
                held = held or self._draw(batch)
                with constant(self._others[player.name]):
                    self._move(player, held.again(inferred=stands_still))
                held = held if stands_still else None

    def _all_at_once(self, draw: Draw) -> None:
        """A move of every player, from one draw and from the weights as they were."""
        moves = {player.name: self._looked(player, draw) for player in self.game.players}
        idle = set() if self.game.sits_out is None else self.game.sits_out(moves)
        moving = [player for player in self.game.turns if player.name not in idle]
        for player in moving:
            self.optimizers[player.name].zero_grad()
        backward([(moves[player.name], self._own[player.name]) for player in moving])
        for player in moving:
            self._step(player)

    def _move(self, player: Player, draw: Draw) -> None:
        """A step down the player's objective on a draw."""
        found = self._looked(player, draw)
        self.optimizers[player.name].zero_grad()
        self.engine.backward(found.total)
        self._step(player)

    def _looked(self, player: Player, draw: Draw) -> Breakdown:
        """The player's objective on a draw."""
        with self.engine.autocast():
            for memory in player.objective.memories:
                memory.observe(draw)
            found = player.objective(draw, self.step)
        if not math.isfinite(float(found.total.detach())):
            seen = verdict(self.game, player, found, draw, self._broken(), self.step)
            raise NonFiniteLoss(f"{seen} The last good checkpoint is {self.folder.checkpoint_file}.")
        self.sums[player.name].add(found)
        return found

    def _step(self, player: Player) -> None:
        """A step down the gradients that the player's parameters have."""
        optimizer, settings = self.optimizers[player.name], player.optimizer or self.settings.optimizer
        if self.settings.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self._own[player.name], self.settings.gradient_clip, foreach=True)
        for group in optimizer.param_groups:
            group["lr"] = as_schedule(settings.learning_rate)(self.step)
        optimizer.step()

    def _training_lines(self) -> list[dict[str, Any]]:
        """The epoch's means, one line a player; the sums begin anew."""
        lines = []
        for player in self.game.players:
            *means, loss = self.sums[player.name].means()
            settings = player.optimizer or self.settings.optimizer
            weights = [part.weighs(self.step) for part in player.objective.parts]
            lines.append(
                {
                    **self._line("train"),
                    **({} if self.everyone_owns_all else {"player": player.name}),
                    "loss": loss,
                    "terms": dict(zip(player.objective.names, means, strict=True)),
                    "weights": dict(zip(player.objective.names, weights, strict=True)),
                    "learning_rate": as_schedule(settings.learning_rate)(self.step),
                }
            )
            self.sums[player.name] = Sums()
        return lines

    def _warn_of_separation(self, lines: list[dict[str, Any]]) -> None:
        """Once for every critic that tells its laws apart without fail."""
        for line in lines:
            player, seen = line.get("player"), separation(line["terms"])
            if seen is not None and player not in self._separated:
                self._separated.add(player)
                warnings.warn(f"{player}, epoch {self.epoch}: {seen}", PerfectSeparation, stacklevel=2)

    def _evaluate(self, training_line: dict[str, Any]) -> list[dict[str, Any]]:
        """Held-out terms, and the audit; the training line gets the terms that the objective does not compute."""
        objective, model = self.game.players[0].objective, self.evaluated_model
        limit = self.settings.held_out_limit
        terms, loss = held_out(model, self.held_out, objective, self.step, self.engine, limit)
        self.watcher.evaluated(self.epoch, self.held_out_name, terms)
        lines = [{**self._line(self.held_out_name), "loss": loss, "terms": terms}]
        if self.settings.audit:
            exact, audited = on_training_data(
                self.model, self.train, objective, self.step, self.engine, self.batch_size
            )
            training_line["terms"] = {**exact, **training_line["terms"]}
            lines += [{**self._line("audit"), "terms": audited}] if audited else []
        if self.settings.patience is not None:
            if self.best is None or loss < self.best:
                self.best, self.waited = loss, 0
                self.best_weights = {name: held.clone() for name, held in model.state_dict().items()}
            else:
                self.waited += 1
        return lines

    def _out_of_patience(self) -> bool:
        return self.settings.patience is not None and self.waited >= self.settings.patience

    def _line(self, split: str) -> dict[str, Any]:
        return {"epoch": self.epoch, "step": self.step, "split": split}
