"""Every term has its colours, and all that shows a reading takes them from the one table."""

import re
from typing import get_args

import pytest
from rich.color import Color

from termwise.account.reading_row import ElboTerm
from termwise.account.readings import READINGS
from termwise.report.term_colours import RUN_COLOURS, TERM_COLOURS, css_variables, svg_colour, terminal_colour


def test_every_term_of_the_elbo_has_colours_and_no_other():
    assert set(TERM_COLOURS) == set(get_args(ElboTerm))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_a_variable_for_each_term_and_run(theme):
    lines = css_variables(theme, indent="  ").splitlines()
    assert [re.fullmatch(r"  --([\w-]+): (#[0-9a-f]{6});", line).groups() for line in lines] == [
        *((f"term-{term}", getattr(colour, theme)) for term, colour in TERM_COLOURS.items()),
        *((f"run-{k}", pair[theme == "dark"]) for k, pair in enumerate(RUN_COLOURS)),
    ]


@pytest.mark.parametrize("name", [*READINGS, "total_correlation_nwj", "mig_by_factor", "somebodys_own"])
def test_every_reading_has_a_colour_wherever_it_is_shown(name):
    assert Color.parse(terminal_colour(name))
    assert re.fullmatch(r"var\(--term-\w+, #[0-9a-f]{6}\)", svg_colour(name))
