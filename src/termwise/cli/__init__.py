"""The commands, over `termwise.api`; one file each.

Nothing heavy is imported before a command runs, so that `--help` answers at once. An error that a user can mend is
printed without a traceback, and the status is 2.
"""

import io
import sys
import warnings
from typing import Any

from termwise.errors import TermwiseError


def _warn_in_one_line() -> None:
    """Make each warning of ours a line on standard error, without the place in the code."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if category.__module__.startswith("termwise."):
            print(f"termwise: {message}", file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show


def main() -> None:
    """Run a command; an error that a user can mend ends with status 2 and no traceback."""
    _warn_in_one_line()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be text in any encoding
    from termwise.cli.commands import (
        app,
    )  # now, as help is printed from tables, which may warn of another package's row

    try:
        app(prog_name="termwise")
    except TermwiseError as error:
        print(f"termwise: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError:
        print("termwise: There is not enough memory for this. Ask for less, or for fewer at a time.", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        where = f" {error.filename!s:.300}" if error.filename is not None else ""
        print(f"termwise: The file system refused{where}: {error.strerror or error}.", file=sys.stderr)
        raise SystemExit(2) from None
