"""Which run is next: the runs of a grid, or of a search's settings so far, that have not ended and nobody carries out.

Of a grid the first seed's runs come first, so that a sweep that is cut short knows every setting; of a search all runs
of a setting, as it is settings that are told to the sampler.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from termwise.sweeps.search import Search
from termwise.sweeps.settings import Setting, folder_name
from termwise.sweeps.sweep_config import SweepConfig
from termwise.sweeps.sweep_folder import RunRecord, SweepFolder, named

if TYPE_CHECKING:
    from filelock import FileLock


@dataclass(frozen=True)
class PlannedRun:
    """A run that a sweep has: its setting, its seed, and the last part of its folder; of a search its trial, too."""

    name: str
    setting: Setting
    seed: int
    trial: int | None = None

    def row(self) -> RunRecord:
        """Its row in the record, as it is when the run begins."""
        return RunRecord(folder=f"runs/{self.name}", settings=dict(self.setting), seed=self.seed)


class Plan:
    """The runs of a sweep, one by one, for any number of workers that share its folder.

    Args:
        folder: The sweep's, which holds its configuration.

    Example:
        >>> from tempfile import mkdtemp
        >>> from termwise.sweeps.sweep_config import sweep_config_from
        >>> folder = SweepFolder(mkdtemp())
        >>> folder.begin(sweep_config_from({"sweep": {"seeds": 2, "grid": {"objective.recipe": ["vae", "dip-vae-i"]}}}))
        >>> plan = Plan(folder)
        >>> run, claim = plan.next()
        >>> run.name, plan.next()[0].name  # which another worker would have
        ('recipe=vae,seed=0', 'recipe=dip-vae-i,seed=0')
    """

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self.config: SweepConfig = folder.config_unchecked()
        search = self.config.sweep.search
        self.seeds = self.config.seeds
        self.search = None if search is None else Search(folder, self.config)
        self._grid = [] if self.search is not None else self._grid_runs()

    def next(self) -> "tuple[PlannedRun, FileLock] | None":
        """A run that has not ended, with its claim, for who asks to carry it out; None where there is none now."""
        while True:
            records = named(self.folder.record().runs)
            for run in self._open(records):
                claim = self.folder.claim(run.name)
                if claim is None:
                    continue
                row = named(self.folder.record().runs).get(run.name)
                if row is None or not row.ended:  # nobody has ended it meanwhile
                    return run, claim
                claim.release()
            if self.search is None or not self.search.ask():
                return None

    def anything_open(self) -> bool:
        """Whether a worker that asked now would have a run."""
        records = named(self.folder.record().runs)
        for run in self._open(records):
            claim = self.folder.claim(run.name)
            if claim is not None:
                claim.release()
                return True
        return self.search is not None and self.search.wants_more()

    def left(self) -> int:
        """How many runs have not ended; of a search at most, as it prunes."""
        rows = self.folder.record().runs
        ended = sum(row.ended for row in rows)
        if self.search is None:
            return len(self._grid) - ended
        return self.search.section.settings * len(self.seeds) - self.search.skipped(named(rows)) - ended

    def _open(self, records: dict[str, RunRecord]) -> Iterator[PlannedRun]:
        """The runs that have not ended, in order."""
        for run in self._search_runs(records) if self.search is not None else self._grid:
            row = records.get(run.name)
            if row is None or not row.ended:
                yield run

    def _grid_runs(self) -> list[PlannedRun]:
        settings = self.config.grid_settings()
        return [PlannedRun(folder_name(one, seed), one, seed) for seed in self.seeds for one in settings]

    def _search_runs(self, records: dict[str, RunRecord]) -> Iterator[PlannedRun]:
        assert self.search is not None
        for number, asked in enumerate(self.search.asked()):
            for k, seed in enumerate(self.seeds):
                name = folder_name(asked.setting, seed, number)
                if k and self.search.prunes:
                    first = records.get(folder_name(asked.setting, self.seeds[0], number))
                    if first is None or first.state in ("running", "pruned"):
                        break
                yield PlannedRun(name, asked.setting, seed, asked.trial)


def last_part(record: RunRecord) -> str:
    """What a run of the record is called: the last part of its folder."""
    return Path(record.folder).name
