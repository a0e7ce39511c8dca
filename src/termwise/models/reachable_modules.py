"""The modules that a function reaches: what must be in evaluation mode, and on the device, when it is called.

A function holds on to modules through its closure, its defaults, the arguments of a partial, the object that it is a
method of, and the globals that its code names. Each of these is one step, and `STEPS` are taken, through functions,
objects, lists and tables. What it makes or loads itself, while it runs, cannot be found.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import getattr_static
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from weakref import ProxyTypes

from torch import Tensor, nn

STEPS = 4
"""How many steps from a function a module may be."""
LONGEST = 1000
"""Lists and tables of more than this hold data, not modules."""


def modules_of(functions: Iterable[Callable | None]) -> list[nn.Module]:
    """The modules that these functions are, hold or name; each once, those fewest steps away first.

    Example:
        >>> network = nn.Linear(2, 3)
        >>> modules_of([lambda x: network(x).relu()])
        [Linear(in_features=2, out_features=3, bias=True)]
    """
    modules: list[nn.Module] = []
    visited: dict[int, Any] = {}
    layer: list[Any] = list(functions)
    for _ in range(STEPS + 1):
        further: list[Any] = []
        for thing in layer:
            if id(thing) in visited:
                continue
            visited[id(thing)] = thing
            if type(thing) in ProxyTypes:  # it says that it is what it stands for, and may have lost it
                continue
            if isinstance(thing, nn.Module):
                modules.append(thing)
            else:
                further += _within(thing)
        layer = further
    return modules


def _within(thing: Any) -> list[Any]:
    """What is one step away from `thing`."""
    if thing is None or isinstance(thing, str | bytes | int | float | Tensor | type | ModuleType):
        return []
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, FunctionType):
        return _within_function(thing)
    if isinstance(thing, Mapping):
        return list(thing.values()) if len(thing) <= LONGEST else []
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing) if len(thing) <= LONGEST else []
    return [*getattr(thing, "__dict__", {}).values(), getattr_static(type(thing), "__call__", None)]


def _within_function(function: FunctionType) -> list[Any]:
    if (function.__module__ or "").partition(".")[0] == "torch":
        return []
    values = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    values += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *vars(function).values()]
    names = _names(function.__code__)
    for value in (function.__globals__[name] for name in names if name in function.__globals__):
        values.append(value)
        if isinstance(value, ModuleType):  # nets.encoder, where `nets` was imported
            values += [vars(value)[name] for name in names if isinstance(vars(value).get(name), nn.Module)]
    return values


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that has no value yet
        return False


def _names(code: CodeType) -> set[str]:
    """The names of globals and attributes in a function's code, and in the functions and comprehensions within it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))
