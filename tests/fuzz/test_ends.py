"""Whatever comes in, a right answer or one message comes out: no traceback, hang, crash, or write elsewhere."""

import pytest

from helpers.fuzzed import SURFACES

FAST = {"files": 4, "configurations": 6, "commands": 2, "functions": 4}
"""Of the files, parts of the configuration, commands and functions, one in so many is given one seed."""

SLOW = {"files": 6, "configurations": 4, "commands": 8, "functions": 5}
"""Seeds for each."""


def failures(surface, beside, room, seeds, every=1):
    ends = SURFACES[surface].ends(beside, seeds, room, every)
    return [f"{end.kind}: {story}\n{end.words}" for story, end in ends if not end.good]


@pytest.mark.parametrize("surface", SURFACES)
def test_every_end_is_right_or_refused(surface, beside, tmp_path):
    assert failures(surface, beside, tmp_path, range(1), FAST[surface]) == []


@pytest.mark.slow
@pytest.mark.parametrize("surface", SURFACES)
def test_every_end_of_many_more_is_right_or_refused(surface, beside, tmp_path):
    assert failures(surface, beside, tmp_path, range(1000, 1000 + SLOW[surface])) == []
