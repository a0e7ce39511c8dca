"""A worker of a sweep, as a process of its own: it carries out runs as long as there is one that nobody carries out.

Begun as `python -m termwise.api.sweep_worker DIR THREADS` by the process that sweeps, and ends when that does.
"""

import sys
from collections.abc import Callable
from functools import partial

from termwise.api.trained_run import trained_run
from termwise.sweeps.carry_out import carry_out
from termwise.sweeps.plan import Plan
from termwise.sweeps.sweep_folder import RunRecord, SweepFolder
from termwise.sweeps.workers import end_with_the_parent


def main() -> None:
    """Carry out runs until there is none to be had."""
    end_with_the_parent()
    path, threads = sys.argv[1:]
    plan = Plan(SweepFolder(path))
    while carry_out(plan, partial(trained_run, threads=int(threads))):
        pass


def carry_out_one(path: str, threads: int, told: Callable[[RunRecord], None]) -> bool:
    """Carry out the next run of a sweep's folder in this process; False where there is none to be had.

    Args:
        path: The folder.
        threads: Of torch.
        told: Told the run's row, once it has ended.
    """
    return carry_out(Plan(SweepFolder(path)), partial(trained_run, threads=threads), told)


if __name__ == "__main__":
    main()
