"""A worker of a sweep, as a process of its own: it carries out runs as long as there is one that nobody carries out.

Begun as `python -m termwise.api.sweep_worker DIR THREADS` by the process that sweeps, and ends when that does.
"""

import sys
from functools import partial

from termwise.api.sweep import _trained
from termwise.sweeps.carry_out import carry_out
from termwise.sweeps.plan import Plan
from termwise.sweeps.sweep_folder import SweepFolder
from termwise.sweeps.workers import end_with_the_parent


def main() -> None:
    """Carry out runs until there is none to be had."""
    end_with_the_parent()
    path, threads = sys.argv[1:]
    plan = Plan(SweepFolder(path))
    while carry_out(plan, partial(_trained, threads=int(threads))):
        pass


if __name__ == "__main__":
    main()
