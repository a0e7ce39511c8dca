import pytest
import torch
from rich.console import Console

import termwise as tw
from termwise.report.account_table import MOST_DIMENSIONS, account_table
from termwise.report.dimension_bars import dimensions_section
from termwise.report.run_summary import run_summary


def shown(renderable, width=80):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(renderable)
    return console.export_text()


def row(text, start):
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_each_reading_has_its_value_error_unit_and_estimator_on_its_row(account):
    text = shown(account_table(account), 120)
    assert row(text, "total correlation").split()[2:] == ["3.214", "±", "0.012", "nats", "Monte", "Carlo"]
    assert row(text, "rate").split() == ["rate", "10.210", "±", "0.071", "nats", "closed", "form"]
    assert "0.00123" in row(text, "aggregate mmd") and "MMD^2" in row(text, "aggregate mmd")
    assert "±" not in row(text, "active units")


@pytest.mark.parametrize("width", [50, 80])
def test_where_it_is_narrow_the_estimator_and_its_bias_stand_below(account, width):
    lines = shown(account_table(account), width).splitlines()
    rate = next(k for k, line in enumerate(lines) if line.strip().startswith("rate "))
    assert lines[rate].split() == ["rate", "10.210", "±", "0.071", "nats"]
    assert lines[rate + 1].strip() == "closed form; exact"


@pytest.mark.parametrize("width", [24, 30, 40, 50, 60, 70, 80, 90, 100, 120, 200])
def test_nothing_is_cut_at_any_width(account, width):
    account["readings"]["population_mi"] = {
        "value": 6.12345, "stderr": 0.0213, "interval": [6.081, 6.166], "lower": 5.9, "upper": 6.5, "unit": "nats",
        "estimator": "extrapolated", "bias": "",
    }  # fmt: skip
    text = shown(account_table(account), width)
    whole = ["10.210 ± 0.071", "0.00123 ± 0.00031", "6.250 ± 0.031", "0.365 ± 0.012", "withheld", "6.123", "6.166"]
    assert [number for number in whole if " ".join(number.split()) not in " ".join(text.split())] == []
    assert "…" not in text and max(map(len, text.splitlines())) <= width


def test_dimensions_stand_in_order_of_rate_with_bars_in_proportion(account):
    lines = [line for line in shown(account_table(account)).splitlines() if line.strip()[:2] in ("z0", "z1", "z2")]
    assert [line.split()[0] for line in lines] == ["z1", "z2", "z0"]
    bars = [line[: len(line) // 2 + 8].count("█") for line in lines]
    assert bars[1] / bars[0] == pytest.approx(3.46 / 6.25, abs=1 / bars[0])  # a bar is whole blocks
    assert "0.500 ± 0.012" in lines[2]


def test_the_diagnosis_comes_first_as_sentences(account):
    lines = shown(account_table(account)).splitlines()
    assert [line.strip() for line in lines[:2]] == ["Diagnosis", "• 2 of 3 dimensions are active."]


def test_bounds_are_told_as_bounds(account):
    account["readings"]["rate"] |= {"lower": 9.5, "upper": 11.25}
    assert "at least 9.500 and at most 11.250, in expectation" in shown(account_table(account), 120)


def test_many_dimensions_are_cut_and_counted(account):
    account["readings"]["rate_by_dimension"] |= {"value": [1.0] * 100, "stderr": None}
    assert f"and {100 - MOST_DIMENSIONS} dimensions more" in shown(account_table(account))


def test_a_withheld_reading_has_a_row_that_says_why(account):
    text = row(shown(account_table(account), 140), "marginal KL")
    assert text.split("  ", 1)[1].strip().split(maxsplit=1) == ["withheld", account["withheld"]["marginal_kl"]]


def test_markup_in_an_account_is_shown_and_not_obeyed(account):
    account["readings"]["[red]name[/red]"] = {"value": 1.0, "unit": "[b]u[/b]", "estimator": "[i]e[/i]"}
    text = shown(account_table(account), 120)
    assert "[red]name[/red]" in text and "[b]u[/b]" in text and "[i]e[/i]" in text


def test_an_account_without_readings_is_still_a_table():
    assert "value" in shown(account_table({"readings": {}, "diagnosis": []}))


def test_what_is_so_for_new_data_stands_in_a_table_of_its_own_with_interval_and_bracket(account):
    account["readings"]["population_mi"] = {
        "value": 6.12345, "stderr": 0.0213, "interval": [6.081, 6.166], "lower": 5.9, "upper": 6.5, "unit": "nats",
        "estimator": "extrapolated", "bias": "",
    }  # fmt: skip
    account["readings"]["population_marginal_kl"] = account["readings"]["population_mi"] | {
        "stderr": None, "interval": None,
    }  # fmt: skip
    text = shown(account_table(account), 120)
    assert text.index("for new data") > text.index("total correlation")
    below = text[text.index("for new data") :]
    assert row(below, "MI").split()[1:] == ["6.123", "±", "0.021", "6.081", "to", "6.166", "5.900", "to", "6.500"]
    assert row(below, "marginal KL").split()[2:] == ["6.123", "—", "5.900", "to", "6.500"]


def test_blocks_and_dimensions_go_by_their_names():
    code = [{"name": "digit", "latent": 4, "posterior": "categorical"}, {"name": "style", "latent": 2}]
    torch.manual_seed(0)
    model = tw.VAE.build((6,), code=code, likelihood="normal:0.5", options={"hidden": [8]})
    account = tw.measure(model, torch.randn(40, 6)).to_json()
    words = shown(account_table(account), 100)
    assert all(name in words for name in ("digit", "style 0", "style 1")) and "z0" not in words
    page = dimensions_section(account)
    assert 'class="bars named"' in page and "style 1" in page
    assert run_summary({"model": {"code": code}}).sentence() == (
        "A variational autoencoder with a code of digit (4), style (2)."
    )
