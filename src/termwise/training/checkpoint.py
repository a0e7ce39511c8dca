"""Checkpoints: all that a run needs to go on as if it had never stopped.

Weights, memories, optimisers, averages, position, running sums, early stopping, random state, the length of the
metrics and the number of threads. Written whole or not at all; read back without unpickling any code.
"""

import io
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from termwise.errors import BadData
from termwise.training.run_folder import write_atomically


def seed_all(seed: int) -> None:
    """Seed every generator that training draws from; those of users' own networks and data too."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def random_state() -> dict[str, Any]:
    """The state of every generator that training draws from."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    version, words, python_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss],
        "python": [version, list(words), python_gauss],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Set every generator as `random_state` found it."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, words, python_gauss = state["python"]
    random.setstate((version, tuple(words), python_gauss))


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; whatever happens, there is the old one or the new one, whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint: tensors and plain containers only, never code."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise BadData(f"{path} is no checkpoint that can be read: {error}. Train again with --overwrite.") from None
