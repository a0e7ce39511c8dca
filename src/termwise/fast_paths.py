"""Fast paths: quicker ways to the same numbers, taken where a trial finds them right and quicker on this machine.

The environment variable TERMWISE_FAST_PATHS says which may be taken:

    unset, or auto   those that a trial finds to be quicker here
    off              none: everything is computed by PyTorch's own operations
    on               all that run here and give the right numbers, quicker or not

It is read when a path is first wanted, once in a process. Numbers of two paths differ in rounding, so a training's
checkpoint says which were taken, and a training that goes on takes the same, whatever a trial would say then.
"""

import os
from collections.abc import Callable, Mapping
from threading import RLock
from typing import ClassVar

import torch
from torch.autograd import forward_ad

from termwise.errors import Refused, in_short

SWITCH = "TERMWISE_FAST_PATHS"
"""The name of the environment variable."""


class FastPath:
    """A quicker way to the same numbers: whether it is taken is decided at its first use, and then stays.

    Args:
        name: What checkpoints call it.
        works: Whether it runs on this machine, and gives the right numbers; an error that it raises says no.
        pays: Whether it is quicker here; asked only where it works.

    Example:
        >>> path = FastPath("twice as fast", works=lambda: 1 / 0 > 0, pays=lambda: True)
        >>> path.taken  # for what raises does not work
        False
    """

    _all: ClassVar[dict[str, "FastPath"]] = {}
    _lock = RLock()

    def __init__(self, name: str, works: Callable[[], bool], pays: Callable[[], bool]) -> None:
        self.name, self._works, self._pays = name, works, pays
        self._taken: bool | None = None
        self._forced: bool | None = None
        self._all[name] = self

    @property
    def forced(self) -> bool:
        """Whether TERMWISE_FAST_PATHS asks for it even where it does not pay, as for small numbers of things."""
        if self._forced is None:
            self._forced = asked() is True
        return self._forced

    @property
    def taken(self) -> bool:
        """Whether it is taken in this process.

        Raises:
            Refused: TERMWISE_FAST_PATHS has a value that says nothing.
        """
        if self._taken is None:
            with self._lock:
                if self._taken is None:
                    self._taken = self._decide()
        return self._taken

    def anew(self) -> None:
        """Forget what was decided: the next use decides again."""
        self._taken = self._forced = None

    def _decide(self) -> bool:
        allowed, recorded = asked(), _RECORDED.get(self.name)
        if allowed is False or (allowed is None and recorded is False):
            return False
        try:
            return bool(self._works() and (allowed or recorded or self._pays()))
        except Exception:  # an operator that is not there, or has other arguments in this version
            return False


_RECORDED: dict[str, bool] = {}
"""What the checkpoint says that this process goes on from, by a path's name."""


def asked() -> bool | None:
    """What TERMWISE_FAST_PATHS says: False for none, True for all that run, None for those that a trial finds quicker.

    Raises:
        Refused: It says something else.

    Example:
        >>> asked() in (False, True, None)
        True
    """
    value = os.environ.get(SWITCH, "auto").strip().lower() or "auto"
    if value not in ("auto", "off", "on"):
        raise Refused(f"{SWITCH} is 'on', 'off' or 'auto', as without it; got {in_short(value)}.")
    return {"auto": None, "off": False, "on": True}[value]


def taken_paths() -> dict[str, bool]:
    """Whether each path is taken in this process, by name; of those that nothing has asked for yet it is decided now.

    Example:
        >>> all(isinstance(taken, bool) for taken in taken_paths().values())
        True
    """
    return {name: path.taken for name, path in sorted(FastPath._all.items())}


def take_as(recorded: Mapping[str, bool]) -> None:
    """Take the paths that another process took, in the place of trials; those that cannot run here are not taken.

    What TERMWISE_FAST_PATHS says goes before.
    """
    with FastPath._lock:
        _RECORDED.clear()
        _RECORDED.update(recorded)
        for name in recorded:
            if name in FastPath._all:
                FastPath._all[name].anew()


def transformed() -> bool:
    """Whether a compiler, a tracer or a transformation of functions is at work, for which PyTorch's own steps are made.

    Example:
        >>> transformed(), torch.func.vmap(lambda x: x + transformed())(torch.zeros(2)).tolist()
        (False, [1.0, 1.0])
    """
    if torch.compiler.is_compiling():
        return True
    try:
        return (
            torch.jit.is_tracing()  # type: ignore[attr-defined]
            or torch._C._functorch.peek_interpreter_stack() is not None
            or forward_ad._current_level >= 0
        )
    except AttributeError:  # a version of PyTorch that cannot be asked so
        return True
