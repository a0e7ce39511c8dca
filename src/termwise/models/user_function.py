"""A function of the user's own, which a configuration or a command names as "module:function"."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from termwise.errors import Refused


def user_function(module: str, function: str) -> Callable[..., Any]:
    """`function` of `module`, imported from the Python path or the working directory.

    Raises:
        Refused: There is no such module, or no such function in it.

    Example:
        >>> user_function("math", "sqrt")(9.0)
        3.0
    """
    try:
        if "" not in sys.path:
            sys.path.insert(0, "")
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise Refused(
            f"Expected a function {function!r} in a module {module!r} on the Python path or in this folder; "
            f"got {error}. Check both names."
        ) from None
