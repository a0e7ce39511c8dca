"""The size of modules, before they are made: built without memory for their numbers, and counted."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from termwise.errors import Refused
from termwise.main_memory import check_fits


def check_size(what: str, make: Callable[[], Any]) -> None:
    """Raise Refused where the modules that a function makes would not fit into memory.

    Args:
        what: What they are, as the beginning of a sentence.
        make: Makes a module, or a tuple of them; what it raises itself is left for when it is called in earnest.

    Example:
        >>> check_size("The layer", lambda: nn.Linear(10**6, 10**6))
        Traceback (most recent call last):
        termwise.errors.Refused: The layer would take 4000004000000 bytes, ...
    """
    try:
        with torch.device("meta"):
            made = make()
    except RuntimeError as error:
        if "overflow" in str(error):
            raise Refused(f"{what} would take more bytes than can be counted in 64 bits. Ask for less.") from None
        return
    except Exception:  # whoever calls it next sees the same
        return
    modules = [one for one in (made if isinstance(made, tuple) else (made,)) if isinstance(one, nn.Module)]
    check_fits(sum(t.numel() * t.element_size() for one in modules for t in one.state_dict().values()), what)
