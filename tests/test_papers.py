"""What the papers beside the code say is so."""

import importlib.util
import inspect
import itertools
import re
import tomllib
from pathlib import Path

import pytest

import termwise
from termwise.models.likelihoods import LIKELIHOODS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "termwise"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_is_of_this_version():
    citation = dict(re.findall(r"^(version|license): (.+)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE))
    assert citation == {"version": PROJECT["version"], "license": PROJECT["license"]}
    assert termwise.__version__ == PROJECT["version"]


def test_the_least_versions_are_those_that_the_package_asks_for():
    extras = itertools.chain(*PROJECT["optional-dependencies"].values())
    asked = (
        re.match(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", dependency).groups()
        for dependency in (*PROJECT["dependencies"], *extras)
    )
    floors = dict(asked)
    lines = (ROOT / "constraints" / "least.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: numbers(version) for name, version in pins.items()} == {
        name: numbers(version) for name, version in floors.items()
    }


def numbers(version: str) -> list[int]:
    """A version's numbers, without zeros at its end."""
    return [int(number) for number in re.sub(r"(\.0)+$", "", version).split(".")]


def test_every_python_that_the_package_names_is_tested():
    named = [line.split(" :: ")[-1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
    (tested,) = re.findall(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert re.findall(r"[\d.]+", tested) == named
    assert named[0] == PROJECT["requires-python"].removeprefix(">=")


def script(name: str):
    """A script of docs/, imported."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference():
    return script("reference_pages")


PAPERS = ["CONTRIBUTING.md", "docs/architecture.md"]


def paths_named(text: str) -> list[str]:
    """What stands in a text as code and is a path of a file or a folder; YOURS is a file that a reader is to write."""
    named = re.findall(r"`([\w./-]+)`", text)
    return [
        name
        for name in named
        if re.search(r"\.(py|pyi|md|toml|txt|svg|yml|cff)$|^\w.*/$", name) and "YOURS" not in name
    ]


@pytest.mark.parametrize("paper", PAPERS)
def test_every_path_that_a_paper_names_is_there(paper):
    named = paths_named((ROOT / paper).read_text())
    assert [name for name in named if not ((ROOT / name).exists() or (SOURCE / name).exists())] == []


def test_paths_are_found_in_a_text():
    text = "`terms/laws.py` and `worlds/`, but `Kernel`, `gap(2.0)`, `models/YOURS.py`, `1.5`; `a b/c.py`"
    assert paths_named(text) == ["terms/laws.py", "worlds/"]


def test_every_public_name_is_in_the_reference_once(reference):
    names = [name for names in reference.exported().values() for name in names if name.count(".") == 1]
    public = [name for name in termwise.__all__ if not inspect.ismodule(getattr(termwise, name))]
    assert sorted(names) == sorted(f"termwise.{name}" for name in public)


def test_every_name_of_a_room_is_in_the_reference(reference):
    written = {name.rpartition(".")[2] for names in reference.exported().values() for name in names}
    for room in reference.ROOMS:
        assert set(getattr(getattr(termwise, room), "__all__", ())) <= written


def test_the_groups_that_contributors_are_told_of_are_those_of_tables(reference):
    named = re.findall(r"[`\"](termwise\.[a-z_]+)[`\"]", (ROOT / "CONTRIBUTING.md").read_text())
    groups = [table.group for table in reference.registries().values()]
    assert len(named) > 5 and set(named) <= set(groups)
    assert len(groups) == len(set(groups)) and all(group.startswith("termwise.") for group in groups)


def test_the_addition_from_outside_is_one(tmp_path, monkeypatch):
    tables = re.findall(r"^(\w+)\.add\(", text := (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(LIKELIHOODS, "_rows", dict(LIKELIHOODS._rows))
    assert tables == ["LIKELIHOODS"] and "cauchy" not in LIKELIHOODS
    names = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    assert names["run"].model.likelihood.spec == "cauchy:0.5"
    assert dict(termwise.load_run("runs/cauchy").account) == dict(names["run"].account)


def shape_and_sizes(drawing: str) -> tuple[str, list[int]]:
    """A drawing without its counts of files, and these."""
    count = r"(?<=>)\d+(?= files<)|(?<=/ )\d+(?=</text>)"
    return re.sub(count, "N", drawing), [int(number) for number in re.findall(count, drawing)]


def test_the_drawing_is_of_the_house_as_it_is():
    """Rooms, folders, words and arrows are today's; how many files there are may lag a little."""
    kept, drawn = (ROOT / "docs" / "architecture.svg").read_text(), script("draw_architecture").drawing()
    (shape, sizes), (shape_now, sizes_now) = shape_and_sizes(kept), shape_and_sizes(drawn)
    assert shape == shape_now, "python docs/draw_architecture.py draws it anew"
    assert len(sizes) > 20 and all(abs(a - b) <= max(2, b / 4) for a, b in zip(sizes, sizes_now, strict=True))


def test_a_house_is_drawn_from_its_imports(tmp_path):
    house = {
        "ground.py": '"""What all stand on."""',
        "left/__init__.py": '"""The left `wing`."""',
        "left/a.py": "from house import ground",
        "left/inner/__init__.py": "",
        "left/inner/b.py": "def f():\n    import house.ground.thing",
        "roof.py": "import torch\nfrom house.left.a import f\nfrom house.ground import g",
        "__init__.py": "from house.roof import all_of_it",
    }
    for name, code in house.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    draw = script("draw_architecture")
    rooms, graph = draw.rooms(tmp_path / "house"), draw.imports(tmp_path / "house")
    assert rooms["left"] == draw.Room("left", "The left wing", 2, {"inner": 1})
    assert graph == {"ground": set(), "left": {"ground"}, "roof": {"left", "ground"}}
    assert draw.floors(graph) == {"ground": 0, "left": 1, "roof": 2}
    assert draw.arrows(graph) == [("left", "ground"), ("roof", "left")]
    with pytest.raises(SystemExit, match="left -> roof -> left"):
        draw.floors(graph | {"left": {"roof"}})
