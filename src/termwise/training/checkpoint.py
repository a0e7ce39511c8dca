"""Checkpoints: all that a run needs to go on as if it had never stopped, and so what `--resume` restores.

A checkpoint is written whole or not at all, with a checksum, and read back without unpickling any code. The one before
is kept, for where the last is damaged all the same. Beside it a run to resume needs its configuration (run_folder.py),
from which the model, the game and the data are made again.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import (
    ConfigDict,
    Field,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from torch import Tensor

from termwise.content import read_bytes, unreadable
from termwise.errors import BadData
from termwise.files import move, write_whole
from termwise.main_memory import available
from termwise.training.run_folder import RunFolder
from termwise.values import Finite, Natural

MOST_THREADS = 4096
"""The number of threads that a checkpoint may ask torch for: beyond what any machine has, torch ends the process."""


def _as_it_is(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """A checked value itself: pydantic's copy of an ordered dictionary is a plain one, and saves as other bytes."""
    check(value)
    return value


State = Annotated[dict[str, Any], WrapValidator(_as_it_is)]
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
        ranks: How many processes trained together: sums over others round otherwise.
        fast_paths: Which fast paths were taken (fast_paths.py), for they round otherwise; none in earlier checkpoints.
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

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)

    model: State
    game: State
    optimizers: dict[str, State]
    average: State | None
    sums: dict[str, tuple[int, Tensor | None]]
    random: State
    threads: Annotated[int, Field(gt=0, le=MOST_THREADS)]
    epoch: Natural
    step: NonNegativeInt
    metrics_length: NonNegativeInt
    waited: Natural
    best: Finite | None
    best_weights: State | None
    data: str = ""
    ranks: NonNegativeInt = 1
    fast_paths: dict[str, bool] = field(default_factory=dict)

    def save(self, folder: RunFolder) -> None:
        """Write a run's last checkpoint; the one that was the last is kept as the one before."""
        buffer = io.BytesIO()
        torch.save({one.name: getattr(self, one.name) for one in fields(self)}, buffer)
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
        content = read_bytes(path, "checkpoint", _ANEW, most=available())
        try:
            if not _is_as_written(content):
                raise unreadable(path, "checkpoint", "it is damaged, for its checksum is another", _ANEW)
            entries = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        except BadData:
            raise
        except Exception as error:  # of pickle, of zip and of torch
            raise unreadable(path, "checkpoint", error, _ANEW) from None
        expected, got = {one.name for one in fields(cls)}, set(entries) if isinstance(entries, dict) else set()
        if missing := sorted(expected - got - {"data", "ranks", "fast_paths"}):
            raise unreadable(path, "checkpoint", f"it lacks {', '.join(missing)}", _ANEW)
        try:
            state: TrainerState = _KIND.validate_python({name: entries[name] for name in expected & got})
        except ValidationError as error:
            mistake = error.errors()[0]
            why = f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"
            raise unreadable(path, "checkpoint", why, _ANEW) from None
        return state


_KIND = TypeAdapter(TrainerState)


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
