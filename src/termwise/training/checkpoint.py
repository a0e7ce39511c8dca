"""Checkpoints: all that a run needs to go on as if it had never stopped, and so what `--resume` restores.

A checkpoint is written whole or not at all, with a checksum, and read back without unpickling any code. The one before
is kept, for where the last is damaged all the same. Beside it a run to resume needs its configuration (run_folder.py),
from which the model, the game and the data are made again.
"""

import hashlib
import io
import pickle
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from termwise.errors import BadData
from termwise.files import move, write_whole
from termwise.training.run_folder import RunFolder

State = dict[str, Any]
"""What a module's, an optimizer's or a memory's `state_dict` gives: tensors and plain containers."""


@dataclass(frozen=True, eq=False)
class TrainerState:
    """The state of a training between two of its steps. The file is a dictionary with these names.

    Attributes:
        model: The weights of the model, as they are trained.
        game: What the memories hold, and the weights of the game's own networks, such as critics.
        optimizers: The state of each player's optimizer, by the player's name.
        average: The averaged weights; None where none are kept.
        sums: Of each player, by name, the moves of the epoch so far, and the sums of its terms and its loss over them.
        random: The state of all random generators (random_state.py).
        threads: How many threads torch computed with: on others, sums round otherwise.
        epoch: How many epochs are done; their order of examples follows from it and the seed.
        step: How many rounds are done, those of the epoch so far too.
        metrics_length: The length of metrics.jsonl, in bytes; what stands beyond is written again.
        waited: Evaluations since the validation loss was lowest.
        best: The lowest validation loss; None where none was taken, or patience has no end.
        best_weights: The evaluated model's weights at that loss; None likewise.
        data: The fingerprint of what it is trained and evaluated on; "" in checkpoints that were written before.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> run = tw.train(data="four-points", recipe="vae", epochs=2, out=mkdtemp(), progress=False)
        >>> state = TrainerState.last(run.folder)
        >>> state.epoch, state.step, sorted(state.optimizers)
        (2, 2, ['autoencoder'])
    """

    model: State
    game: State
    optimizers: dict[str, State]
    average: State | None
    sums: dict[str, tuple[int, Tensor | None]]
    random: State
    threads: int
    epoch: int
    step: int
    metrics_length: int
    waited: int
    best: float | None
    best_weights: State | None
    data: str = ""

    def save(self, folder: RunFolder) -> None:
        """Write a run's last checkpoint; the one that was the last is kept as the one before."""
        buffer = io.BytesIO()
        torch.save({field.name: getattr(self, field.name) for field in fields(self)}, buffer)
        write_whole(folder.checkpoint_file, _with_checksum(buffer.getvalue()), folder.earlier_checkpoint_file)

    @classmethod
    def last(cls, folder: RunFolder, device: torch.device | str = "cpu", mend: bool = False) -> "TrainerState":
        """A run's last checkpoint; or, with a warning, the one before, where the last is damaged.

        Args:
            mend: Whether a damaged one gives its place in the folder to the one before.

        Raises:
            BadData: Neither can be read.
        """
        last, earlier = folder.checkpoint_file, folder.earlier_checkpoint_file
        if not last.exists() and earlier.exists():
            return cls.load(earlier, device)  # killed when the one had been put aside, and the next was not yet named
        try:
            return cls.load(last, device)
        except BadData as damage:
            try:
                state = cls.load(earlier, device)
            except BadData:
                raise damage from None
            if mend:
                move(earlier, last)
            why = str(damage).removesuffix(_ANEW)
            warnings.warn(f"{why}Going on from the one before, of step {state.step}.", DamagedCheckpoint, stacklevel=4)
            return state

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "TrainerState":
        """The checkpoint in a file, its tensors on a device: tensors and plain containers only, never code.

        Raises:
            BadData: The file is torn or damaged, or is no checkpoint of a training.
        """
        try:
            content = path.read_bytes()
            if not _is_as_written(content):
                raise _unreadable(path, "it is damaged, for its checksum is another")
            entries = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        except FileNotFoundError:
            raise _unreadable(path, "it is not there") from None
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise _unreadable(path, str(error)) from None
        expected, got = {field.name for field in fields(cls)}, set(entries) if isinstance(entries, dict) else set()
        if missing := sorted(expected - got - {"data"}):
            raise _unreadable(path, f"it lacks {', '.join(missing)}")
        return cls(**{name: entries[name] for name in expected & got})


class DamagedCheckpoint(UserWarning):
    """The last checkpoint is damaged, and the one before takes its place."""


_MARK = b"sha256="
_END = 22
"""The bytes of a zip file's last record, before its comment; the last two say how long that is."""


def _with_checksum(content: bytes) -> bytes:
    """What torch saved, a zip file, with its checksum as the comment that such a file may have."""
    comment = _MARK + hashlib.sha256(content).hexdigest().encode()
    return content[:-2] + len(comment).to_bytes(2, "little") + comment


def _is_as_written(content: bytes) -> bool:
    """Whether a zip file has the checksum that its comment says; true where it ends without a comment."""
    end = content.rfind(b"PK\5\6", -_END - len(_MARK) - 64)
    if end < 0:
        return False
    if end == len(content) - _END and content.endswith(b"\0\0"):
        return True
    original, comment = content[: end + _END - 2] + b"\0\0", content[end + _END :]
    return comment.startswith(_MARK) and _with_checksum(original)[end:] == content[end:]


_ANEW = "Train again with --overwrite."


def _unreadable(path: Path, why: str) -> BadData:
    return BadData(f"{path} is no checkpoint that can be read: {why}. {_ANEW}")
