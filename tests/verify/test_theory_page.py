"""The page for teachers says what `termwise verify` prints."""

import re
from pathlib import Path

import pytest

from termwise.verify import CHECK_NAMES
from termwise.verify.check import CLEARLY_SAMPLED

PAGE = Path(__file__).parent.parent.parent / "docs" / "theory.md"


def rows() -> dict[str, list[str]]:
    """The cells beside each check on the page, by name."""
    found = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", PAGE.read_text(), flags=re.MULTILINE)
    assert len({name for name, _ in found}) == len(found), "a check is on the page twice"
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in found}


def test_the_page_has_every_check_once_and_none_that_is_gone():
    assert set(rows()) == {name for names in CHECK_NAMES.values() for name in names}


def test_the_numbers_on_the_page_are_those_that_are_printed(checks):
    page = rows()
    for name, one in checks.items():
        left, right, residual, allowed, printed = page[name]
        assert (printed == "") is (one.as_printed is None), name
        if one.sampled:  # which another machine may draw, or round, in another way; one side is the truth
            assert min(abs(float(left) - one.left), abs(float(right) - one.right)) <= 2e-5, name
            assert abs(float(left) - float(right)) <= float(allowed), name
            assert not printed or float(printed) > CLEARLY_SAMPLED * float(allowed), name
            continue
        assert float(left) == pytest.approx(one.left, abs=2e-5), name
        assert float(right) == pytest.approx(one.right, abs=2e-5), name
        assert float(allowed) == one.allowed and float(residual) <= one.allowed, name
        assert not printed or float(printed) == pytest.approx(one.as_printed, rel=0.06), name
