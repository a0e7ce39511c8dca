"""A run folder: what a training leaves behind.

config.toml, metrics.jsonl, checkpoints/, model/, account.json, account.npz, checksums.json, report.html; and, once they
are asked for, quality.json, quality-reconstructions.json, attributes.json, attributes.npz and attributes-METHOD.png; of
a run that trackers know, tracking.json, and tensorboard/.

A training that begins anew where a run is, or goes on beyond a run's end, is carried out in unfinished/, a run folder
within, so that the old results stay until the new ones stand. Then unfinished/ becomes finished/, in one step, and its
files take the places of the old; whoever finds a finished/ goes on with that.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from termwise.content import exists, parse_json, read_bytes, read_json
from termwise.errors import BadData, Refused
from termwise.files import PART, append, move, refuse_link, remove, remove_parts, sha256_of, write_whole
from termwise.training.config import Config, config_from, read_config

ANEW = "Restore it, or begin anew with --overwrite."
"""What to do where a file of the training cannot be read."""


class SavedMetrics(BaseModel):
    """A line of metrics.jsonl: what was evaluated, when, of which player, and what else that says."""

    model_config = ConfigDict(extra="allow", strict=True)
    epoch: int
    step: int
    split: str
    player: str = ""
    loss: float | None = None
    terms: dict[str, float | dict[str, float | None] | None] = {}
    weights: dict[str, float] = {}
    learning_rate: float | None = None


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

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def unfinished(self) -> "RunFolder":
        """unfinished/, the run that will take this one's place once it stands."""
        return RunFolder(self.path / "unfinished")

    @property
    def _finished(self) -> "RunFolder":
        """finished/, whose files are taking their places."""
        return RunFolder(self.path / "finished")

    @property
    def current(self) -> "RunFolder":
        """The run to go on with: the unfinished one, where there is one."""
        return self.unfinished if self.unfinished.exists else self

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """What the run is called: the folder's name, also while it is unfinished.

        Example:
            >>> RunFolder("runs/digits").name, RunFolder("runs/digits").unfinished.name
            ('digits', 'digits')
        """
        path = self.path.absolute()
        return path.parent.name if path.name == "unfinished" else path.name

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
    def earlier_checkpoint_file(self) -> Path:
        """checkpoints/previous.pt, the one before: for where the last is damaged."""
        return self.path / "checkpoints" / "previous.pt"

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
    def checksums_file(self) -> Path:
        """checksums.json, of config.toml and of the data; other files have their own in them."""
        return self.path / "checksums.json"

    @property
    def report_file(self) -> Path:
        """report.html, all of the run on one page."""
        return self.path / "report.html"

    @property
    def tracking_file(self) -> Path:
        """tracking.json, the trackers that know the run, and what each was told."""
        return self.path / "tracking.json"

    @property
    def tensorboard_folder(self) -> Path:
        """tensorboard/, where TensorBoard finds the run."""
        return self.path / "tensorboard"

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
        if Path(method).name != method:
            raise BadData(f"{self.attributes_file} speaks of {method!r}, which is no name of a method.")
        return self.path / f"attributes-{method}.png"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return exists(self.config_file)

    @contextmanager
    def locked(self, patience: float = 0.0) -> Iterator[None]:
        """Be the only one who writes here; a process that dies lets go.

        What a writer that was cut short has left half done is brought to its end first.

        Args:
            patience: How many seconds to wait for another to end.

        Raises:
            Refused: Another process writes here; this can be no folder, or none to write in; or a folder within is a
                link, and leads elsewhere.
        """
        from filelock import FileLock, Timeout

        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=patience)
            lock.acquire()
        except Timeout:
            raise Refused(
                f"Another process writes into {self.path}. Wait until it has ended, or choose another folder."
            ) from None
        except (OSError, ValueError) as error:  # a name with a character of code 0 is a ValueError
            why = getattr(error, "strerror", None) or error
            raise Refused(f"{self.path!s:.300} is no folder to write in: {why}. Choose another folder.") from None
        try:
            self._bring_to_an_end()
            yield
        finally:
            lock.release()

    def check_free(self) -> None:
        """Raise Refused where there are files of another kind than those of a run that is about to begin."""
        names = {"checkpoints", "metrics.jsonl", ".lock"}
        if exists(self.path) and any(p.name not in names and p.suffix != PART for p in self.path.iterdir()):
            raise Refused(f"{self.path} holds files that are no run's. Choose another folder with --out.")

    def clear(self) -> None:
        """Make ready for a run to begin: a folder with nothing in it that is a run's."""
        self.checkpoint_file.parent.mkdir(parents=True, exist_ok=True)
        stale = [self.config_file, self.checkpoint_file, self.earlier_checkpoint_file, self.metrics_file]
        stale += [self.model_folder, self.account_file, self.values_file, self.checksums_file, self.report_file]
        for path in (*stale, *self._asked_for(), *self._tracked):
            remove(path)

    def create(self, config: Config) -> None:
        """Begin a run: a folder with its configuration, and nothing else that is a run's."""
        self.clear()
        self.write_config(config)

    def write_config(self, config: Config) -> None:
        """Write config.toml: from then on the folder is a run's."""
        write_whole(self.config_file, config.toml().encode())

    def adopt(self) -> None:
        """Let the unfinished run, which has all its results, take this one's place."""
        move(self.unfinished.path, self._finished.path)
        self._bring_to_an_end()

    def _bring_to_an_end(self) -> None:
        """Remove what is half written, and let the files of a finished/ take their places."""
        runs = [self.path, self.unfinished.path, self._finished.path]
        inner = [run / name for run in runs for name in ("checkpoints", "model")]
        for folder in (*runs[1:], *inner):
            refuse_link(folder)
        remove_parts((*runs, *inner))
        if not self._finished.path.is_dir():
            return
        for stale in (*self._asked_for(), *self._tracked):
            remove(stale)
        for file in sorted(self._finished.path.rglob("*")):
            if file.is_file():
                target = self.path / file.relative_to(self._finished.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                move(file, target)
        remove(self._finished.path)

    def _asked_for(self) -> list[Path]:
        """What is there of what only a command of its own measures."""
        return [*self.quality_files, *self.path.glob("attributes*")]

    @property
    def _tracked(self) -> tuple[Path, Path]:
        """What trackers keep here, which is of one training alone."""
        return self.tracking_file, self.tensorboard_folder

    def write_checksums(self, data: str) -> None:
        """Write checksums.json: of the configuration as it is, and the fingerprint of the data."""
        content = {"config.toml": sha256_of(self.config_file), "data": data}
        write_whole(self.checksums_file, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def check(self, data: str | None = None) -> None:
        """Raise BadData where the configuration, or the data by their fingerprint, are not what they were at the end.

        A folder that was written before there were checksums, or whose run has not ended, is taken as it is.
        """
        if not exists(self.checksums_file):
            return
        known = read_json(self.checksums_file, dict[str, str], "file of checksums", "Restore it, or remove it.")
        config, known_data = known.get("config.toml"), known.get("data")
        if config != sha256_of(self.config_file):
            raise BadData(
                f"{self.config_file} is not as it was when the run ended: it is damaged, or was changed. Restore it; "
                f"or, if the change is meant, remove {self.checksums_file.name} beside it."
            )
        if data not in (None, known_data):
            raise BadData(
                f"The data of {self.path} are not those that it was trained on: their fingerprint is {data}, and was "
                f"{known_data}. Restore them, or name the data to use."
            )

    def config(self) -> Config:
        """The configuration of the run; BadData where the folder is no run's."""
        if exists(self._finished.path):
            with self.locked(patience=10.0):
                pass
        if not self.exists:
            found = self.path.glob("*/config.toml") if exists(self.path) else ()
            within = sorted(str(path.parent) for path in found)[:3]
            remedy = f"Within are {', '.join(within)}." if within else "`termwise train --out DIR` makes one."
            raise BadData(f"{self.path!s:.300} is no run folder: it has no config.toml. {remedy}")
        return config_from(read_config(self.config_file))

    def append(self, lines: Iterable[dict[str, Any]]) -> int:
        """Add lines to metrics.jsonl; returns how long it is then, in bytes."""
        return append(self.metrics_file, b"".join(json.dumps(line, allow_nan=False).encode() + b"\n" for line in lines))

    def metrics_at(self, length: int) -> bytes:
        """The first `length` bytes of metrics.jsonl, which a checkpoint knows of."""
        content = read_bytes(self.metrics_file, "file of metrics", ANEW) if exists(self.metrics_file) else b""
        if len(content) < length:
            raise BadData(
                f"{self.metrics_file} must have {length} bytes at the last checkpoint; it has {len(content)}. "
                "Begin anew with --overwrite."
            )
        return content[:length]

    def write_metrics(self, content: bytes) -> None:
        """Let metrics.jsonl hold this, and nothing else."""
        write_whole(self.metrics_file, content)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        if not exists(self.metrics_file):
            return []
        content = read_bytes(self.metrics_file, "file of metrics", ANEW)
        lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line]
        return [
            parse_json(line, SavedMetrics, f"Line {number} of {self.metrics_file}", "line of metrics", ANEW).model_dump(
                exclude_unset=True
            )
            for number, line in lines
        ]
