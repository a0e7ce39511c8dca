import io

import pytest
from rich.console import Console

from termwise.report.progress_bar import terminal_bar


def told(monkeypatch, terminal, patience=0.0):
    monkeypatch.setattr("termwise.report.progress_bar.PATIENCE", patience)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with terminal_bar(console) as tell:
        tell("measuring", 0.1)
        tell("measuring", 0.5)
        tell("AIS", 0.2)
    return console.file.getvalue()


def test_a_bar_names_its_stage_on_a_terminal(monkeypatch):
    assert "AIS" in told(monkeypatch, terminal=True)


@pytest.mark.parametrize(("terminal", "patience"), [(False, 0.0), (True, 60.0)])
def test_nothing_is_shown_elsewhere_or_of_what_is_soon_over(monkeypatch, terminal, patience):
    assert told(monkeypatch, terminal, patience) == ""
