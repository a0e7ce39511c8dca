"""MLflow: a run at MLFLOW_TRACKING_URI, or where that is not set in MLflow's own place here, ./mlflow.db.

Its experiment is MLFLOW_EXPERIMENT_NAME, "termwise" where there is none. The run's report is among its artifacts, and
is read in MLflow's page.
"""

import io
import os
import time
from collections.abc import Mapping
from typing import Any

from termwise.account import Account
from termwise.trackers.points import StepNumbers, flat_settings
from termwise.trackers.tracker import TrackedRun, check_installed, markdown_of, numbers_of

LONGEST = 6000
"""The letters of a parameter that MLflow takes, at most."""


class MLflow:
    """The tracker "mlflow", of a run in MLflow's store."""

    def __init__(self) -> None:
        check_installed("mlflow")
        self._client: Any = None
        self._run = ""

    def begin(self, run: TrackedRun, known: str | None) -> str:
        """Begin a run, or go on with the one of this id, where it is still there."""
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        self._client, self._folder = MlflowClient(), run.folder
        if known is not None:
            try:
                self._client.update_run(known, status="RUNNING")
                self._run = known
            except MlflowException:
                known = None
        if known is None:
            self._run = self._client.create_run(self._experiment(), run_name=run.name).info.run_id
        self._settings(run.settings)
        return self._run

    def point(self, point: StepNumbers) -> None:
        """Log the numbers at their step."""
        self._log(point.flat, point.step)

    def readings(self, account: Account, step: int) -> None:
        """Log the readings, and their table as the run's description."""
        self._log(numbers_of(account), step)
        self._client.set_tag(self._run, "mlflow.note.content", markdown_of(account))
        self._client.log_dict(self._run, account.to_json(), "account.json")

    def figures(self, figures: Mapping[str, bytes], step: int) -> None:
        """Log the figures as images, and the report."""
        from PIL import Image

        for name, png in figures.items():
            self._client.log_image(self._run, Image.open(io.BytesIO(png)), f"figures/{name}.png")
        if self._folder.report_file.exists():
            self._client.log_artifact(self._run, str(self._folder.report_file))

    def end(self, error: BaseException | None) -> None:
        """End the run: finished, killed where it was interrupted, or failed."""
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        self._client.set_terminated(self._run, status)

    def _experiment(self) -> str:
        """The experiment's id."""
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "termwise")
        found = self._client.get_experiment_by_name(name)
        return self._client.create_experiment(name) if found is None else found.experiment_id

    def _settings(self, settings: Mapping[str, Any]) -> None:
        """Log the configuration; what MLflow has another value of, such as epochs that grew, becomes a tag."""
        from mlflow.entities import Param, RunTag

        wanted = {key: str(value)[:LONGEST] for key, value in flat_settings(settings).items() if str(value)}
        there = self._client.get_run(self._run).data.params
        params = [Param(key, value) for key, value in wanted.items() if key not in there]
        tags = [RunTag(key, value) for key, value in wanted.items() if there.get(key, value) != value]
        self._client.log_batch(self._run, params=params, tags=tags)

    def _log(self, numbers: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, [Metric(name, value, now, step) for name, value in numbers.items()])
