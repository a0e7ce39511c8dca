"""What a person sees while something is measured: a bar with the stage's name, on a terminal, after a moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from termwise.models.data_pass import Progress

PATIENCE = 1.0
"""How many seconds pass before there is a bar."""


@contextmanager
def terminal_bar(console: Console | None = None) -> Iterator[Progress]:
    """A bar on standard error, and what moves it: told of a stage's name and how much of it is done, 0 to 1."""
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    bar = progress.Progress(*columns, console=console, transient=True)
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
