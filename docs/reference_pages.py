"""The reference's pages: one for each room, from the names that it exports, and one of what tables give a name."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from itertools import pairwise
from pathlib import Path
from typing import Any

import termwise
from termwise.registry import Registry

ROOMS = [name for name in termwise.__all__ if inspect.ismodule(getattr(termwise, name))]


def write(folder: Path) -> None:
    """Write the pages anew."""
    folder.mkdir(exist_ok=True)
    pages = {room: _page(room, names) for room, names in exported().items() if names} | {"names": _tables()}
    for stale in folder.glob("*.rst"):
        stale.unlink()
    toctree = "\n   ".join(["names", *(room for room in pages if room != "names")])
    index = f"{_heading('Reference', '=')}\n.. toctree::\n   :maxdepth: 1\n\n   {toctree}\n"
    for name, page in {"index": index, **pages}.items():
        (folder / f"{name}.rst").write_text(page)


def exported() -> dict[str, list[str]]:
    """The names of each room, each once and as a user writes it: by the top where the top has it."""
    by_room: dict[str, list[str]] = {room: [] for room in ROOMS}
    written: set[int] = set()
    for prefix, names in [("termwise", termwise.__all__), *((f"termwise.{room}", _all(room)) for room in ROOMS)]:
        for name in names:
            thing = getattr(importlib.import_module(prefix), name)
            if not inspect.ismodule(thing) and id(thing) not in written:
                written.add(id(thing))
                by_room.setdefault(_room(thing, prefix, name), []).append(f"{prefix}.{name}")
    return by_room


def _all(room: str) -> list[str]:
    return list(getattr(getattr(termwise, room), "__all__", ()))


def _room(thing: Any, prefix: str, name: str) -> str:
    """Where a thing lives; where it does not say so itself, the room that exports it."""
    home = getattr(thing, "__module__", None) if inspect.isclass(thing) or inspect.isfunction(thing) else prefix
    room = [*str(home).split("."), ""][1]
    return room or next((room for room in ROOMS if name in _all(room)), "api")


def _page(room: str, names: list[str]) -> str:
    module = importlib.import_module(f"termwise.{room}")
    entries = (_entry(name) for name in names)
    return "\n".join([_heading(room, "="), _plain((module.__doc__ or "").split("\n\n")[0]), "", *entries])


def _entry(name: str) -> str:
    prefix, _, last = name.rpartition(".")
    thing = getattr(importlib.import_module(prefix), last)
    if inspect.isclass(thing):
        return f".. autoclass:: {name}\n   :members:\n"
    if inspect.isfunction(thing):
        return f".. autofunction:: {name}\n"
    return f".. py:data:: {name}\n\n   {_plain(' '.join(_constant_docstring(prefix, last).split()))}\n"


def _constant_docstring(module: str, name: str) -> str:
    """The string that stands below a constant where it is made; nothing where none does."""
    file = Path(inspect.getfile(importlib.import_module(module)))
    stub = file.with_suffix(".pyi")  # where names are imported when they are first used, they are listed there
    body = ast.parse((stub if stub.exists() else file).read_text()).body
    for statement, below in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(getattr(target, "id", None) == name for target in targets):
            value = getattr(below, "value", None)
            return str(value.value) if isinstance(value, ast.Constant) else ""
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    homes = [f"{'.' * node.level}{node.module}" for node in imports if name in {alias.name for alias in node.names}]
    return _constant_docstring(resolve_name(homes[0], module), name) if homes else ""


def registries() -> dict[str, Registry[Any]]:
    """Every table of the library, by what is called by its names."""
    by_name = {}
    for module in pkgutil.walk_packages(termwise.__path__, "termwise."):
        if ".ready." not in module.name:  # which needs other packages
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, Registry):
                    by_name[thing.what] = thing
    return by_name


SUMMARIES = ("summary", "meaning", "estimator", "title")
"""Where a row says what it is, in one line; the first that it has."""


def _tables() -> str:
    parts = [_heading("What goes by a name", "=")]
    for what, table in sorted(registries().items()):
        rows = "\n".join(
            f"   * - ``{'``, ``'.join(getattr(row, 'shown', (name,)))}``\n     - {_plain(_summary(row))}"
            for name, row in table.items()
        )
        parts += [_heading(what.capitalize(), "-"), f"Entry points: ``{table.group}``.\n"]
        parts.append(f".. list-table::\n   :align: left\n   :widths: 35 65\n   :width: 100%\n\n{rows}\n")
    return "\n".join(parts)


def _summary(row: Any) -> str:
    return next((str(getattr(row, name)) for name in SUMMARIES if getattr(row, name, "")), "")


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def as_restructured_text(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A docstring as the markup that Sphinx reads, in place: signs of mathematics are no markup, what is set off is."""
    lines[:] = list(_converted(lines))


def _converted(lines: list[str]) -> Iterator[str]:
    literal = -1  # how far the paragraph is indented that a block of mathematics or code follows
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        following = [(len(later) - len(later.lstrip()), later) for later in lines[number + 1 : number + 3]]
        if literal >= 0 and line.strip() and indent <= literal:
            literal = -1
        if literal >= 0 or line.lstrip().startswith((">>>", "...")):
            yield line
        elif line.endswith(":") and len(following) == 2 and not following[0][1] and following[1][0] > indent:
            literal = indent
            yield _plain(line) + ":"
        else:
            yield _plain(line)


def _plain(text: str) -> str:
    """The text with its code as code and with no other markup."""
    parts = re.split(r"(``.*?``|`.*?`)", text)
    escaped = [re.sub(r"([*|\\])", r"\\\1", part) for part in parts[::2]]
    escaped = [re.sub(r"(?<=\w)_(?!\w)", r"\\_", part) for part in escaped]
    code = [f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(part for pair in zip(escaped, [*code, ""], strict=True) for part in pair)
