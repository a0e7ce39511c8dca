"""The changes that `make mutants` plants: what they are, which are drawn, and that every reason is for one of them."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import mutants

PLANTED = {
    "x = a + b": {"x = (a - b)"},
    "x = -f(a)": {"x = f(a)"},
    "x = (a - b) * 0.5": {"x = (a + b) * 0.5", "x = ((a - b) / 0.5)", "x = (a - b) * 1.0"},
    "FLOOR = -3.0": {"FLOOR = -30.0"},
    "x = y.sum(-1)": {"x = y.mean(-1)", "x = y.sum(0)"},
    "x = (a < b)": {"x = ((a <= b))", "x = ((a >= b))"},
    "x = y[0, -1:]": {"x = y[1, -1:]", "x = y[0, -2:]"},
    "def f(x: Literal[3] = 2 * 3) -> None:\n    raise ValueError(1 + 2)": set(),
    "x = 'a' + f'{b + 1}'": set(),
}


@pytest.mark.parametrize(("code", "expected"), PLANTED.items())
def test_a_line_has_these_changes(code, expected):
    found = {change.planted(code.encode()).decode() for change in mutants.changes_of("file.py", code.encode())}
    assert {ast.dump(ast.parse(one)) for one in found} == {ast.dump(ast.parse(one)) for one in expected}


def test_as_many_of_each_kind_are_drawn_and_an_edit_elsewhere_leaves_them():
    changes = mutants.all_changes()
    some = mutants.drawn(changes, 200, seed=0)
    assert Counter(change.kind for change in some) == dict.fromkeys(mutants.KINDS, 40)
    assert {change.file.split("/")[2] for change in some} == set(mutants.ROOMS)
    without = [change for change in changes if "kernel" not in change.file]
    left = {change.words for change in some if "kernel" not in change.file}
    assert left <= {change.words for change in mutants.drawn(without, 200, seed=0)}
    assert mutants.drawn(changes, 200, seed=1) != some


def test_every_reason_is_for_a_change_that_could_be_planted():
    assert set(mutants.reasons()) <= {change.words for change in mutants.all_changes()}
