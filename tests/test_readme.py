"""What the README shows is what happens."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import termwise as tw
from helpers.floors import ORDER
from termwise.training import config_from

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "termwise"
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


LESS = {"epochs=5": "epochs=1", "limit=20, tolerance=1.0": "limit=4, tolerance=5.0", "12_800": "1_280"}
"""What is asked for less of, so that it takes seconds; as it stands it is run with the slow tests."""


@pytest.mark.parametrize("instead", [LESS, pytest.param({}, marks=pytest.mark.slow)], ids=["less", "as it stands"])
def test_the_python_runs_from_top_to_bottom(tmp_path, monkeypatch, instead):
    monkeypatch.chdir(tmp_path)
    code, spoken = "".join(blocks("python")), {}
    for asked, less in instead.items():
        assert asked in code
        code = code.replace(asked, less)
    exec(compile(code, "README.md", "exec"), spoken)
    assert (tmp_path / "runs/c/latents.csv").exists() and (tmp_path / "runs/own-walk/report.html").exists()


def test_the_toml_is_a_configuration_that_builds():
    for block in blocks("toml"):
        game = config_from(tomllib.loads(block)).objective.build()
        assert game.players[0].objective.names == ("distortion", "index_code_mi", "marginal_mmd2")


def test_the_tables_are_what_the_registries_say(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    tables = importlib.import_module("readme_tables")
    assert tables.written(README) == README  # python docs/readme_tables.py writes them
    prose = {"READINGS", "METHODS", "OPTIMIZERS", "KERNELS"}
    assert {*registries()} == {*tables.LISTS.values(), "RECIPES", "SOURCES", "FORMATS", "OBJECTS"} | prose


def registries():
    return {name: getattr(tw, name) for name in tw.__all__ if isinstance(getattr(tw, name), tw.Registry)}


def test_the_map_names_every_room_from_the_first_floor_to_the_last():
    packages = [path.parent for path in SOURCE.rglob("__init__.py")]
    rooms = [str(path.relative_to(SOURCE)) for path in packages if path != SOURCE]
    drawn = README[README.index("src/termwise/\n") : README.index("tests/  ")]
    floors = re.findall(r"^  (\w+)(?:/|\.py) ", drawn, flags=re.MULTILINE)
    assert floors == [*ORDER]
    inner = {name for line in drawn.splitlines() if line.startswith("    ") for name in re.findall(r"(\w+)/", line)}
    assert inner == {room.rpartition("/")[2] for room in rooms if "/" in room}
