"""The tables of what a model is made of: their names can be listed before torch is there, and they are the rooms'."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

TABLES = {
    "likelihoods": "LIKELIHOODS",
    "posteriors": "POSTERIORS",
    "priors": "PRIORS",
    "networks": "NETWORKS",
}


def test_names_and_how_they_are_shown_are_listed_without_torch():
    listing = "\n".join(
        f"from termwise.models.{room}.table import {table}; assert {table}.shown()" for room, table in TABLES.items()
    )
    code = f"import sys\n{listing}\nassert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("room", ["", *(f".{room}" for room in TABLES)])
def test_every_name_of_a_room_is_found_and_is_no_file_s(room):
    package = importlib.import_module(f"termwise.models{room}")
    files = {path.stem for path in Path(package.__file__).parent.iterdir()}
    assert package.__all__ and set(package.__all__).isdisjoint(files)
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


@pytest.mark.parametrize(("room", "table"), TABLES.items())
def test_every_row_has_a_maker_and_a_summary_that_fits_its_line(room, table):
    rows = vars(importlib.import_module(f"termwise.models.{room}.table"))[table]
    assert all(callable(row.maker) and 0 < len(row.summary) < 120 for row in rows.values())
