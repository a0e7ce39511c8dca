"""What a person sees while something is measured: a bar with the stage's name, on a terminal, after a moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from termwise.models.passes import Progress as Told

PATIENCE = 1.0  # seconds before there is a bar


@contextmanager
def shown(console: Console | None = None) -> Iterator[Told]:
    """What to tell of a stage's name and how much of it is done, 0 to 1; shown on standard error."""
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("", total=1.0)
    began, current = time.monotonic(), ""

    def tell(stage: str, part: float) -> None:
        nonlocal current
        if not console.is_terminal or time.monotonic() - began < PATIENCE:
            return
        bar.start()
        if stage != current:
            current = stage
            bar.reset(task, description=stage)
        bar.update(task, completed=part)

    try:
        yield tell
    finally:
        bar.stop() if bar.live.is_started else None
