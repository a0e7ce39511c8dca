"""Checkpoints: all that a run needs to go on as if it had never stopped, and so what `--resume` restores.

A checkpoint is written whole or not at all, and read back without unpickling any code. Beside it a run to resume needs
its configuration (run_folder.py), from which the model, the game and the data are made again.
"""

import io
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from termwise.errors import BadData
from termwise.training.run_folder import write_atomically

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

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> run = tw.train(data="four-points", recipe="vae", epochs=2, out=mkdtemp(), progress=False)
        >>> state = TrainerState.load(run.folder.checkpoint_file)
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

    def save(self, path: Path) -> None:
        """Write the checkpoint; whatever happens, there is the old one or the new one, whole."""
        buffer = io.BytesIO()
        torch.save({field.name: getattr(self, field.name) for field in fields(self)}, buffer)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "TrainerState":
        """The checkpoint in a file, its tensors on a device: tensors and plain containers only, never code.

        Raises:
            BadData: The file is torn, or is no checkpoint of a training.
        """
        try:
            entries = torch.load(path, map_location=device, weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise _unreadable(path, str(error)) from None
        expected, got = {field.name for field in fields(cls)}, set(entries) if isinstance(entries, dict) else set()
        if missing := sorted(expected - got):
            raise _unreadable(path, f"it lacks {', '.join(missing)}")
        return cls(**{name: entries[name] for name in expected})


def _unreadable(path: Path, why: str) -> BadData:
    return BadData(f"{path} is no checkpoint that can be read: {why}. Train again with --overwrite.")
