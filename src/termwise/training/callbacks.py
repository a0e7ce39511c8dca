"""Watchers that somebody wrote, as `train(callbacks=...)` takes them: instances, with methods that are called."""

import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from termwise.training.watchers import Watcher

CALLS = tuple(name for name, of in vars(Watcher).items() if not name.startswith("_") and callable(of))
"""What a watcher is told by, in order."""
MEANT = {"epoch": "logged", "validation": "evaluated", "batch": "stepped", "step": "stepped", "end": "ended"}
"""By a word in the name of another package's hook, the call that comes nearest."""
LIGHTNING = ("lightning", "pytorch_lightning")
"""The packages whose callbacks are for a Trainer of theirs."""


class NeverCalled(UserWarning):
    """A method of a watcher has the name of a call that there is not."""


def _watchers(given: object) -> object:
    each = given if isinstance(given, list | tuple) else [given]
    for one in each:
        if any(kind.__module__.split(".")[0] in LIGHTNING for kind in type(one).__mro__):
            raise PydanticCustomError(
                "no_watcher",
                "a callback of Lightning's is for its own Trainer(callbacks=[...]); one for this training extends "
                "tw.training.Silent",
            )
        if each is not given or isinstance(one, type) or not isinstance(one, Watcher):
            raise PydanticCustomError(
                "no_watcher", "extend tw.training.Silent and pass an instance, in a list, callbacks=[Mine()]"
            )
    return given


Callbacks = Annotated[Sequence[Watcher], PlainValidator(_watchers)]
"""Watchers in a list."""


def warn_of_never_called(callbacks: Sequence[Watcher], stacklevel: int) -> None:
    """Warn of each method that is named as if it were called, "on_epoch_end" or "evaluate", and is not.

    A method of another name is the watcher's own affair.

    Args:
        callbacks: The watchers.
        stacklevel: Whose call it is, as of `warnings.warn`, seen from the caller.
    """
    for one in callbacks:
        for name in sorted(set(dir(one)) - set(CALLS)):
            near = get_close_matches(name, CALLS, n=1, cutoff=0.7)
            if name.startswith("on_"):
                near = [call for word, call in MEANT.items() if word in name][:1]
            elif not near:
                continue
            if callable(getattr(type(one), name, None)):
                hint = f"Did you mean {near[0]}? " if near else ""
                warnings.warn(
                    f"{type(one).__name__}.{name} is never called: no Watcher has it. {hint}The calls are "
                    f"{', '.join(CALLS)}.",
                    NeverCalled,
                    stacklevel=stacklevel + 1,
                )
