"""Worker processes on this machine: begun, watched, and begun anew where one dies.

A worker is a program of its own that shares nothing but the sweep's folder. It ends by itself when there is no run to
be had, or when the process that began it is gone, which it knows by its standard input.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from termwise.errors import TermwiseError
from termwise.sweeps.plan import Plan, last_part
from termwise.sweeps.sweep_folder import SweepFolder

MOST_DEATHS = 3
"""How often workers may die in the middle of one run before it counts as failed; or in a row before any run."""

EVERY = 0.25
"""Seconds between two looks at the workers."""


class WorkersFailed(TermwiseError):
    """Workers end before they take up a run."""


def threads_for(workers: int) -> int:
    """How many threads each of so many workers has: the cores that this process may use, shared out.

    Example:
        >>> threads_for(10_000)
        1
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


def end_with_the_parent() -> None:
    """End this process, at once, when the one that began it is gone: nothing is lost by it."""

    def wait() -> None:
        while os.read(0, 1):  # of its standard input, whose other end that one holds
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@dataclass
class _Worker:
    process: "subprocess.Popen[bytes]"
    log: Path


class Workers:
    """So many worker processes of one sweep.

    Args:
        plan: The sweep's runs.
        command: What a worker is begun by.
        count: How many there are at most.
        threads: Of each.
    """

    def __init__(self, plan: Plan, command: Sequence[str], count: int, threads: int) -> None:
        self.plan, self.folder, self.command = plan, plan.folder, list(command)
        self.count, self.threads = count, threads
        self._workers: dict[int, _Worker] = {}
        self._deaths: Counter[str] = Counter()
        self._idle_deaths = 0

    def run(self, looked: Callable[[], None] = lambda: None) -> None:
        """Keep workers at work until every run has ended.

        Args:
            looked: Called now and then.

        Raises:
            WorkersFailed: Workers end, one after another, before they take up a run.
        """
        try:
            while self.plan.left() > 0:
                self._notice_the_dead()
                self._begin_more()
                looked()
                time.sleep(EVERY)
            for worker in self._workers.values():
                worker.process.wait()
        finally:
            for worker in self._workers.values():
                if worker.process.poll() is None:
                    worker.process.kill()  # what it was doing goes on from its checkpoint
                    worker.process.wait()

    def _begin_more(self) -> None:
        """Begin workers while there are runs for them."""
        runs = self.plan.left()
        for slot in range(min(self.count, runs)):
            if slot not in self._workers and self.plan.anything_open():
                self._workers[slot] = self._begun(slot)

    def _begun(self, slot: int) -> _Worker:
        self.folder.logs.mkdir(exist_ok=True)
        log = self.folder.logs / f"worker-{slot + 1}.txt"
        threads = str(self.threads)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part) or os.environ.get("PYTHONPATH", ""),
            **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads),
        }
        with log.open("ab") as written:
            process = subprocess.Popen(
                [*self.command, str(self.folder.path), threads],
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                env=environment,
            )
        return _Worker(process, log)

    def _notice_the_dead(self) -> None:
        for slot, worker in list(self._workers.items()):
            status = worker.process.poll()
            if status is None:
                continue
            del self._workers[slot]
            if status == 0:
                self._idle_deaths = 0
                continue
            rows = [row for row in self.folder.record().runs if not row.ended]
            held = [row for row in rows if row.worker.endswith(f":{worker.process.pid}")]
            if not held:
                self._idle_deaths += 1
                if self._idle_deaths > MOST_DEATHS:
                    raise WorkersFailed(
                        f"Workers end before they take up a run ({_how(status)}). The last one's words are in "
                        f"{worker.log}; workers=1, or --workers 1, carries runs out in this process."
                    )
            for row in held:
                self._deaths[row.folder] += 1
                if self._deaths[row.folder] > MOST_DEATHS:
                    _give_up(self.folder, last_part(row), self._deaths[row.folder], _how(status))


def _give_up(folder: SweepFolder, name: str, deaths: int, how: str) -> None:
    """Let a run count as failed whose workers die in the middle of it, unless another has taken it up."""
    claim = folder.claim(name)
    if claim is None:
        return
    try:
        reason = f"{deaths} workers ended in the middle of it, the last {how}; is there enough memory?"
        folder.change(
            name,
            lambda row: (
                None if row is None or row.ended else row.model_copy(update={"state": "failed", "reason": reason})
            ),
        )
    finally:
        claim.release()


def _how(status: int) -> str:
    """How a process ended, by its status."""
    if status >= 0:
        return f"with status {status}"
    with suppress(ValueError):
        return f"by {signal.Signals(-status).name}"
    return f"by signal {-status}"
