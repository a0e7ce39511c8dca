"""What a sweep found: readings by setting, averaged over seeds, with the errors that seeds make in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from termwise.account import Account, Reading, glossary
from termwise.account.frames import frame_of
from termwise.account.rounding import MISSING, with_error
from termwise.errors import Refused, TermwiseError, UnknownName, in_short
from termwise.notebook import html_sentences, html_table
from termwise.sweeps.importance import Importance, importance_by_optuna, shares_of_variance
from termwise.sweeps.replicas import OverSeeds, over_seeds, paired_over_seeds, undominated
from termwise.sweeps.settings import Setting, in_words, short_keys
from termwise.sweeps.sweep_config import SweepConfig
from termwise.sweeps.sweep_folder import RunRecord, SweepFolder
from termwise.values import checked

SHOWN = ("elbo", "distortion", "rate", "index_code_mi", "total_correlation", "dimension_wise_kl")
"""The readings that a table has beside those that are sought, where runs have them."""


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep.

    Attributes:
        folder: Its run folder.
        setting: By key the values that are its own.
        seed: Its seed.
        state: "finished", "failed", "pruned", or "running", also of a run that was killed.
        reason: Why it failed, or was pruned.
        readings: Its readings of one number by name, without values by example; of a finished run.

    Example:
        >>> run = SweptRun(Path("runs/beta=4,seed=0"), {"objective.beta": 4}, 0, "failed", "no memory", {})
        >>> run.state, run.reason
        ('failed', 'no memory')
    """

    folder: Path
    setting: Setting
    seed: int
    state: str
    reason: str
    readings: Mapping[str, Reading]


class Sweep:
    """The runs of a sweep, and their readings by setting, averaged over seeds.

    Args:
        folder: The sweep's.
        config: Its configuration.
        runs: Those that were begun.

    Attributes:
        folder, config, runs: The same.
        keys: The keys that vary.
        sought: The readings that are sought, with whether more of each is better.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> base = {"data": {"source": "four-points"}, "model": {"latent": 2}, "training": {"epochs": 1}}
        >>> grid = {"objective.recipe": ["vae", "dip-vae-i"]}
        >>> sweep = tw.sweep(base=base, grid=grid, seeds=2, out=mkdtemp(), progress=False)
        >>> [(one.setting["objective.recipe"], one.n) for one in sweep.of("elbo")]
        [('vae', 2), ('dip-vae-i', 2)]
        >>> sweep.best().setting in sweep.settings
        True
    """

    def __init__(self, folder: str | PathLike[str], config: SweepConfig, runs: Sequence[SweptRun]) -> None:
        self.folder, self.config, self.runs = Path(folder), config, tuple(runs)
        self.keys, self.sought = config.keys, config.sweep.sought

    def __repr__(self) -> str:
        states = [f"{count} {state}" for state, count in self.states.items()]
        rows = [[in_words(one.setting, self.short) or "the base"] for one in self.of(next(iter(self.sought)))]
        names = self.shown()
        for name in names:
            for row, one in zip(rows, self.of(name), strict=False):
                row.append(str(one.over_seeds))
        lines = [["", *(glossary.reading(name).short for name in names)], *rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)] if rows else []
        table = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in lines]
        return "\n".join([f"Sweep({str(self.folder)!r}: {', '.join(states) or 'no run'})", *(table if rows else ())])

    def _repr_html_(self) -> str:
        names = self.shown()
        means = {name: {_written(one.setting): str(one.over_seeds) for one in self.of(name)} for name in names}
        rows = [
            [in_words(one, self.short) or "the base", *(means[name].get(_written(one), MISSING) for name in names)]
            for one in self.settings
        ]
        table = html_table(["", *(glossary.reading(name).title for name in names)], rows)
        return html_sentences([repr(self).splitlines()[0], f"The page is {self.folder / 'index.html'}."]) + table

    @property
    def states(self) -> dict[str, int]:
        """How many runs have each state."""
        states = [run.state for run in self.runs]
        return {state: states.count(state) for state in ("finished", "pruned", "failed", "running") if state in states}

    @cached_property
    def short(self) -> dict[str, str]:
        """What the keys are called for short."""
        return short_keys(self.keys)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings of which a run has finished."""
        return tuple({_written(run.setting): run.setting for run in self.finished}.values())

    @cached_property
    def finished(self) -> tuple[SweptRun, ...]:
        """The runs that have finished."""
        return tuple(run for run in self.runs if run.state == "finished")

    @cached_property
    def readings(self) -> list[str]:
        """The readings that some finished run has."""
        return glossary.in_order(name for run in self.finished for name in run.readings)

    def shown(self) -> list[str]:
        """The readings that a table has: what is sought, and then the terms of the ELBO."""
        return [name for name in dict.fromkeys([*self.sought, *SHOWN]) if name in self.readings]

    def of(self, reading: str) -> "list[SettingReading]":
        """A reading of each setting that has it, over its seeds.

        Raises:
            UnknownName: No run has it.
        """
        if self.finished and reading not in self.readings:
            raise UnknownName("reading", reading, self.readings)
        found = []
        for setting in self.settings:
            runs = {run.seed: run.readings[reading] for run in self.of_setting(setting) if reading in run.readings}
            if runs:
                values = {seed: one.value for seed, one in sorted(runs.items())}
                unit = next(iter(runs.values())).unit
                found.append(SettingReading(reading, unit, setting, values, over_seeds(list(values.values()))))
        return found

    def of_setting(self, setting: Setting) -> list[SweptRun]:
        """The finished runs of a setting."""
        return [run for run in self.finished if _written(run.setting) == _written(setting)]

    def at(self, setting: Setting, reading: str) -> "SettingReading":
        """A reading of one setting, over its seeds.

        Args:
            setting: Its values by key; keys may be short, as `short` has them.
            reading: Such as "elbo".

        Raises:
            Refused: There is no such setting, or it lacks the reading.
        """
        long = {name: key for key, name in self.short.items()}
        wanted = _written({long.get(key, key): value for key, value in setting.items()})
        for one in self.of(reading):
            if _written(one.setting) == wanted:
                return one
        known = "; ".join(in_words(one, self.short) for one in self.settings[:8])
        raise Refused(f"No finished run has {reading} and the setting {in_short(dict(setting))}. There are: {known}.")

    def difference(self, reading: str, setting: Setting, other: Setting) -> OverSeeds:
        """How much more of a reading `other` has than `setting`, by pairs of runs of the same seed.

        Raises:
            Refused: There is no such setting; or they share no seed.
        """
        first, second = self.at(setting, reading), self.at(other, reading)
        pairs = paired_over_seeds(first.values, second.values)
        if pairs is None:
            raise Refused("These settings share no seed, and cannot be paired. Run both with the same seeds.")
        return pairs

    def best(self, reading: str | None = None, highest: bool | None = None) -> "SettingReading":
        """The setting with the best mean of a reading, which chance favours: on new seeds expect less.

        Args:
            reading: The one that is sought where left out.
            highest: Whether more is better; as the sweep has it where left out.

        Raises:
            Refused: Several readings are sought, and none is named; or no run has finished.
        """
        if reading is None and len(self.sought) > 1:
            raise Refused(f"This sweep seeks {' and '.join(self.sought)}: name one of them, or ask for pareto().")
        reading = reading or next(iter(self.sought))
        if highest is None and reading not in self.sought:
            raise Refused(f"Whether more {reading} is better, the sweep does not say: highest=True or highest=False.")
        found = self.of(reading)
        if not found:
            raise Refused("No run has finished yet.")
        up = self.sought.get(reading) if highest is None else highest
        return max(found, key=lambda one: one.value if up else -one.value)

    def pareto(self) -> list[Setting]:
        """The settings that no other is as good as in every reading that is sought, and better in one, by means."""
        by_reading = [{_written(one.setting): one.value for one in self.of(name)} for name in self.sought]
        whole = [setting for setting in self.settings if all(_written(setting) in values for values in by_reading)]
        points = [
            [
                values[_written(setting)] * (1 if up else -1)
                for values, up in zip(by_reading, self.sought.values(), strict=True)
            ]
            for setting in whole
        ]
        return [setting for setting, kept in zip(whole, undominated(points), strict=True) if kept]

    def importance(self, reading: str | None = None) -> Importance | None:
        """How much each key has to say in a reading; None where there are too few runs.

        Args:
            reading: The first that is sought where left out.
        """
        reading = reading or next(iter(self.sought))
        if not self.keys or not self.finished:
            return None
        if self.config.sweep.search is not None:
            found = self.of(reading)
            return importance_by_optuna(self.keys, [one.setting for one in found], [one.value for one in found])
        runs = [run for run in self.finished if reading in run.readings]
        return shares_of_variance(
            self.keys, [run.setting for run in runs], [run.readings[reading].value for run in runs]
        )

    def to_dict(self, readings: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """Columns with a row for each setting: its keys, n, and of each reading the mean and its error between seeds.

        Args:
            readings: All of one number where left out.
        """
        names = self.readings if readings is None else list(readings)
        by_name = {name: {_written(one.setting): one for one in self.of(name)} for name in names}
        columns: dict[str, list[Any]] = {key: [setting[key] for setting in self.settings] for key in self.keys}
        columns["n"] = [len(self.of_setting(setting)) for setting in self.settings]
        for name, found in by_name.items():
            rows = [found.get(_written(setting)) for setting in self.settings]
            columns[name] = [None if row is None else row.value for row in rows]
            columns[f"{name}_stderr"] = [None if row is None else row.stderr for row in rows]
        return columns

    def to_frame(self, readings: Sequence[str] | None = None) -> Any:
        """The same as a data frame of pandas, or else of polars.

        Raises:
            Refused: Neither is installed.
        """
        return frame_of(self.to_dict(readings))

    def to_json(self) -> dict[str, Any]:
        """What results.json holds: a row for each setting with its readings, and one for each run."""
        rows = []
        for setting in self.settings:
            runs = self.of_setting(setting)
            readings = {}
            for name in self.readings:
                values = {run.seed: run.readings[name].value for run in runs if name in run.readings}
                if values:
                    found = over_seeds(list(values.values()))
                    unit = next(run.readings[name].unit for run in runs if name in run.readings)
                    readings[name] = {"value": found.value, "stderr": found.stderr, "n": found.n, "unit": unit}
            rows.append({"settings": dict(setting), "readings": readings})
        runs_json = [
            {
                "folder": run.folder.relative_to(self.folder).as_posix(),
                "settings": dict(run.setting),
                "seed": run.seed,
                "state": run.state,
                "reason": run.reason,
                "readings": {name: {"value": one.value, "stderr": one.stderr} for name, one in run.readings.items()},
            }
            for run in self.runs
        ]
        sought = {"maximize": [n for n, up in self.sought.items() if up]}
        sought["minimize"] = [n for n, up in self.sought.items() if not up]
        return {"keys": list(self.keys), **sought, "settings": rows, "runs": runs_json}


@dataclass(frozen=True)
class SettingReading:
    """A reading of one setting: its value by seed, and their mean.

    Attributes:
        name: The reading.
        unit: Its unit.
        setting: Its values by key.
        values: By seed.
        over_seeds: Their mean, with its error between seeds.

    Example:
        >>> one = SettingReading("rate", "nats", {"objective.beta": 4}, {0: 2.0, 1: 4.0}, over_seeds([2.0, 4.0]))
        >>> print(one)
        rate = 3.0 ± 1.0 nats (objective.beta=4; n = 2)
    """

    name: str
    unit: str
    setting: Setting
    values: Mapping[int, float]
    over_seeds: OverSeeds

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return self.over_seeds.value

    @property
    def stderr(self) -> float | None:
        """Its standard error between seeds; None of one seed."""
        return self.over_seeds.stderr

    @property
    def n(self) -> int:
        """How many seeds there are."""
        return self.over_seeds.n

    def __str__(self) -> str:
        return (
            f"{self.name} = {with_error(self.value, self.stderr)} {self.unit} ({in_words(self.setting)}; n = {self.n})"
        )


@checked
def load_sweep(folder: str | PathLike[str]) -> Sweep:
    """The sweep in a folder, as far as it has come.

    Raises:
        BadData: It is no sweep's folder, or a file of it cannot be read.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder, base = mkdtemp(), {"data": {"source": "four-points"}, "training": {"epochs": 1}}
        >>> _ = tw.sweep(base=base, grid={"model.latent": [1, 2]}, out=folder, progress=False)
        >>> load_sweep(folder).states
        {'finished': 2}
    """
    place = SweepFolder(folder)
    config = place.config()
    rows = place.record().runs
    if config.sweep.search is None:
        order = {_written(setting): k for k, setting in enumerate(config.grid_settings())}
        rows = sorted(rows, key=lambda row: (order.get(_written(row.settings), len(order)), row.seed))
    else:
        rows = sorted(rows, key=lambda row: (len(number := row.folder.partition(",")[0]), number, row.seed))
    runs = [_run(place, row) for row in rows]
    return Sweep(place.path, config, runs)


def _run(place: SweepFolder, row: RunRecord) -> SweptRun:
    folder, state, reason, readings = place.run(row), row.state, row.reason, {}
    if state == "finished":
        try:
            readings = Account.load(folder.account_file).overall
        except TermwiseError as error:  # one file that was lost must not hide all others
            state, reason = "failed", str(error)
    return SweptRun(folder.path, row.settings, row.seed, state, reason, readings)


def _written(setting: Setting) -> str:
    """A setting as text, by which two are the same."""
    return json.dumps(dict(setting), sort_keys=True, default=str)
