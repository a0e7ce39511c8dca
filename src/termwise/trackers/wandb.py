"""Weights & Biases: a run in ./wandb, offline unless WANDB_MODE says otherwise; `wandb sync` sends it later.

Where it goes is said by Weights & Biases' own variables: WANDB_PROJECT ("termwise" where there is none), WANDB_ENTITY,
WANDB_DIR, WANDB_MODE.
"""

import os
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from termwise.account import Account
from termwise.trackers.points import StepNumbers
from termwise.trackers.tracker import COLUMNS, TrackedRun, check_installed, numbers_of, rows_of


class WeightsAndBiases:
    """The tracker "wandb", of an offline run unless told otherwise."""

    def __init__(self) -> None:
        check_installed("wandb")
        self._run: Any = None

    def begin(self, run: TrackedRun, known: str | None) -> str:
        """Begin a run, or go on with the one of this id."""
        import wandb

        name = known or uuid4().hex[:8]
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "termwise"),
            name=run.name,
            id=name,
            resume="allow",
            config=dict(run.settings),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),
        )
        return name

    def point(self, point: StepNumbers) -> None:
        """Log the numbers at their step."""
        self._run.log(point.flat, step=point.step)

    def readings(self, account: Account, step: int) -> None:
        """Put the readings into the run's summary, and log their table."""
        import wandb

        self._run.summary.update(numbers_of(account))
        self._run.summary["diagnosis"] = "\n".join(account.diagnosis)
        table = wandb.Table(columns=list(COLUMNS), data=[list(row) for row in rows_of(account)])
        self._run.log({"account/readings": table}, step=step)

    def figures(self, figures: Mapping[str, bytes], step: int) -> None:
        """Log the figures as images."""
        import io

        import wandb
        from PIL import Image

        images = {name: Image.open(io.BytesIO(png)) for name, png in figures.items()}
        self._run.log({f"figures/{name}": wandb.Image(image) for name, image in images.items()}, step=step)

    def end(self, error: BaseException | None) -> None:
        """Finish the run, as failed where an error ended the training."""
        self._run.finish(exit_code=0 if error is None else 1)
