"""The processes of a data-parallel training: how they are started and meet, and what the first alone does.

All train the same model on the same batches (`models/data_parallel.py`), so that what one holds all hold. The first
writes the run folder; the others write into a folder of their own that nobody sees, which begins as the first's.
"""

import atexit
import os
import pickle
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

from termwise.errors import ProcessEnded, Refused, TermwiseError
from termwise.fast_paths import take_as, taken_paths
from termwise.files import write_whole
from termwise.models.data_parallel import rank_and_ranks
from termwise.training.run_folder import RunFolder

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others before it takes them for dead."""


def in_processes(function: Callable[..., object], ranks: int, **given: Any) -> None:
    """Call a function in several processes of this machine that know of each other, and wait until all have ended.

    Args:
        function: Named in a module, so that processes can import it.
        ranks: How many processes.
        **given: What it is called with; can be pickled.

    Raises:
        Refused: More than this machine has GPUs, or cores where it has none.
        TermwiseError: One raised it.
        ProcessEnded: One has ended without a word; all others were ended, too.
    """
    gpus = torch.cuda.device_count()
    if ranks > (most := gpus or os.cpu_count() or 1):
        raise Refused(
            f"This machine has {most} {'GPU' if gpus else 'core'}{'s' * (most > 1)}, a process each; got "
            f"devices={ranks}. Say so many at most, or start it by torchrun, also on several machines."
        )
    with tempfile.TemporaryDirectory() as meeting:
        started = start_processes(
            _begin, (function, given, ranks, meeting), nprocs=ranks, join=False, start_method="spawn"
        )
        try:
            while not started.join():
                pass
        except (ProcessRaisedException, ProcessExitedException) as error:
            for file in sorted(Path(meeting).glob("*.error")):
                raise pickle.loads(file.read_bytes()) from None
            raise ProcessEnded(_in_words(error, ranks)) from None


def _begin(rank: int, function: Callable[..., object], given: dict[str, Any], ranks: int, meeting: str) -> None:
    """Meet the others and call the function; an error of ours is left where whoever started us finds it."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))
    distributed.init_process_group(
        _backend(), init_method=f"file://{meeting}/meet", rank=rank, world_size=ranks, timeout=PATIENCE
    )
    _as_the_first()
    try:
        function(**given)
    except TermwiseError as error:
        write_whole(Path(meeting) / f"{rank}.error", pickle.dumps(error))
        raise
    distributed.destroy_process_group()


def join_from_environment() -> tuple[int, int]:
    """Meet the processes that torchrun or a cluster has started beside this one; rank, and how many.

    (0, 1) where there are no others.
    """
    if not distributed.is_available():
        return 0, 1
    started = "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1
    if started and not distributed.is_initialized():
        distributed.init_process_group(_backend(), timeout=PATIENCE)
        _as_the_first()
    return rank_and_ranks()


class OtherNumberOfProcesses(UserWarning):
    """A training goes on with another number of processes than it was begun by."""


def warn_of_another_number(before: int, now: int) -> None:
    """Warn where a training of so many processes goes on with another number.

    Example:
        >>> warn_of_another_number(2, 2)
    """
    if before != now:
        warnings.warn(
            f"The run was trained by {before} process{'es' * (before > 1)}, and goes on with {now}: sums round "
            "otherwise, so it will end near, and not at, what it would have come to.",
            OtherNumberOfProcesses,
            stacklevel=4,
        )


def device_of_this_process(device: torch.device | str) -> torch.device | str:
    """The GPU of this process's number, where "cuda" or "gpu" is asked for and several train; any other as it is."""
    rank, ranks = rank_and_ranks()
    accelerator = str(device)
    if ranks == 1 or not torch.cuda.is_available() or accelerator not in ("auto", "cuda", "gpu"):
        return device
    return f"cuda:{int(os.environ.get('LOCAL_RANK', rank)) % torch.cuda.device_count()}"


def folder_of_this_process(folder: RunFolder) -> RunFolder:
    """The run folder itself in the first process; in another one of its own, which holds the same files."""
    rank, ranks = rank_and_ranks()
    if ranks == 1:
        return folder
    files: list[Any] = [None]
    if rank == 0 and folder.exists:
        within = [path for path in folder.path.rglob("*") if path.is_file()]
        files = [{str(path.relative_to(folder.path)): path.read_bytes() for path in within}]
    distributed.broadcast_object_list(files)
    if rank == 0:
        return folder
    own = Path(tempfile.mkdtemp(prefix="termwise-")) / "run"
    atexit.register(shutil.rmtree, own.parent, ignore_errors=True)
    for name, content in (files[0] or {}).items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_bytes(content)
    return RunFolder(own)


def _as_the_first() -> None:
    """Compute by the ways that the first process takes, so that no sum rounds otherwise; the first warns."""
    paths = [taken_paths()]
    distributed.broadcast_object_list(paths)
    if rank_and_ranks()[0]:
        take_as(paths[0])
        warnings.simplefilter("ignore")


def _backend() -> str:
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"


def _in_words(error: ProcessRaisedException | ProcessExitedException, ranks: int) -> str:
    """Which process has ended, and how."""
    if isinstance(error, ProcessRaisedException):
        how = f"raised an error:\n{error}"
    elif error.signal_name is not None:
        how = f"was ended by {signal.Signals[error.signal_name].name}"
    else:
        how = f"ended with status {error.exit_code}"
    return (
        f"Process {error.error_index} of {ranks} {how.rstrip()}\nThe others were ended, too. The last checkpoint "
        "stands: go on from it by resume, or --resume."
    )
