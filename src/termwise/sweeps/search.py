"""A search: settings drawn one after another by Optuna, from what earlier ones gave, in a journal that survives kills.

Every setting is a trial of one Optuna study, whose journal is a file in the sweep's folder, so that Optuna's own tools
read it. Optuna knows of no replicas: a trial is told the mean of each reading over the seeds, once all have ended.
A sampler begins from a seed of its own for each setting, so that a search which was cut short and goes on draws what it
would have drawn, as far as the same settings had ended.
"""

import json
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from termwise.account import Account, Reading
from termwise.errors import Refused, TermwiseError
from termwise.sweeps.quiet_optuna import quiet_optuna
from termwise.sweeps.settings import Setting, folder_name
from termwise.sweeps.sweep_config import Range, Sampler, SweepConfig
from termwise.sweeps.sweep_folder import RunRecord, SweepFolder, named

if TYPE_CHECKING:
    import optuna

NUMBER, SETTING = "termwise:number", "termwise:setting"
"""What a trial says of itself: which setting it is, and the setting."""

AGAIN, EXHAUSTED = "termwise:again", "termwise:exhausted"
"""What a trial says that is of a setting which had failed; and a study that has drawn all settings of its space."""

MOST_AGAIN = 50
"""How often in a row a sampler may draw a setting that it has drawn; then the space has no other to be found."""


@dataclass(frozen=True)
class AskedSetting:
    """A setting that was drawn, and the number of its trial."""

    setting: Setting
    trial: int


def check_optuna(sampler: Sampler) -> None:
    """Raise Refused, with what to do, where Optuna is not installed, or what one of its samplers needs."""
    if find_spec("optuna") is None:
        raise Refused("A search needs Optuna: pip install 'termwise[sweep]'. A [sweep.grid] needs nothing more.")
    if sampler == "cma-es" and find_spec("cmaes") is None:
        raise Refused("The sampler cma-es needs its package: pip install cmaes. Or take another, such as tpe.")


class Search:
    """The study of a sweep, as every worker opens it.

    Args:
        folder: The sweep's.
        config: Its configuration, which has a search.
    """

    def __init__(self, folder: SweepFolder, config: SweepConfig) -> None:
        assert config.sweep.search is not None
        check_optuna(config.sweep.search.sampler)
        self.folder, self.config, self.section = folder, config, config.sweep.search
        self.prunes, self.seeds = self.section.prune is not None, config.seeds
        with self._writing(), quiet_optuna():
            self.study = self._opened()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Be the only one who writes the journal, whose last line is whole."""
        with self.folder.locked():
            _mend(self.folder.journal_file)
            yield

    def _opened(self) -> "optuna.Study":
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        file = self.folder.journal_file
        return optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(file), _JournalLock(file))),
            study_name="sweep",
            directions=["maximize" if up else "minimize" for up in self.config.sweep.sought.values()],
            sampler=self._sampler(0),
            pruner=self._pruner(),
            load_if_exists=True,
        )

    @property
    def exhausted(self) -> bool:
        """Whether no further setting could be found."""
        return bool(self.study.user_attrs.get(EXHAUSTED))

    def asked(self) -> list[AskedSetting]:
        """The settings that were drawn, in order."""
        return [AskedSetting(json.loads(t.user_attrs[SETTING]), t.number) for t in self._trials()]

    def wants_more(self) -> bool:
        """Whether a setting is still to be drawn."""
        return not self.exhausted and len(self._trials()) < self.section.settings

    def ask(self) -> bool:
        """Draw one setting more; False where there are as many as are wanted, or no other can be found."""
        from optuna.trial import TrialState

        with self._writing():
            self._settle()
            for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if NUMBER not in trial.user_attrs:  # its process ended while it drew
                    self.study.tell(trial.number, state=TrialState.FAIL)
            trials = self._trials()
            if len(trials) >= self.section.settings:
                return False
            known = {trial.user_attrs[SETTING] for trial in trials}
            for again in range(MOST_AGAIN):
                self.study.sampler = self._sampler(len(trials) + again * self.section.settings)
                trial = self.study.ask({key: _distribution(one) for key, one in self.section.space.items()})
                setting = json.dumps({k: _chosen(one, trial.params[k]) for k, one in self.section.space.items()})
                if setting not in known:
                    trial.set_user_attr(SETTING, setting)
                    trial.set_user_attr(NUMBER, len(trials))
                    return True
                self.study.tell(trial.number, state=TrialState.FAIL)
            self.study.set_user_attr(EXHAUSTED, True)
            return False

    def settle(self) -> None:
        """Tell the study of the settings whose runs have all ended."""
        with self._writing():
            self._settle()

    def skipped(self, records: Mapping[str, RunRecord]) -> int:
        """How many runs will not be, since the first of their setting was pruned, or no further setting is found."""
        pruned = sum(row.state == "pruned" for row in records.values())
        lacking = self.section.settings - len(self._trials()) if self.exhausted else 0
        return pruned * (len(self.seeds) - 1) + lacking * len(self.seeds)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Tell a held-out term of a run; True where the pruner would end it."""
        import optuna

        with self._writing():
            frozen = self.study.get_trials(deepcopy=False)[trial]
            if frozen.state.is_finished():
                return False
            told = optuna.trial.Trial(self.study, frozen._trial_id)
            if epoch not in frozen.intermediate_values:  # else it was told before a kill
                told.report(value, epoch)
            return told.should_prune()

    def _trials(self) -> "list[optuna.trial.FrozenTrial]":
        """Those that have a setting, in the order of their numbers."""
        trials = [one for one in self.study.get_trials(deepcopy=False) if NUMBER in one.user_attrs]
        return sorted(trials, key=lambda trial: int(trial.user_attrs[NUMBER]))

    def _settle(self) -> None:
        from optuna.trial import TrialState, create_trial

        records, trials = named(self.folder.record().runs), self.study.get_trials(deepcopy=False)
        mended = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in self._trials():
            if trial.state.is_finished() and (trial.state != TrialState.FAIL or trial.number in mended):
                continue
            setting, number = json.loads(trial.user_attrs[SETTING]), int(trial.user_attrs[NUMBER])
            rows = [records.get(folder_name(setting, seed, number)) for seed in self.seeds]
            if rows[0] is not None and rows[0].state == "pruned":
                if not trial.state.is_finished():
                    self.study.tell(trial.number, state=TrialState.PRUNED)
                continue
            ended = [row for row in rows if row is not None and row.ended]
            if len(ended) < len(rows):
                continue
            whole = all(row.state == "finished" for row in ended)
            values = means([self.folder.run(row).account_file for row in ended], self.sought) if whole else None
            if trial.state == TrialState.FAIL:
                if values is not None:  # it failed, and was tried again
                    self.study.add_trial(
                        create_trial(
                            values=values,
                            params=trial.params,
                            distributions=trial.distributions,
                            user_attrs={AGAIN: trial.number},
                        )
                    )
            elif values is None:
                self.study.tell(trial.number, state=TrialState.FAIL)
            else:
                self.study.tell(trial.number, values)

    @property
    def sought(self) -> list[str]:
        """The readings that the study is told."""
        return list(self.config.sweep.sought)

    def _sampler(self, number: int) -> "optuna.samplers.BaseSampler":
        from optuna import samplers
        from optuna.exceptions import ExperimentalWarning

        seed = random.Random(f"{self.section.seed} {number}").getrandbits(32)
        makers: dict[str, Any] = {
            "random": samplers.RandomSampler,
            "tpe": samplers.TPESampler,
            "gp": samplers.GPSampler,
            "cma-es": samplers.CmaEsSampler,
            "nsgaii": samplers.NSGAIISampler,
            "nsgaiii": samplers.NSGAIIISampler,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if self.section.sampler == "qmc":  # one sequence, of which each setting is the next point
                return samplers.QMCSampler(seed=self.section.seed, warn_independent_sampling=False)
            return makers[self.section.sampler](seed=seed)

    def _pruner(self) -> "optuna.pruners.BasePruner":
        from optuna import pruners

        makers: dict[str | None, Any] = {
            None: pruners.NopPruner,
            "median": pruners.MedianPruner,
            "hyperband": pruners.HyperbandPruner,
            "halving": pruners.SuccessiveHalvingPruner,
        }
        return makers[self.section.prune]()


def means(accounts: "list[Path]", readings: list[str]) -> list[float] | None:
    """The mean of each reading over the accounts; None where one lacks it, or there is none."""
    loaded = []
    for file in accounts:
        try:
            loaded.append(Account.load(file))
        except TermwiseError:
            return None
    found = [[account.get(name) for account in loaded] for name in readings]
    if not loaded or not all(isinstance(reading, Reading) for row in found for reading in row):
        return None
    return [sum(reading.value for reading in row if reading is not None) / len(row) for row in found]


def _distribution(space: Range | list[Any]) -> "optuna.distributions.BaseDistribution":
    """What Optuna draws a key's value from; a choice is drawn by its place, as it may be of any kind."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(space, Range):
        return CategoricalDistribution([_written(choice) for choice in space])
    if space.whole:
        return IntDistribution(int(space.low), int(space.high), log=space.log, step=int(space.step or 1))
    return FloatDistribution(space.low, space.high, log=space.log, step=space.step)


def _written(choice: Any) -> Any:
    """A choice as Optuna takes it: itself where it is plain, else its JSON."""
    return choice if isinstance(choice, str | int | float | bool) else json.dumps(choice, sort_keys=True)


def _chosen(space: Range | list[Any], value: Any) -> Any:
    """The value of a key, of what was drawn."""
    if isinstance(space, Range):
        return value
    return next(choice for choice in space if _written(choice) == value and type(_written(choice)) is type(value))


def _mend(file: Path) -> None:
    """Cut off the last line of a journal where its writer was killed in the middle of it."""
    if not file.exists():
        return
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with file.open("r+b") as opened:
            opened.truncate(whole)


class _JournalLock:
    """The lock that Optuna's journal is written under, of which the system lets go when its process is killed.

    Optuna's own is a file that a killed process leaves, and that others wait for, for half a minute.
    """

    def __init__(self, file: Path) -> None:
        from filelock import FileLock

        self._lock = FileLock(file.with_name(f".{file.name}.lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()
