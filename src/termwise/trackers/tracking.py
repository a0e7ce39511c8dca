"""Trackers as a watcher: who is told what, what each knows already, and what happens where one fails.

A run that goes on, goes on in each tracker's run: tracking.json in the run's folder says what that is known by, and
how many lines of metrics.jsonl it was told. Lines that it does not know are told first, so that a tracker that joins
late, or whose process was killed, has whole curves.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from termwise.account import Account
from termwise.content import exists, read_json
from termwise.errors import in_short
from termwise.files import write_whole
from termwise.models import VAE
from termwise.trackers.points import points_of
from termwise.trackers.table import TRACKERS
from termwise.trackers.tracker import TrackedRun, Tracker
from termwise.training import Config, RunFolder
from termwise.training.watchers import Silent


class TrackerFailed(UserWarning):
    """A tracker that failed while a training went on, and is told nothing more."""


class SavedTracker(BaseModel):
    """What tracking.json says of a tracker: its run, what it was told of metrics.jsonl, and of which account."""

    model_config = ConfigDict(extra="forbid", strict=True)
    run: str
    lines: int = 0
    step: int = 0
    account: str = ""


_SAVED = TypeAdapter(dict[str, SavedTracker])


class Tracking(Silent):
    """The watcher who tells trackers of a run.

    Args:
        names: The trackers, as `TRACKERS` has them.

    Raises:
        UnknownName: There is no such tracker.
        Refused: A tracker's package is not installed.

    Example:
        >>> Tracking(["tensorbord"])
        Traceback (most recent call last):
        termwise.registry.UnknownRow: Unknown tracker 'tensorbord'. Did you mean 'tensorboard'? ...
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._built: dict[str, Tracker] = {name: TRACKERS.build(name) for name in names}
        self._trackers: dict[str, Tracker] = {}  # those that have begun, and have not failed
        self._known: dict[str, SavedTracker] = {}
        self._folder: RunFolder | None = None
        self._account = ""

    def began(self, folder: RunFolder, config: Config, model: VAE) -> None:
        """Let each tracker begin, or go on, and tell it of the epochs that it does not know.

        Raises:
            BadData: tracking.json cannot be read.
        """
        if not self._built:
            return
        self._folder = folder
        saved: dict[str, SavedTracker] = {}
        if exists(folder.tracking_file):
            remedy = "Remove it, and the trackers begin runs of their own."
            saved = read_json(folder.tracking_file, dict[str, SavedTracker], "file of trackers", remedy)
        self._known, settings, lines = dict(saved), config.to_json(), folder.metrics()
        for name in self._built:
            before = saved.get(name)
            run = TrackedRun(folder.name, folder, settings, 0 if before is None else before.step)
            if self._try(name, self._begin, name, run, before):
                self._tell(name, lines[self._known[name].lines :])
        self._save()

    def logged(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Tell each of an epoch."""
        for name in list(self._trackers):
            self._tell(name, lines)
        self._save()

    def measured(self, account: Account) -> None:
        """Tell the readings of the test split to each that does not know them."""
        self._account = sha256(json.dumps(account.to_json()).encode()).hexdigest()
        for name, tracker in self._unmeasured():
            self._try(name, tracker.readings, account, self._known[name].step)

    def drew(self, figures: Mapping[str, bytes]) -> None:
        """Give figures, PNGs by name, to each that was told the readings."""
        for name, tracker in self._unmeasured():
            if self._try(name, tracker.figures, figures, self._known[name].step):
                self._known[name] = self._known[name].model_copy(update={"account": self._account})
        self._save()

    def ended(self, error: BaseException | None) -> None:
        """Let each close its run."""
        for name, tracker in list(self._trackers.items()):
            self._try(name, tracker.end, error)

    def _begin(self, name: str, run: TrackedRun, before: SavedTracker | None) -> None:
        """Let one tracker begin, or go on where it did before."""
        known = self._built[name].begin(run, None if before is None else before.run)
        self._trackers[name] = self._built[name]
        if before is None or known != before.run:
            self._known[name] = SavedTracker(run=known)
        elif before.lines > (there := len(run.folder.metrics())):  # told of an epoch that no checkpoint knows
            self._known[name] = before.model_copy(update={"lines": there})

    def _unmeasured(self) -> list[tuple[str, Tracker]]:
        """The trackers that don't know the account as it is."""
        return [one for one in self._trackers.items() if self._known[one[0]].account != self._account]

    def _tell(self, name: str, lines: Sequence[Mapping[str, Any]]) -> None:
        """Tell one tracker lines of metrics.jsonl."""
        known = self._known[name]
        if all(self._try(name, self._trackers[name].point, point) for point in points_of(lines)) and lines:
            told = {"lines": known.lines + len(lines), "step": lines[-1]["step"]}
            self._known[name] = known.model_copy(update=told)

    def _try(self, name: str, act: Callable[..., object], *given: Any) -> bool:
        """Whether a tracker did it; one that fails is closed, and left out from then on, with one warning."""
        try:
            act(*given)
        except Exception as error:  # whatever another package raises must not cost a training
            self._trackers.pop(name, None)
            with suppress(Exception):
                self._built[name].end(error)
            warnings.warn(
                f"The tracker {name!r} failed ({type(error).__name__}: {in_short(str(error), 300)}), and is told "
                "nothing more. The training goes on, and its folder holds all that was to be told. Once that is "
                f"mended, resume it: `termwise train --resume --out {self._folder} --track {name}` tells it the rest.",
                TrackerFailed,
                stacklevel=2,
            )
            return False
        return True

    def _save(self) -> None:
        """Write tracking.json."""
        if self._folder is not None and self._known:
            write_whole(self._folder.tracking_file, _SAVED.dump_json(self._known, indent=2) + b"\n")
