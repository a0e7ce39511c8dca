"""A reading's row is all that tables, pages, cards, charts, progress lines and accounts know of it."""

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console

import termwise as tw
from termwise.account import READINGS, ReadingRow, glossary
from termwise.account.account import Account
from termwise.account.reading import reading_of, reading_without_error
from termwise.errors import UnknownName
from termwise.report.account_table import account_table
from termwise.report.curves import run_charts
from termwise.report.model_card import model_card
from termwise.report.sections import account_section
from termwise.report.term_colours import TERM_COLOURS
from termwise.training.watchers import in_short
from termwise.worlds import LinearGaussian

ROW = ReadingRow("free_nats", "what comes free", "F_0", "what nobody pays for", "tc", "nats^2", short="free")


@pytest.fixture
def outside(monkeypatch):
    """A row that is added as another package would add it; it is gone after the test."""
    assert len(READINGS) > 50
    monkeypatch.setattr(READINGS, "_rows", dict(READINGS._rows))
    return READINGS.add(ROW)


def plain(table) -> str:
    console = Console(file=io.StringIO(), width=160, color_system="truecolor", force_terminal=True)
    console.print(table)
    return console.file.getvalue()


def test_a_reading_from_outside_is_shown_with_its_title_unit_colour_and_place(outside):
    readings = [reading_of(torch.arange(4.0), name, estimator="by hand", bias="none") for name in (ROW.name, "rate")]
    assert readings[0].unit == "nats^2"
    account = Account({reading.name: reading for reading in readings}).to_json()
    shown = plain(account_table(account))
    assert "what comes free" in shown and "nats^2" in shown and "free_nats" not in shown
    yellow = (
        Console(color_system="truecolor").get_style(f"bold {TERM_COLOURS['tc'].terminal}").render("what comes free")
    )
    assert yellow.removesuffix("\x1b[0m") in shown
    html = account_section(account)
    assert "F<sub>0</sub>" in html and "what nobody pays for" in html and "--term-tc" in html and "nats^2" in html
    card = model_card(config={}, account=account)
    assert "what comes free" in card and "nats^2" in card
    assert in_short({ROW.name: 1.0}) == "free 1.00"
    line = {"epoch": 1, "step": 1, "split": "train", "terms": {ROW.name: 1.0, "mine": 2.0, "rate": 3.0}}
    drawn = run_charts([line])["terms"]
    assert [chart["name"] for chart in drawn] == ["rate", ROW.name, "mine"]
    assert (drawn[1]["title"], drawn[1]["unit"], drawn[1]["hue"]) == ("what comes free", "nats²", "tc")


def test_a_name_without_a_row_goes_by_itself_and_one_of_another_reading_has_its_unit(outside):
    assert glossary.reading("my_own") == ReadingRow("my_own", "my own")
    of_another = glossary.reading(f"{ROW.name}_by_factor")
    assert (of_another.title, of_another.unit, of_another.term) == ("free nats by factor", "nats^2", "tc")


def test_a_row_belongs_to_a_term_that_there_is():
    with pytest.raises(UnknownName, match="Unknown term of the ELBO 'tcc'"):
        replace(ROW, term="tcc")


def test_readings_of_an_account_have_rows_their_unit_and_their_order():
    world = LinearGaussian.random(0)
    account = tw.measure(world, world.data(200))
    assert set(account) <= set(READINGS)
    assert list(account) == [name for name in READINGS if name in account]
    assert {name: reading.unit for name, reading in account.items()} == {name: READINGS[name].unit for name in account}


def test_every_link_has_its_reading_for_the_population():
    for link in ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
        row = READINGS[glossary.of_population(link)]
        assert row.term == READINGS[link].term and row.population_of == link


def test_units_are_those_of_the_rows_also_without_errors():
    reading = reading_without_error("active_units", 3.0, estimator="by hand", bias="none", n=10)
    assert reading.unit == "units" and str(reading) == "active_units = 3.000 units (by hand; none)"
