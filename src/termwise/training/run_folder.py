"""A run folder: what a training leaves behind.

config.toml, metrics.jsonl, checkpoints/, model/, account.json, account.npz, report.html; and, once they are asked for,
quality.json, quality-reconstructions.json, attributes.json, attributes.npz and attributes-METHOD.png.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from termwise.errors import BadData, Refused
from termwise.training.config import Config, config_from, read_config

MODEL_FILES = ("config.json", "model.safetensors", "README.md")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that, whatever happens, there is the old one or the new one, whole."""
    beside = _beside(path)
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _beside(path: Path) -> Path:
    """The file that is written first, and then takes the other's place."""
    return path.with_name(path.name + ".part")


class RunFolder:
    """The files of one run, by name.

    Args:
        path: The folder; it need not be there yet.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = RunFolder(Path(mkdtemp()) / "run")
        >>> folder.create(config_from({"training": {"epochs": 3}}))
        >>> folder.exists, folder.config().training.epochs, folder.metrics()
        (True, 3, [])
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config_file(self) -> Path:
        """config.toml, the configuration of the run."""
        return self.path / "config.toml"

    @property
    def metrics_file(self) -> Path:
        """metrics.jsonl, a line for each evaluation of each part of the data."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoint_file(self) -> Path:
        """checkpoints/last.pt, from which a run resumes."""
        return self.path / "checkpoints" / "last.pt"

    @property
    def model_folder(self) -> Path:
        """model/, as `VAE.from_pretrained` reads it."""
        return self.path / "model"

    @property
    def account_file(self) -> Path:
        """account.json, the account of the test split."""
        return self.path / "account.json"

    @property
    def values_file(self) -> Path:
        """account.npz, the readings' values per example."""
        return self.path / "account.npz"

    @property
    def report_file(self) -> Path:
        """report.html, all of the run on one page."""
        return self.path / "report.html"

    @property
    def quality_files(self) -> tuple[Path, Path]:
        """quality.json, of samples, and quality-reconstructions.json."""
        return self.path / "quality.json", self.path / "quality-reconstructions.json"

    @property
    def attributes_file(self) -> Path:
        """attributes.json, the account of editing and generating by attributes."""
        return self.path / "attributes.json"

    @property
    def edits_file(self) -> Path:
        """attributes.npz, its readings' values per example."""
        return self.path / "attributes.npz"

    def edits_figure(self, method: str) -> Path:
        """attributes-METHOD.png, images edited by one method's vectors."""
        return self.path / f"attributes-{method}.png"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config_file.exists()

    def create(self, config: Config) -> None:
        """Begin a run: a folder with its configuration, and nothing else that is a run's.

        The old checkpoint goes first and the new configuration comes last, so that whatever happens the folder is
        fit to begin again in.
        """
        begun = {self.checkpoint_file.parent, _beside(self.config_file)}
        if self.path.exists() and not self.exists and not set(self.path.iterdir()) <= begun:
            raise Refused(f"{self.path} holds files that are no run's. Choose another folder with --out.")
        self.checkpoint_file.parent.mkdir(parents=True, exist_ok=True)
        for stale in (self.checkpoint_file, self.metrics_file):
            stale.unlink(missing_ok=True)
        self._forget_results()
        write_atomically(self.config_file, config.toml().encode())

    def extend(self, config: Config) -> None:
        """Let the run go on beyond what was its end: the results there are another model's."""
        self._forget_results()
        write_atomically(self.config_file, config.toml().encode())

    def _forget_results(self) -> None:
        """Remove what was measured of the model, and the model."""
        results = [self.account_file, self.values_file, self.report_file, *self.quality_files]
        models = [self.model_folder / name for name in MODEL_FILES]
        for stale in (*results, *models, *self.path.glob("attributes*")):
            stale.unlink(missing_ok=True)

    def config(self) -> Config:
        """The configuration of the run; BadData where the folder is no run's."""
        if not self.exists:
            raise BadData(f"{self.path} is no run folder: it has no config.toml. `termwise train --out DIR` makes one.")
        return config_from(read_config(self.config_file))

    def append(self, lines: Iterable[dict[str, Any]]) -> int:
        """Add lines to metrics.jsonl; returns how long it is then, in bytes."""
        with self.metrics_file.open("ab") as file:
            for line in lines:
                file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def cut_metrics(self, length: int) -> None:
        """Forget what was added to metrics.jsonl beyond its first `length` bytes."""
        with self.metrics_file.open("ab") as file:
            if file.tell() < length:
                raise BadData(
                    f"{self.metrics_file} must have {length} bytes at the last checkpoint; it has {file.tell()}. "
                    "Begin anew with --overwrite."
                )
            file.truncate(length)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        if not self.metrics_file.exists():
            return []
        return [json.loads(line) for line in self.metrics_file.read_text().splitlines()]
