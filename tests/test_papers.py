"""What the papers beside the code say is so."""

import re
import tomllib
from pathlib import Path

import termwise

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_is_of_this_version():
    citation = dict(re.findall(r"^(version|license): (.+)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE))
    assert citation == {"version": PROJECT["version"], "license": PROJECT["license"]}
    assert termwise.__version__ == PROJECT["version"]


def test_the_least_versions_are_those_that_the_package_asks_for():
    floors = dict(re.match(r"([\w-]+)>=([\d.]+)", dependency).groups() for dependency in PROJECT["dependencies"])
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
