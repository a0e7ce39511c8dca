"""TensorBoard: event files in the run's folder, which `tensorboard --logdir runs` shows with all other runs.

Each split is a run of TensorBoard's, so that the curves of a term on the training and the test split lie over one
another, and so is the account, whose readings are points in the same charts; by it runs are compared (HParams). The
schedule, the table of the readings, the configuration and the figures are of the run itself.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from termwise.account import Account
from termwise.files import refuse_link, remove
from termwise.trackers.points import OWN_GROUPS, SPLITS, StepNumbers, flat_settings
from termwise.trackers.tracker import TrackedRun, check_installed, markdown_of


class TensorBoard:
    """The tracker "tensorboard", which writes into the run's own folder."""

    def __init__(self) -> None:
        check_installed("tensorboard")
        self._writers: dict[str, Any] = {}

    def begin(self, run: TrackedRun, known: str | None) -> str:
        """Begin event files, or go on with those that are there."""
        self._run, self._folder = run, run.folder.tensorboard_folder
        for folder in (self._folder, *(self._folder / name for name in (*SPLITS, "account"))):
            refuse_link(folder)
        if known is None or not self._folder.is_dir():
            remove(self._folder)
            known = uuid4().hex
        settings = "\n".join(f"    {key} = {value}" for key, value in flat_settings(run.settings).items())
        self._writer("").add_text("configuration", settings, run.step)
        return known

    def point(self, point: StepNumbers) -> None:
        """Add scalars: curves/NAME of each split, which stand first, and the other groups by their names."""
        for group, numbers in point.groups.items():
            of_split = group in SPLITS
            shown = "curves" if of_split else group if group in OWN_GROUPS else f"game, {group}"
            for name, value in numbers.items():
                self._writer(group if of_split else "").add_scalar(f"{shown}/{name}", value, point.step)
        self._flush()

    def readings(self, account: Account, step: int) -> None:
        """Add the readings as a table, as points in the charts, and as what this run is among others by (HParams)."""
        from torch.utils.tensorboard.summary import hparams

        self._writer("").add_text("account", markdown_of(account), step)
        points, writer = {f"curves/{name}": one.value for name, one in account.overall.items()}, self._writer("account")
        for tag, value in points.items():
            writer.add_scalar(tag, value, step)
        for summary in hparams(flat_settings(self._run.settings), points):
            writer.file_writer.add_summary(summary)
        self._flush()

    def figures(self, figures: Mapping[str, bytes], step: int) -> None:
        """Add the figures as images."""
        import io

        import numpy as np
        from PIL import Image

        for name, png in figures.items():
            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
            self._writer("").add_image(f"figures/{name}", pixels, step, dataformats="HWC")
        self._flush()

    def end(self, error: BaseException | None) -> None:
        """Close the event files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, split: str) -> Any:
        """What writes the events of a split or the account, or with "" of the run itself."""
        from torch.utils.tensorboard import SummaryWriter

        if split not in self._writers:
            again = self._run.step + 1 if self._run.step else None  # of steps that were made twice, the last count
            self._writers[split] = SummaryWriter(str(self._folder / split), purge_step=again)
        return self._writers[split]

    def _flush(self) -> None:
        """Let those who look see it now."""
        for writer in self._writers.values():
            writer.flush()
