"""What files hold: torn, endless, deep, lying and foreign ones end in one message that names the file."""

import json
import os
import zipfile

import numpy as np
import pytest

import termwise as tw
from helpers.hostile_files import _lying
from termwise.content import read_arrays, read_json
from termwise.errors import BadData

GOOD = {
    "value": 1.0, "stderr": 0.1, "interval": [0.8, 1.2], "lower": None, "upper": None, "unit": "nats",
    "estimator": "by hand", "bias": "unbiased", "n": 4,
}  # fmt: skip


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "Expecting value"),
        (b"\xff\xfe", "utf-8"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "deeper than memory allows"),
        ("9" * 5000, "limit"),
        ("[1]", "all of it: Input should be a valid dictionary; got .1."),
        ('{"a": "x"}', "a: Input should be a valid number.*got 'x'"),
    ],
)
def test_json_that_is_none_is_one_message(tmp_path, content, why):
    file = written(tmp_path / "a.json", content)
    with pytest.raises(BadData, match=rf"a\.json is no account that can be read: .*{why}.*\. Measure again\."):
        read_json(file, dict[str, float], "account", "Measure again.")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    sparse = written(tmp_path / "sparse", "")
    os.truncate(sparse, 1 << 33)
    for name in ("pipe", "loop", "zero", "none", "", "sparse", "a\0b", "a" * 5000):
        with pytest.raises(BadData, match="is no account that can be read"):
            read_json(f"{tmp_path}/{name}", dict[str, float], "account", "Measure again.")


def test_arrays_that_lie_are_not_unpacked(tmp_path):
    np.savez(tmp_path / "good.npz", a=np.arange(3.0))
    assert read_arrays(tmp_path / "good.npz", "file of values", "")["a"].tolist() == [0, 1, 2]
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], dtype=object))
    _lying(tmp_path / "huge.npz", "a", 10**13, full=False)
    written(tmp_path / "empty.npz", "")
    written(tmp_path / "torn.npz", (tmp_path / "good.npz").read_bytes()[:90])
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("a.npy", "no array")
    for name in ("pickle", "huge", "empty", "torn"):
        with pytest.raises(BadData, match=rf"{name}\.npz is no file of values that can be read: .+\. Restore it\."):
            read_arrays(tmp_path / f"{name}.npz", "file of values", "Restore it.")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"value": "1"}, "value"),
        ({"value": True}, "value"),
        ({"n": -1}, "n: Input should be greater"),
        ({"interval": 1e300}, "interval"),
        ({"interval": [1.0]}, "interval"),
        ({"unit": None}, "unit"),
        ({"more": 1}, "more"),
        ({"value": [1.0, 2.0], "stderr": [0.1], "interval": None}, "value has 2 entries, and stderr 1"),
    ],
)
def test_an_account_of_other_kinds_is_no_account(tmp_path, change, why):
    content = {"readings": {"rate": GOOD}, "diagnosis": [], "data": {}}
    file = written(tmp_path / "account.json", json.dumps(content))
    assert tw.Account.load(file)["rate"].value == 1.0
    content["readings"] = {"rate": GOOD | change}
    written(file, json.dumps(content))
    with pytest.raises(BadData, match=rf"account\.json is no account that can be read: readings.rate.*{why}"):
        tw.Account.load(file)


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.array(["a"]), np.zeros(3, dtype=complex), np.zeros(3, bool)])
def test_values_by_example_are_numbers_in_a_row(tmp_path, array):
    file = written(tmp_path / "account.json", json.dumps({"readings": {}, "diagnosis": []}))
    np.savez(tmp_path / "account.npz", rate=array)
    with pytest.raises(BadData, match=r"account\.npz is no file of values per example .*: rate is an array"):
        tw.Account.load(file, tmp_path / "account.npz")
