"""A function of the user's own, which a configuration or a command names as "module:function".

Importing a module runs it. So a name that the user said is imported, and one that a saved model or a run folder holds
only once the user has said that its module is trusted.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from termwise.errors import Refused

Trust = bool | str | Iterable[str]
"""The modules whose code a saved model may run, by name, those within them too; all where it is True."""


def user_function(module: str, function: str) -> Callable[..., Any]:
    """`function` of `module`, imported from the Python path or the working directory, which is looked into last.

    Raises:
        Refused: There is no such module, or no such function in it.

    Example:
        >>> user_function("math", "sqrt")(9.0)
        3.0
    """
    try:
        with _working_directory_importable():
            called = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise Refused(
            f"Expected a function {function!r:.300} in a module {module!r:.300} on the Python path or in this folder; "
            f"got {error!s:.300}. Check both names."
        ) from None
    if not callable(called):
        raise Refused(f"Expected a function {function!r:.300} in {module!r:.300}; it is not callable: {called!r:.80}.")

    @wraps(called)
    def with_imports(*arguments: Any, **options: Any) -> Any:
        with _working_directory_importable():
            return called(*arguments, **options)

    return with_imports


def check_trust(name: str, trust: Trust, where: object) -> None:
    """Raise Refused where a saved "module:function" would be imported, and its module is not trusted.

    Example:
        >>> check_trust("nets.small:build", ["nets"], "runs/a")
        >>> check_trust("nets.small:build", (), "runs/a")
        Traceback (most recent call last):
        termwise.errors.Refused: runs/a names a function of yours or of somebody else's, 'nets.small:build', ...
    """
    module = name.partition(":")[0]
    trusted = [trust] if isinstance(trust, str) else [] if isinstance(trust, bool) else list(trust)
    if trust is True or any(f"{module}.".startswith(f"{one}.") for one in trusted):
        return
    raise Refused(
        f"{where} names a function of yours or of somebody else's, {name!r}, and reading it would run the code of "
        f"{module!r}. If you trust that, say so: trust=[{module!r}], or --trust {module}."
    )


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    """Modules of the working directory can be imported, unless there is another of that name; and then no more."""
    here = os.getcwd()  # noqa: PTH109 - a string, as sys.path has
    sys.path.append(here)
    try:
        yield
    finally:
        del sys.path[len(sys.path) - 1 - sys.path[::-1].index(here)]
