"""Trackio: a run in its local store, TRACKIO_DIR where that is set; `trackio show` opens its page.

The project is TRACKIO_PROJECT, "termwise" where there is none; where TRACKIO_SPACE_ID or TRACKIO_SERVER_URL is set,
Trackio sends the run there.
"""

import io
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from termwise.account import Account
from termwise.trackers.points import StepNumbers, flat_settings
from termwise.trackers.tracker import COLUMNS, TrackedRun, check_installed, rows_of


class Trackio:
    """The tracker "trackio", of a run in its local store."""

    def __init__(self) -> None:
        check_installed("trackio")
        self._run: Any = None

    def begin(self, run: TrackedRun, known: str | None) -> str:
        """Begin a run, or go on with the one of this id, where it is still there."""
        if known is not None:
            try:
                self._run = _opened(run, "must")
            except ValueError:  # there is none of this name
                known = None
        if known is None or self._run.id != known:
            self._run = _opened(run, "never")
        return str(self._run.id)

    def point(self, point: StepNumbers) -> None:
        """Log the numbers at their step."""
        self._run.log(point.flat, step=point.step)

    def readings(self, account: Account, step: int) -> None:
        """Log the table of the readings; as metrics, each would be a chart of one point, before all others."""
        import trackio

        table = trackio.Table(columns=list(COLUMNS), data=[list(row) for row in rows_of(account)])
        diagnosis = trackio.Markdown("\n\n".join(account.diagnosis))
        self._run.log({"account/readings": table, "account/diagnosis": diagnosis}, step=step)

    def figures(self, figures: Mapping[str, bytes], step: int) -> None:
        """Log the figures as images."""
        import trackio
        from PIL import Image

        images = {name: trackio.Image(Image.open(io.BytesIO(png)), caption=name) for name, png in figures.items()}
        self._run.log({f"figures/{name}": image for name, image in images.items()}, step=step)

    def end(self, error: BaseException | None) -> None:
        """Finish the run in Trackio."""
        with redirect_stdout(sys.stderr):
            self._run.finish()


def _opened(run: TrackedRun, resume: str) -> Any:
    """Trackio's run, which says on standard error where it is."""
    import trackio

    project = os.environ.get("TRACKIO_PROJECT", "termwise")
    config = flat_settings(run.settings)
    own = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
    with redirect_stdout(sys.stderr):
        return trackio.init(project=project, name=run.name, config=config, resume=resume, **own)
