"""The house is built as its plan says: who may import whom, how long a file is, which names are public."""

import ast
import re
from pathlib import Path

import pytest

import termwise

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "termwise"
ORDER = (
    "errors", "registry", "account", "data", "models", "terms", "objectives", "training", "worlds", "measuring",
    "verify", "report", "api", "cli",
)  # fmt: skip
OF_WORLDS = ("errors", "registry", "account", "data", "models", "worlds")
LONGEST = 400
PRIVATE = re.compile(r"/wor[k]\b|/tmp/bas[h]")  # paths of a builder's machine; brackets keep this line from matching


def rooms_imported(code: str, package: str = "termwise") -> set[str]:
    """The rooms of `package` that a module imports, wherever in it, under TYPE_CHECKING too."""
    names = set()
    for node in ast.walk(ast.parse(code)):
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
    return sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem != "__init__")


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def test_there_are_modules_to_check_and_each_is_in_a_room_of_the_plan():
    assert len(modules()) > 50
    assert {room_of(path) for path in modules()} <= set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_rooms_before_it(path):
    assert violations(room_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("room", "code", "found"),
    [
        ("models", "from termwise.terms import Link", ["terms"]),
        ("data", "def f():\n    import termwise.api", ["api"]),
        ("terms", "if TYPE_CHECKING:\n    from termwise.objectives.game import Game", ["objectives"]),
        ("training", "from termwise import report, errors", ["report"]),
        ("worlds", "from termwise.terms import Link", ["terms"]),
        ("report", "from ..cli import main", ["<relative>"]),
        ("report", "from termwise import __version__\nfrom termwise.report.rounding import rounded\nimport torch", []),
        ("cli", "from termwise import api", []),
    ],
)
def test_an_import_that_runs_against_the_order_is_caught(room, code, found):
    assert violations(room, code) == found


def test_no_file_is_longer_than_one_can_read():
    lengths = {path.name: len(path.read_text().splitlines()) for path in [*modules(), SOURCE / "__init__.py"]}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_public_name_has_a_home_and_is_found_there():
    assert set(termwise.__all__) == {*termwise._HOMES, *termwise._ROOMS}
    for name in termwise.__all__:
        assert getattr(termwise, name) is not None
        assert name in dir(termwise)
    for name, home in termwise._HOMES.items():
        assert vars(__import__(home, fromlist=[name]))[name] is getattr(termwise, name)


def test_public_names_for_type_checkers_are_those_at_run_time():
    imported = {}
    for node in ast.walk(ast.parse((SOURCE / "__init__.py").read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("termwise"):
            imported |= {alias.name: node.module for alias in node.names}
    assert imported == termwise._HOMES | dict.fromkeys(termwise._ROOMS, "termwise")


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        termwise.trian  # noqa: B018


def test_nothing_names_a_path_of_the_machine_that_it_was_written_on():
    files = [path for room in ("src", "tests") for path in (ROOT / room).rglob("*.py")]
    files += [path for path in (ROOT / "README.md",) if path.exists()]
    assert [str(path) for path in files if PRIVATE.search(path.read_text())] == []
