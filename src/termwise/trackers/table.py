"""The table of trackers: a row alone makes one known to configurations, `--track`, `--help` and the README."""

from termwise.registry import Makers, Row

_HERE = "termwise.trackers"

TRACKERS = Makers(
    "tracker",
    "termwise.trackers",
    [
        Row("tensorboard", f"{_HERE}.tensorboard:TensorBoard", "event files in the run's folder"),
        Row("wandb", f"{_HERE}.wandb:WeightsAndBiases", "Weights & Biases, offline unless WANDB_MODE says otherwise"),
        Row("mlflow", f"{_HERE}.mlflow:MLflow", "MLflow, at MLFLOW_TRACKING_URI, or in mlflow.db here"),
        Row("trackio", f"{_HERE}.trackio:Trackio", "Trackio, in TRACKIO_DIR"),
    ],
)
"""The trackers by name; to add one, its file with a class of `Tracker`'s methods, one row, and an extra."""
