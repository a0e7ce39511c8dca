"""The harness sees each bad end: a fault of every kind is planted."""

import os
import time
from pathlib import Path

import pytest

import termwise as tw
from helpers.ends import Case, end_of, place_for
from termwise.errors import Refused


def refuse():
    raise Refused("No.")


def fail():
    raise KeyError("values")


def write_outside():
    Path("../bystander/thesis.txt").write_text("yours")


def half_written():
    Path("account.json.part").write_text("{")


def nan():
    return {"readings": [1.0, float("nan")]}


def misspelt():
    return tw.recipe("vae", nam="vae") and tw.measure()


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda: 3, "right"),
        (refuse, "refused"),
        (misspelt, "refused"),
        (fail, "traceback"),
        (lambda: time.sleep(60), "hang"),
        (lambda: all(True for _ in iter(int, 1)), "hang"),
        (os.abort, "crash"),
        (lambda: os._exit(3), "crash"),
        (lambda: bytearray(1 << 40), "traceback"),
        (write_outside, "wrote outside"),
        (half_written, "left a part"),
        (nan, "not finite"),
    ],
)
def test_a_planted_fault_is_seen(tmp_path, act, kind):
    end = end_of(Case("planted", act), place_for(0, tmp_path), seconds=0.4)
    assert end.kind == kind, end.words
