import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from termwise.report.scatter import LEFT, SIDE, TOP, _ticks, scatter_svg
from termwise.verify import Scatter

SVG = "{http://www.w3.org/2000/svg}"


def drawn(x, y):
    root = ElementTree.fromstring(scatter_svg(Scatter(tuple(x), tuple(y), "a < b", "c & d"), "T & T*"))
    return root, [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]


def test_points_lie_where_their_values_are_and_equal_ones_on_the_line():
    _, points = drawn([-2.0, 0.0, 2.0], [-2.0, 1.0, 2.0])
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x0, y0) == (LEFT, TOP + SIDE) and (x2, y2) == (LEFT + SIDE, TOP)
    assert x1 == pytest.approx(LEFT + SIDE / 2, abs=0.1) and y1 == pytest.approx(TOP + SIDE / 4, abs=0.1)


def test_labels_are_said_as_they_are_and_what_is_not_finite_is_left_out():
    root, points = drawn([0.0, math.inf, 1.0], [0.0, 1.0, math.nan])
    said = [text.text for text in root.iter(f"{SVG}text")]
    assert {"a < b", "c & d", "T & T*"} <= set(said) and len(points) == 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.7, 2.2), (0.13, 0.14), (5.0, 5.0), (-1e4, 3e4)])
def test_ticks_are_round_and_hold_all_values(low, high):
    ticks = _ticks(low, high)
    assert ticks[0] <= low and ticks[-1] >= high and 2 <= len(ticks) <= 9
    steps = {round(b - a, 9) for a, b in pairwise(ticks)}
    assert len(steps) == 1 and all(len(f"{tick:g}".lstrip("-0.").rstrip("0")) <= 4 for tick in ticks)
