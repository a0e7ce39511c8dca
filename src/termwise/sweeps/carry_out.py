"""Carry out the runs of a sweep: each is trained into its folder, and its end goes to the record.

A run that was begun is gone on with from its checkpoint, bit for bit, and one that has ended is not touched.
"""

import os
import socket
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from termwise.errors import Refused, TermwiseError
from termwise.files import write_whole
from termwise.sweeps.plan import Plan, PlannedRun
from termwise.sweeps.settings import tables_of
from termwise.sweeps.sweep_folder import RunRecord, RunState
from termwise.training.run_folder import RunFolder
from termwise.training.watchers import Silent, Watcher


class TrainsARun(Protocol):
    """Who trains one run: from tables to a run folder, going on with what is there."""

    def __call__(
        self, tables: Mapping[str, Any], folder: RunFolder, resume: bool, callbacks: Sequence[Watcher]
    ) -> object:
        """Train, measure, and write the run's report."""
        ...


class Pruned(TermwiseError):
    """A run that is ended early, as its held-out term is behind those of earlier settings."""


class Pruning(Silent):
    """A watcher that tells a search of a held-out term at each evaluation, and ends the run where its pruner would.

    Args:
        report: Told an epoch and the term's value then, says whether to end the run.
        reading: The term.
    """

    def __init__(self, report: Callable[[int, float], bool], reading: str) -> None:
        self.report, self.reading = report, reading

    def evaluated(self, epoch: int, split: str, terms: Mapping[str, float]) -> None:
        """Tell the term, and end the run where that is the answer.

        Raises:
            Pruned: It is behind.
            Refused: There is no such term.
        """
        if self.reading not in terms:
            raise Refused(
                f"Pruning goes by a term that is evaluated while training, and {self.reading} is none: there are "
                f"{', '.join(terms)}. Seek one of these, or leave `prune` out."
            )
        if self.report(epoch, terms[self.reading]):
            raise Pruned(f"after epoch {epoch} its {self.reading} on {split} data was {terms[self.reading]:.4g}")


def this_process() -> str:
    """What the record calls this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def carry_out(plan: Plan, train: TrainsARun, told: Callable[[RunRecord], None] = lambda row: None) -> bool:
    """Carry out the next run, if there is one that nobody carries out; False where there is none.

    Args:
        plan: The sweep's runs.
        train: Who trains it.
        told: Told the run's row, once it has ended.
    """
    found = plan.next()
    if found is None:
        return False
    run, claim = found
    try:
        plan.folder.change(run.name, lambda before: _begun(before or run.row()))
        state, reason = _end_of(plan, run, train)
        row = plan.folder.change(
            run.name, lambda before: (before or run.row()).model_copy(update={"state": state, "reason": reason})
        )
        if plan.search is not None:
            plan.search.settle()
    finally:
        claim.release()
    assert row is not None
    told(row)
    return True


def _begun(row: RunRecord) -> RunRecord:
    """The row of a run that is carried out from now on."""
    changes = {"state": "running", "reason": "", "starts": row.starts + 1, "worker": this_process()}
    return row.model_copy(update=changes)


def _end_of(plan: Plan, run: PlannedRun, train: TrainsARun) -> tuple[RunState, str]:
    """How a run ends, and why if it does not finish."""
    folder, search = RunFolder(plan.folder.runs / run.name), plan.search
    callbacks: list[Watcher] = []
    if search is not None and search.prunes and run.seed == plan.seeds[0] and run.trial is not None:
        trial = run.trial
        callbacks.append(Pruning(lambda epoch, value: search.report(trial, epoch, value), search.sought[0]))
    try:
        train(tables_of(plan.config.base, run.setting, run.seed), folder, folder.exists, callbacks)
    except Pruned as end:
        return "pruned", str(end)
    except TermwiseError as error:
        return "failed", str(error)
    except Exception as error:  # one run that fails, for whatever reason, is no reason to end the others
        plan.folder.logs.mkdir(exist_ok=True)
        with suppress(OSError):  # the disk may be what is full
            write_whole(plan.folder.logs / f"{run.name}.txt", traceback.format_exc().encode())
        return "failed", f"{type(error).__name__}: {error}"
    return "finished", ""
