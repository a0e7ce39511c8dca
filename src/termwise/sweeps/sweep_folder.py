"""A sweep's folder: its configuration, the record of its runs, and the claims by which workers share them.

    sweep.toml    the configuration                  runs/       a run folder each
    sweep.json    the record: a row for each run     logs/       what workers printed
    results.json, results.csv, index.html            search.log  Optuna's journal, of a search
                                                     tune/       Ray Tune's own files, where it had a share

A run is carried out by who holds its claim, a lock on a file in .claims/. The system lets go of the locks of a process
that ends, however it ends, so that a claim that can be had is of a run that nobody carries out: there is no waiting,
and no guess by the age of a file. The record is written whole, under a lock of its own.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict

from termwise.content import exists, read_json
from termwise.errors import BadData, Refused
from termwise.files import PART, remove, remove_parts, write_whole
from termwise.sweeps.settings import folder_name
from termwise.sweeps.sweep_config import SweepConfig, sweep_config_from
from termwise.training.config import read_config
from termwise.training.run_folder import RunFolder

if TYPE_CHECKING:
    from filelock import FileLock

RunState = Literal["running", "finished", "failed", "pruned"]
"""How a run of the record stands; one that was killed is "running" until it is taken up."""

PATIENCE = 60.0
"""Seconds to wait for another to write the record, which takes milliseconds."""


class RunRecord(BaseModel):
    """A run of a sweep, as the record has it.

    Attributes:
        folder: Its run folder, from the sweep's folder on: "runs/beta=4,seed=0".
        settings: By key the values that are its own.
        seed: Its seed.
        state: "running", "finished", "failed" or "pruned".
        reason: Why it failed, or was pruned.
        starts: How often it was begun, or taken up after a kill.
        worker: The process that carries it out, or did last, as HOST:ID.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    folder: str
    settings: dict[str, Any]
    seed: int
    state: RunState = "running"
    reason: str = ""
    starts: int = 0
    worker: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state != "running"


class SweepRecord(BaseModel):
    """The record of a sweep, as sweep.json holds it."""

    model_config = ConfigDict(extra="ignore")
    keys: list[str] = []
    maximize: list[str] = []
    minimize: list[str] = []
    runs: list[RunRecord] = []


class SweepFolder:
    """The files of one sweep, by name.

    Args:
        path: The folder; it need not be there yet.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = SweepFolder(mkdtemp())
        >>> folder.begin(sweep_config_from({"sweep": {"grid": {"objective.recipe": ["vae", "dip-vae-i"]}}}))
        >>> folder.config().keys, folder.record().runs
        (('objective.recipe',), [])
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.config_file, self.record_file = self.path / "sweep.toml", self.path / "sweep.json"
        self.json_file, self.csv_file = self.path / "results.json", self.path / "results.csv"
        self.page_file, self.journal_file = self.path / "index.html", self.path / "search.log"
        self.runs, self.logs, self.claims = (self.path / name for name in ("runs", "logs", ".claims"))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether a sweep was begun here."""
        return exists(self.config_file)

    def run(self, record: RunRecord) -> RunFolder:
        """The run folder of a run of the record.

        Raises:
            BadData: It is none within this folder.
        """
        folder = Path(record.folder)
        if folder.is_absolute() or ".." in folder.parts:
            raise BadData(
                f"{self.record_file} speaks of {record.folder!r:.200}, which is no folder within the sweep's."
            )
        return RunFolder(self.path / folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes the record, Optuna's journal or the results.

        Raises:
            Refused: This can be no folder, or none to write in; or another process does not let go.
        """
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=PATIENCE)
            lock.acquire()
        except Timeout:
            raise Refused(
                f"Another process writes into {self.path}, and does not let go. End it, and try again."
            ) from None
        except (OSError, ValueError) as error:  # a name with a character of code 0 is a ValueError
            why = getattr(error, "strerror", None) or error
            raise Refused(f"{self.path!s:.300} is no folder to write in: {why}. Choose another folder.") from None
        try:
            yield
        finally:
            lock.release()

    def claim(self, name: str) -> "FileLock | None":
        """The claim of a run by the last part of its folder; None where another process holds it."""
        from filelock import FileLock, Timeout

        self.claims.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.claims / f"{name}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock

    def config(self) -> SweepConfig:
        """The configuration of the sweep; BadData where the folder is no sweep's."""
        if not self.exists:
            raise BadData(f"{self.path!s:.300} is no sweep's folder: it has no sweep.toml. `termwise sweep` makes one.")
        return sweep_config_from(read_config(self.config_file))

    def record(self) -> SweepRecord:
        """The record as it is."""
        if not exists(self.record_file):
            return SweepRecord()
        remedy = "Restore it; without it, finished runs are looked at anew."
        return read_json(self.record_file, SweepRecord, "record of a sweep", remedy)

    def begin(self, config: SweepConfig) -> None:
        """Write the configuration, where it is the first, or grows: its runs are those of before, and more.

        Raises:
            Refused: There is a sweep of another configuration; or there are files that are no sweep's.
        """
        with self.locked():
            if self.exists:
                if why := _no_growth(self.config(), config):
                    raise Refused(
                        f"{self.path} holds another sweep: {why}. Go on with its own {self.config_file.name}, of which "
                        "seeds, values of a grid and settings of a search may grow; or choose another folder, or begin "
                        "anew (overwrite, --overwrite)."
                    )
            elif any(inner.name != ".lock" and inner.suffix != PART for inner in self.path.iterdir()):
                raise Refused(f"{self.path} holds files that are no sweep's. Choose another folder with --out.")
            remove_parts([self.path])
            write_whole(self.config_file, tomli_w.dumps(config.to_json()).encode())
            self._write(self.record(), config)

    def clear(self) -> None:
        """Remove all that is the sweep's, its runs too.

        Raises:
            Refused: A run is carried out now.
        """
        rows: list[RunRecord] = []
        with suppress(BadData):  # a record that is damaged goes, too
            rows = self.record().runs
        for row in rows:
            claim = None if row.ended else self.claim(Path(row.folder).name)
            if claim is not None:
                claim.release()
            elif not row.ended:
                raise Refused(f"Another process carries out {row.folder} of {self.path}. End it first, or wait.")
        with self.locked():
            own = (self.record_file, self.journal_file, self.json_file, self.csv_file, self.page_file)
            for path in (*own, self.runs, self.logs, self.claims, self.path / "tune", self.config_file):
                remove(path)

    def change(self, name: str, change: Callable[[RunRecord | None], RunRecord | None]) -> RunRecord | None:
        """Change the row of one run, by the last part of its folder.

        Args:
            name: The run's.
            change: From its row, None where it has none, to the new one; None leaves it as it is.
        """
        with self.locked():
            record = self.record()
            places = {Path(run.folder).name: k for k, run in enumerate(record.runs)}
            before = record.runs[places[name]] if name in places else None
            after = change(before)
            if after is None:
                return before
            if name in places:
                record.runs[places[name]] = after
            else:
                record.runs.append(after)
            self._write(record, self.config_unchecked())
            return after

    def config_unchecked(self) -> SweepConfig:
        """The configuration, whose settings were tried when it was written."""
        return SweepConfig.model_validate(read_config(self.config_file))

    def _write(self, record: SweepRecord, config: SweepConfig) -> None:
        sought = config.sweep.sought
        content = {
            "keys": list(config.keys),
            "maximize": [name for name, up in sought.items() if up],
            "minimize": [name for name, up in sought.items() if not up],
            "runs": [run.model_dump() for run in record.runs],
        }
        write_whole(self.record_file, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def _no_growth(before: SweepConfig, after: SweepConfig) -> str:
    """Why a configuration is not the earlier one, nor one whose runs are the earlier one's and more; "" if it is."""
    if before.base != after.base:
        return "its base is another"
    if before.keys != after.keys:
        return f"it varies {', '.join(before.keys) or 'nothing'}, and not {', '.join(after.keys) or 'nothing'}"
    if before.sweep.sought != after.sweep.sought:
        return f"it seeks {', '.join(before.sweep.sought)}, and not {', '.join(after.sweep.sought)}, in its way"
    old, new = before.sweep.search, after.sweep.search
    if (old is None) != (new is None):
        return "one is a grid and one a search"
    if old is not None and new is not None:
        if before.seeds != after.seeds:
            return f"its search has seeds {before.seeds}, and not {after.seeds}"
        same = old.model_copy(update={"settings": new.settings}) == new
        return "" if same and new.settings >= old.settings else "its search is another, or longer"
    lacking = [seed for seed in before.seeds if seed not in after.seeds]
    if lacking:
        return f"it has seed {lacking[0]}, too"
    known = {folder_name(setting, 0) for setting in after.grid_settings()}
    gone = [name for setting in before.grid_settings() if (name := folder_name(setting, 0)) not in known]
    return f"it has {gone[0].removesuffix(',seed=0')}, too" if gone else ""


def named(records: Sequence[RunRecord]) -> dict[str, RunRecord]:
    """Runs by the last parts of their folders."""
    return {Path(record.folder).name: record for record in records}
