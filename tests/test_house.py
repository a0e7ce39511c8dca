"""The house is built as its plan says: who may import whom, how long a file is, which names are public."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import termwise
from helpers.floors import ORDER

ROOT = Path(__file__).parent.parent
SOURCE, TESTS = ROOT / "src" / "termwise", ROOT / "tests"
OF_WORLDS = ("errors", "values", "schedules", "notebook", "registry", "account", "data", "models", "worlds")
LONGEST = 400
PRIVATE = re.compile(r"/wor[k]\b|/tmp/bas[h]")  # paths of a builder's machine; brackets keep this line from matching


@cache
def nodes(code: str) -> tuple[ast.AST, ...]:
    """All that a module's code is made of, the module first; each is read once."""
    return tuple(ast.walk(ast.parse(code)))


def rooms_imported(code: str, package: str = "termwise") -> set[str]:
    """The rooms of `package` that a module imports, wherever in it, under TYPE_CHECKING too."""
    names = set()
    for node in nodes(code):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.add(f"{package}.<relative>")
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            names |= {f"{package}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.") and not name.endswith("__version__")}


def violations(room: str, code: str) -> list[str]:
    """The rooms that a module of `room` imports and may not."""
    allowed = OF_WORLDS if room == "worlds" else ORDER[: ORDER.index(room) + 1]
    return sorted(rooms_imported(code) - set(allowed))


def modules() -> list[Path]:
    return sorted(
        path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem not in ("__init__", "__main__")
    )


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def test_there_are_modules_to_check_and_each_is_in_a_room_of_the_plan():
    assert len(modules()) > 50
    assert {room_of(path) for path in modules()} <= set(ORDER)


def test_a_room_imports_only_rooms_before_it():
    found = {str(path.relative_to(SOURCE)): violations(room_of(path), path.read_text()) for path in modules()}
    assert {name: rooms for name, rooms in found.items() if rooms} == {}


@pytest.mark.parametrize(
    ("room", "code", "found"),
    [
        ("models", "from termwise.terms import Link", ["terms"]),
        ("data", "def f():\n    import termwise.api", ["api"]),
        ("terms", "if TYPE_CHECKING:\n    from termwise.objectives.game import Game", ["objectives"]),
        ("training", "from termwise import report, errors", ["report"]),
        ("worlds", "from termwise.terms import Link", ["terms"]),
        ("report", "from ..cli import main", ["<relative>"]),
        ("report", "from termwise import __version__\nfrom termwise.account.rounding import rounded\nimport torch", []),
        ("cli", "from termwise import api", []),
    ],
)
def test_an_import_that_runs_against_the_order_is_caught(room, code, found):
    assert violations(room, code) == found


def test_no_file_is_longer_than_one_can_read():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in [*everything(), *TESTS.rglob("*.py")]
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def everything() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def dotted(path: Path) -> str:
    """The name by which a module is imported."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def modules_imported(code: str, names: set[str]) -> set[str]:
    """The modules of `names` that are imported when `code` is, functions' own imports left out."""
    found, waiting = set(), list(nodes(code)[0].body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If):
            waiting += [*node.body, *node.orelse]
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & names) or {str(node.module)}
    return found & names


def test_no_circle_of_imports():
    names = {dotted(path) for path in everything()}
    imports = {dotted(path): modules_imported(path.read_text(), names) - {dotted(path)} for path in everything()}
    TopologicalSorter(imports).prepare()  # raises CycleError


def test_a_circle_would_be_found():
    names = {"a", "a.b", "a.c"}
    codes = {"a.b": "from a import c", "a.c": "if True:\n    from a.b import thing", "a": "def f():\n    import a.b"}
    imports = {name: modules_imported(code, names) for name, code in codes.items()}
    assert imports == {"a.b": {"a.c"}, "a.c": {"a.b"}, "a": set()}
    with pytest.raises(CycleError):
        TopologicalSorter(imports).prepare()


def test_every_public_name_is_found_and_imported_when_it_is_first_used():
    for name in termwise.__all__:
        assert getattr(termwise, name) is not None
        assert name in dir(termwise)
    code = "import sys, termwise as tw; assert not {'termwise.registry', 'torch'} & {*sys.modules}; tw.Registry"
    code += "; assert 'termwise.registry' in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_room_is_reached_from_the_top():
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert rooms - {"cli"} <= set(termwise.__all__)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No termwise attribute trian"):
        termwise.trian  # noqa: B018


FACES = ("api", "cli", "functional", "plot")
"""The rooms whose functions bear the name of the verb, the term or the picture that they bring to a user."""


def defined(code: str) -> set[str]:
    """The names that a module defines: classes, functions, constants and aliases, private ones left out."""
    names = set()
    for node in nodes(code)[0].body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def exported(path: Path) -> set[str]:
    """What a room's __init__ offers."""
    stub = path.with_suffix(".pyi")
    code = (stub if stub.exists() else path).read_text()
    return {alias.asname or alias.name for n in nodes(code) if isinstance(n, ast.ImportFrom) for alias in n.names}


def test_no_two_things_that_a_reader_meets_share_a_name():
    homes = {}
    for path in everything():
        for name in defined(path.read_text()):
            homes.setdefault(name, []).append(path)
    offered = set().union(*(exported(path) for path in SOURCE.rglob("__init__.py")))
    twice = {}
    for name, paths in homes.items():
        kind = re.fullmatch(r"([A-Z][A-Za-z0-9]*)+", name) and not name.isupper()  # a class, or an alias of types
        inside = [path for path in paths if room_of(path) not in FACES]
        if len(inside) > 1 and (kind or name in offered):
            twice[name] = [str(path.relative_to(SOURCE)) for path in inside]
    assert twice == {}


def docstrings(path: Path):
    """(name, first line) of a module, and of every class and function in it that is not private."""
    for node in nodes(path.read_text()):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            name, text = getattr(node, "name", path.stem), ast.get_docstring(node)
            if text and not name.startswith("_"):
                yield f"{path.relative_to(SOURCE)}: {name}", text.splitlines()[0]


def test_the_first_line_of_a_docstring_stands_on_its_own():
    short = {name: line for path in everything() for name, line in docstrings(path) if len(line.split()) < 4}
    assert short == {}


SLOW_TO_SHOW = {"best_four_points"}
"""Public names without an example: one would take seconds."""


def without_example(thing) -> bool:
    """Whether neither a function or class nor any method of it has an example that runs."""
    parts = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
    return not any(">>> " in (getattr(part, "__doc__", None) or "") for part in parts)


@pytest.mark.parametrize(
    "room", ["", *sorted(f".{room}" for room in ORDER if (SOURCE / room).is_dir() and room != "cli")]
)
def test_every_public_name_has_an_example(room):
    module = importlib.import_module(f"termwise{room}")
    things = {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    things = {
        n: t for n, t in things.items() if (inspect.isclass(t) or inspect.isfunction(t)) and n not in SLOW_TO_SHOW
    }
    assert [name for name, thing in things.items() if without_example(thing)] == []


def test_nothing_names_a_path_of_the_machine_that_it_was_written_on():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {name: (ROOT / name).read_bytes().decode(errors="ignore") for name in tracked.split("\0") if name}
    assert [name for name, text in texts.items() if PRIVATE.search(text)] == []
