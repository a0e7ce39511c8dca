"""Files that other packages read are refused with the lines of Python that do it, and never opened."""

import ast
import re
import sqlite3
from contextlib import closing

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from termwise.data import load_data
from termwise.data.formats.elsewhere import ELSEWHERE
from termwise.errors import BadData

FILES = [(suffix, kind) for kind in ELSEWHERE for suffix in kind.suffixes]
FOLDERS = [(name, kind) for kind in ELSEWHERE for name in kind.within]


@pytest.mark.parametrize(("suffix", "kind"), FILES, ids=[suffix for suffix, _ in FILES])
def test_a_file_that_another_package_reads_is_refused_with_the_lines_that_do_it(tmp_path, suffix, kind):
    path = tmp_path / f"scan{suffix.upper()}"
    path.write_bytes(b"\x89whatever")
    path.chmod(0)
    with pytest.raises(BadData) as error:
        load_data(path)
    message = str(error.value)
    assert message.startswith(f"{path} is {kind.what}.")
    assert len(message.splitlines()) == 1
    assert re.search(r"numpy|write|ffmpeg|tar |load_data", message)
    assert ("never opened" in message) == (kind.what in ("a pickle", "a file of torch's"))


@pytest.mark.parametrize(("name", "kind"), FOLDERS, ids=[name for name, _ in FOLDERS])
def test_so_is_a_folder_by_what_lies_in_it(tmp_path, name, kind):
    (tmp_path / name).write_text("{}")
    with pytest.raises(
        BadData, match=re.escape(f"{tmp_path} is {kind.what}. ") + "It is not read here. This does it: "
    ):
        load_data(tmp_path)


def test_the_path_stands_in_the_lines_where_one_file_is_opened(tmp_path):
    path = tmp_path / "my weights.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(BadData, match=re.escape(f'h5py.File("{path}")')):
        load_data(path)


@pytest.mark.parametrize("kind", [kind for kind in ELSEWHERE if "import" in kind.lines], ids=lambda kind: kind.what)
def test_lines_of_python_are_python(kind):
    ast.parse(kind.lines)


def _torch(path, table):
    torch.save(torch.tensor(table.to_numpy()), path)


def _h5(path, table):
    with h5py.File(path, "w") as file:
        file["NAME"] = table.to_numpy()


def _database(path, table):
    with closing(sqlite3.connect(path)) as database:
        table.to_sql("NAME", database, index=False)


WRITERS = {
    "json": lambda path, table: table.to_json(path),
    "jsonl": lambda path, table: table.to_json(path, orient="records", lines=True),
    "dta": lambda path, table: table.to_stata(path, write_index=False),
    "db": _database,
    "h5": _h5,
    "pt": _torch,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_lines_do_it(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 3)), columns=["a", "b", "c"])
    WRITERS[suffix](f"my.{suffix}", table)
    with pytest.raises(BadData) as error:
        load_data(f"my.{suffix}")
    lines, saved = re.search(r"This does it: (.*?)(; then load x.npy)?\.$", str(error.value)).groups()
    spoken = {}
    exec(lines, spoken)
    data = load_data("x.npy") if saved else spoken["data"]
    assert np.allclose(data.tensor().numpy(), table.to_numpy(), atol=1e-6)
