import pytest
from rich.console import Console

from termwise.report.comparison_table import comparison_table


def shown(renderable, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    return console.export_text()


def row(text, start):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(start))


def entry(name, values, stderrs, **more):
    found = {"difference": None, "difference_stderr": None, "z": None, "paired": False}
    return {"name": name, "values": values, "stderrs": stderrs, **found, **more}


RATE = entry("rate", [10.0, 11.5], [0.1, 0.2], difference=1.5, difference_stderr=0.25, z=6.0, paired=True)
NAMES = (
    "elbo",
    "distortion",
    "rate",
    "index_code_mi",
    "total_correlation",
    "dimension_wise_kl",
    "population_marginal_kl",
)


def many(runs):
    """Readings of many runs, of which no two have the same digits."""
    return [
        entry(name, [1000.0 * k + 10 * j + 0.5 for j in range(runs)], [0.1 + j / 1000 for j in range(runs)])
        for k, name in enumerate(NAMES, 1)
    ]


def test_two_runs_are_compared_by_their_difference_in_standard_errors():
    text = shown(comparison_table(["plain", "beta"], [RATE]))
    numbers = ["10.00", "±", "0.10", "11.50", "±", "0.20", "+1.50", "±", "0.25", "+6.0"]
    assert row(text, "rate") == ["rate", *numbers]
    assert "beta minus plain, paired by example" in text


def test_more_runs_stand_side_by_side_without_a_difference():
    names = ["one", "two", "three"]
    text = shown(comparison_table(names, [entry("rate", [1.0, 2.0, None], [0.1, 0.1, None])]))
    assert all(name in text for name in names)
    assert row(text, "rate") == ["rate", "1.00", "2.00", "—"]
    assert "difference" not in text


@pytest.mark.parametrize("width", [30, 50, 80, 120, 200])
@pytest.mark.parametrize("runs", [2, 3, 10])
def test_nothing_is_cut_however_many_runs_and_however_narrow(runs, width):
    text = shown(comparison_table([f"digits-beta-tcvae-seed{j}" for j in range(runs)], many(runs)), width)
    words = text.split()
    values = [f"{value:.2f}" for one in many(runs) for value in one["values"]]
    assert [value for value in values if words.count(value) != 1] == []
    assert "…" not in text and max(map(len, text.splitlines())) <= width


def test_where_there_is_no_room_a_run_has_a_row():
    text = shown(comparison_table(["plain", "beta"], [RATE, *many(2)]), 50)
    assert row(text, "plain")[1:4] == ["10.00", "±", "0.10"]
    assert row(text, "difference")[1:4] == ["+1.50", "±", "0.25"]
    assert row(text, "in s.e.")[2] == "+6.0"


def test_a_withheld_reading_is_a_dash_with_its_reason_below():
    rows = [RATE, entry("total_correlation", [None, 2.0], [None, 0.1], withheld=("it reads -3 nats", ""))]
    text = shown(comparison_table(["plain", "beta"], rows), 100)
    assert row(text, "total correlation")[2:] == ["—", "2.00", "±", "0.10", "—", "—"]
    assert "total correlation is withheld of plain: it reads -3 nats" in text
