"""The training loop: a game of any number of players, on one data set, into a run folder.

It does not know which game it plays. Everything that a round depends on is in the checkpoint, and an epoch's order
follows from the seed alone, so a run that is killed and resumed ends as if it had never been.
"""

import hashlib
import math
import warnings
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import nn

from termwise.data.batch import Batch
from termwise.data.dataset import Dataset
from termwise.errors import BadData, NonFiniteLoss, NotFinite, Refused
from termwise.fast_paths import take_as, taken_paths
from termwise.models.check_model import check_model
from termwise.models.data_parallel import SharedRows
from termwise.models.data_pass import evaluating, with_side_of
from termwise.models.scheduled import ScheduledParts
from termwise.models.vae import VAE
from termwise.objectives.game import Game
from termwise.terms.adversarial.critic_loss import PerfectSeparation, separation
from termwise.training.averaging import averaged
from termwise.training.checkpoint import TrainerState
from termwise.training.config import TrainingSection
from termwise.training.diagnosis import NoGradient, diagnose_held_out, diagnose_idle_weights, diagnose_weights
from termwise.training.early_stopping import EarlyStopping
from termwise.training.engine import Engine
from termwise.training.evaluate import evaluate_held_out, evaluate_training, finite, fit_likelihood
from termwise.training.first_look import (
    FewPairs,
    check_batches,
    check_links,
    check_scale,
    diagnose_pairs,
    far_off,
    scale_at_fault,
)
from termwise.training.misfit import misfit, optimizer_misfit
from termwise.training.optimizer_state import take_state
from termwise.training.prior_start import begin_prior, check_prior_start
from termwise.training.processes import warn_of_another_number
from termwise.training.random_state import random_state, restore_random_state
from termwise.training.rounds import Rounds
from termwise.training.run_folder import RunFolder
from termwise.training.run_length import RunTooShort, diagnose_length
from termwise.training.watchers import Silent, Watcher


class Trainer:
    """One run of a game: `start` or `resume` it, then `run` it to its end.

    Args:
        model: The model that is trained.
        game: Who trains it, and towards what.
        data: The data set; its train split is trained on, its validation (else test) split is evaluated on.
        settings: How it is trained.
        folder: Where the run's files go.
        watcher: Who is told how it goes.

    Attributes:
        epoch: How many epochs are done.
        step: How many rounds are done.
        rounds: The game, round by round.
        stopping: Whether the validation loss still falls.

    Raises:
        Refused: Early stopping is asked for, and there is no validation split; a device that cannot be used; an
            optimizer that cannot be; a model whose laws cannot be compared (`check_model`).

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder, config = RunFolder(mkdtemp()), tw.training.Config(training={"epochs": 3, "device": "cpu"})
        >>> folder.create(config)
        >>> data, model = tw.load_data("four-points"), tw.VAE.build((4,), latent=2)
        >>> trainer = Trainer(model, tw.recipe("vae"), data, config.training, folder)
        >>> trainer.start()
        >>> trained = trainer.run()
        >>> trainer.epoch, trainer.finished, trained is model
        (3, True, True)
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
        data = with_side_of(model, data)
        self.train = data.train
        self.batch_size = min(settings.batch_size, len(self.train))
        self.steps_per_epoch = len(self.train) // self.batch_size
        schedules = (settings.schedule_epochs or settings.epochs) * self.steps_per_epoch
        game = game.over(schedules)
        settings = settings.model_copy(update={"optimizer": settings.optimizer.over(schedules)})
        self.model, self.game, self.settings, self.folder = model, game, settings, folder
        self.held_out_name = "test" if data.validation is None else "validation"
        self.held_out = data.test if data.validation is None else data.validation
        self._data = " ".join(_fingerprint(part, model) for part in (self.train, self.held_out))
        self.watcher = watcher or Silent()
        if settings.patience is not None and data.validation is None:
            raise Refused(
                "Early stopping (patience) looks at a validation split, and this data has none; the test split must "
                "stay unseen. Set data.validation, such as 0.1."
            )
        self.engine = Engine(settings.device, settings.precision)
        self.engine.place(model)
        self.passes = self.engine.over(model, self.train)
        check_scale(self.passes)
        check_model(self.engine.over(model, self.train.subset(torch.arange(min(2, len(self.train))))))
        check_batches(self.passes, self.batch_size)
        check_prior_start(model, self.train)
        if game.networks:
            game.build(self.passes.at(torch.arange(1)))
        check_links(self.passes, game)
        if game.networks:
            for network in game.networks.values():
                self.engine.place(network)
        self.scheduled = ScheduledParts(model, schedules)
        self.rounds = Rounds(model, game, self.passes, self.engine, settings, folder.checkpoint_file)
        self.average = averaged(model, settings.average)
        bodies = [body for one in {model, self.evaluated_model} for body in (one.encoder, one.decoder)]
        self.shared = SharedRows([*bodies, *game.networks.values()], self.engine.ranks)
        self.stopping = EarlyStopping(settings.patience)
        self.epoch = self.step = self.metrics_length = 0
        self._separated: set[str | None] = set()

    @property
    def finished(self) -> bool:
        """Whether it came to its last epoch, or stopped early."""
        return self.epoch >= self.settings.epochs or self.stopping.is_due

    @property
    def evaluated_model(self) -> VAE:
        """The averaged weights, where there are any; else the model as it is."""
        return self.model if self.average is None else cast(VAE, self.average.module)

    def start(self) -> None:
        """Let the prior begin, and fill the memories; a run is then ready, and its first checkpoint is written."""
        self.folder.write_metrics(b"")
        begin_prior(self.model, self.passes)
        if self.average is not None:
            self.average.module.load_state_dict(self.model.state_dict())
        for memory in self.game.memories:
            memory.prepare(self.passes)
        self.save()

    def resume(self, beyond: RunFolder | None = None) -> None:
        """Take the place of the trainer that wrote the last checkpoint.

        Args:
            beyond: The run to go on with, where it is another folder's, which is left as it is.

        Raises:
            BadData: The checkpoint or the metrics cannot be read, or are of another model or of other data.
        """
        source = beyond or self.folder
        state = TrainerState.last(source, self.engine.device, mend=beyond is None)
        metrics = source.metrics_at(state.metrics_length)
        if state.data not in ("", self._data):
            raise BadData(
                f"The data are not those that {source} was trained on: their fingerprint is {self._data}, and was "
                f"{state.data}. Restore them, or begin anew in another folder."
            )
        self._take(state)
        if beyond is not None:
            self.folder.clear()
        self.folder.write_metrics(metrics)
        restore_random_state(state.random)
        if beyond is not None:
            self.save()

    def _take(self, state: TrainerState) -> None:
        """Be as a checkpoint says."""
        self._check(state)
        torch.set_num_threads(state.threads)
        take_as(state.fast_paths)
        warn_of_another_number(state.ranks, self.engine.ranks)
        try:
            self.model.load_state_dict(state.model)
            self.game.load_state_dict(state.game)
            for memory in self.game.memories:
                memory.attach(self.passes)
            for name, optimizer in state.optimizers.items():
                take_state(self.rounds.optimizers[name], optimizer)
            if self.average is not None and state.average is not None:
                self.average.load_state_dict(state.average)
            for name, (count, totals) in state.sums.items():
                self.rounds.means[name].count, self.rounds.means[name].totals = count, totals
        except Exception as error:  # whatever a network or a memory, of the user's too, finds wrong in a state
            raise _of_another(error) from None
        self.epoch, self.step, self.metrics_length = state.epoch, state.step, state.metrics_length
        self.stopping.waited, self.stopping.best = state.waited, state.best
        self.stopping.best_weights = state.best_weights

    def _check(self, state: TrainerState) -> None:
        """Raise BadData where what a checkpoint says cannot be this training's, before anything is taken from it."""
        if not 0 <= state.step - state.epoch * self.steps_per_epoch < self.steps_per_epoch:
            raise _of_another(f"{state.step} steps are not {state.epoch} epochs of {self.steps_per_epoch}, and some")
        for mine, saved in ((self.model, state.model), (self.evaluated_model, state.best_weights)):
            if saved is not None and (wrong := misfit(saved, mine.state_dict(), "the model")):
                raise _of_another(wrong)
        players = self.rounds.optimizers.keys()
        if state.optimizers.keys() != players or state.sums.keys() != players:
            raise _of_another(f"its players are {', '.join(state.optimizers)}, and not {', '.join(players)}")
        for name, optimizer in self.rounds.optimizers.items():
            if wrong := optimizer_misfit(state.optimizers[name], optimizer):
                raise _of_another(f"of the optimizer of {name}, {wrong}")
        held = random_state()
        try:
            restore_random_state(state.random)
        except Exception as error:  # of torch, of numpy and of Python
            raise _of_another(f"the random state: {error}") from None
        finally:
            restore_random_state(held)

    def save(self) -> None:
        """Write a checkpoint, unless the weights are no longer finite."""
        self._check_weights()
        self._state().save(self.folder)

    def run(self) -> VAE:
        """Train to the end; returns the model to keep."""
        steps = self.settings.epochs * self.steps_per_epoch
        too_short = diagnose_length(self.game, self.settings.optimizer, steps, self.scheduled)
        for sentence in [] if self.finished else too_short:
            warnings.warn(sentence, RunTooShort, stacklevel=2)
        for sentence in [] if self.finished else diagnose_pairs(self.passes, self.game, self.batch_size):
            warnings.warn(sentence, FewPairs, stacklevel=2)
        with self.watcher:
            while not self.finished:
                self._run_epoch()
        if self.stopping.best_weights is not None:
            self.evaluated_model.load_state_dict(self.stopping.best_weights)
        fit_likelihood(self.evaluated_model, self.train, self.engine)
        return self.evaluated_model.eval()

    def play(self, batch: Batch) -> None:
        """One round on a batch: a move of every player, which the averaged weights follow."""
        self.scheduled.at(self.step)
        self.rounds.play(batch, self.step)
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.step += 1

    def rest_of_epoch(self) -> Iterator[Batch]:
        """The epoch's batches that were not yet trained on; their order follows from the seed and the epoch."""
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.train), generator=generator)
        done = (self.step - self.epoch * self.steps_per_epoch) * self.batch_size
        return self.train.batches(self.batch_size, order=order[done:], drop_last=True)

    def _state(self) -> TrainerState:
        """All that `resume` needs."""
        return TrainerState(
            model=self.model.state_dict(),
            game=self.game.state_dict(),
            optimizers={name: optimizer.state_dict() for name, optimizer in self.rounds.optimizers.items()},
            average=None if self.average is None else self.average.state_dict(),
            sums={name: (running.count, running.totals) for name, running in self.rounds.means.items()},
            random=random_state(),
            threads=torch.get_num_threads(),
            epoch=self.epoch,
            step=self.step,
            metrics_length=self.metrics_length,
            waited=self.stopping.waited,
            best=self.stopping.best,
            best_weights=self.stopping.best_weights,
            data=self._data,
            ranks=self.engine.ranks,
            fast_paths=taken_paths(),
        )

    def _check_weights(self) -> None:
        """Raise NonFiniteLoss where the weights are no longer finite."""
        broken = self.rounds.broken_player()
        if broken is not None:
            raise NonFiniteLoss(
                diagnose_weights(self.game, broken, self.step, self.folder.checkpoint_file, scale_at_fault(self.passes))
            )

    def _run_epoch(self) -> None:
        """The rounds that are left of the epoch, its lines in metrics.jsonl, and a checkpoint."""
        self.model.train()
        for batch in self.rest_of_epoch():
            self.play(batch)
            self._tell_watcher()
            every = self.settings.checkpoint_steps
            if every is not None and self.step % every == 0 and self.step % self.steps_per_epoch:
                self.save()
        self._check_weights()
        self.epoch += 1
        if self.epoch == 1 and (sentences := diagnose_idle_weights(self.model, self.game)):
            warnings.warn(sentences, NoGradient, stacklevel=2)
        lines = [{**self._position("train"), **line} for line in self.rounds.lines(self.step)]
        self._warn_of_separation(lines)
        if self.finished or self.epoch % self.settings.evaluate_every == 0:
            with evaluating(nn.ModuleList(self.game.networks.values())):
                lines += self._evaluate(lines[0])
        self.metrics_length = self.folder.append(lines)
        self.save()
        self.watcher.logged(lines)

    def _tell_watcher(self) -> None:
        """The first player's means of the epoch so far, to a watcher who wants them now."""
        if self.watcher.wants():
            player = self.game.players[0]
            means = self.rounds.means[player.name].means()
            self.watcher.stepped(self.epoch + 1, self.step, dict(zip(player.objective.names, means, strict=False)))

    def _warn_of_separation(self, lines: list[dict[str, Any]]) -> None:
        """Warn once of every critic that tells its laws apart without fail."""
        for line in lines:
            player, sentence = line.get("player"), separation(line["terms"])
            if sentence is not None and player not in self._separated:
                self._separated.add(player)
                warnings.warn(f"{player}, epoch {self.epoch}: {sentence}", PerfectSeparation, stacklevel=2)

    def _evaluate(self, training_line: dict[str, Any]) -> list[dict[str, Any]]:
        """Held-out terms, and the audit; the training line gets the terms that the objective does not compute.

        Raises:
            NonFiniteLoss: The objective, the distortion or the rate is not finite on held-out data. A term that is
                looked at beside them, and is not, is left out.
        """
        objective, model = self.game.players[0].objective, self.evaluated_model
        limit = self.settings.held_out_limit
        try:
            for one in {self.model, model}:
                fit_likelihood(one, self.train, self.engine, limit)
            stops = self.settings.patience is not None
            terms, loss = evaluate_held_out(model, self.held_out, objective, self.engine, limit, steady=stops)
        except NotFinite as error:
            raise NonFiniteLoss(self._diagnosed(str(error))) from None
        needed = {name: terms[name] for name in ("distortion", "rate", *objective.names) if name in terms}
        if broken := {name: value for name, value in needed.items() if not math.isfinite(value)}:
            raise NonFiniteLoss(self._diagnosed(", ".join(f"{name} = {value}" for name, value in broken.items())))
        terms = finite(terms)
        self.watcher.evaluated(self.epoch, self.held_out_name, terms)
        lines = [{**self._position(self.held_out_name), "loss": loss, "terms": terms}]
        if self.settings.audit:
            exact, audited = evaluate_training(
                self.model, self.train, objective, self.step, self.engine, self.batch_size
            )
            training_line["terms"] = {**finite(exact), **training_line["terms"]}
            audited = {name: finite(entry) for name, entry in audited.items()}
            lines += [{**self._position("audit"), "terms": audited}] if audited else []
        self.stopping.observe(loss, model, counts=self.step >= objective.ends())
        return lines

    def _diagnosed(self, found: str) -> str:
        """Sentences on held-out data on which something is not finite."""
        scale = scale_at_fault(self.passes) or far_off(self.model, self.held_out)
        return diagnose_held_out(self.game, self.held_out_name, found, self.epoch, self.folder.checkpoint_file, scale)

    def _position(self, split: str) -> dict[str, Any]:
        """What a line of metrics.jsonl begins with."""
        return {"epoch": self.epoch, "step": self.step, "split": split}


def _fingerprint(data: Dataset, model: VAE) -> str:
    """Of examples, and of what stands beside them for a model that takes it."""
    if data.side is None or not model.side_variables:
        return data.fingerprint()
    values = data.side.values[:, : len(model.side_variables)].contiguous()
    return f"{data.fingerprint()}-{hashlib.blake2b(values.numpy().tobytes(), digest_size=4).hexdigest()}"


def _of_another(why: object) -> BadData:
    reason = " ".join(str(why).split())
    return BadData(
        f"The checkpoint is of another model or game: {reason:.300}. Its code was changed since it was begun: restore "
        "that, or begin anew in another folder."
    )
