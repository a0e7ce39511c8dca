"""What processes beside a test of sweeps do."""

import time
from pathlib import Path

from termwise.sweeps import SweepFolder
from termwise.sweeps.plan import Plan


def claim_and_wait(path: Path, told) -> None:
    """Have the claim of the next run, say which, and hold it until killed."""
    run, _claim = Plan(SweepFolder(path)).next()
    told.send(run.name)
    while True:
        time.sleep(1)
