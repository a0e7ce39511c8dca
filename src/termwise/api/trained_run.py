"""One run of a sweep, trained as `train` does it, in whichever process that is."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from termwise.api.train import train
from termwise.training import RunFolder, Watcher


def trained_run(
    tables: Mapping[str, Any],
    folder: RunFolder,
    resume: bool,
    callbacks: Sequence[Watcher],
    *,
    data: Any = None,
    threads: int | None = None,
) -> object:
    """Train one run into its folder; a checkpoint that is gone on with has the say on how many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return train(tables, data=data, out=folder.path, resume=resume, callbacks=callbacks, progress=False)
    finally:
        torch.set_num_threads(before)
