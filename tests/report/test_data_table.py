"""The table of what data are taken for: every name and number at any width, on screens and in pipes."""

import io

import pytest
import torch
from rich.console import Console

import termwise as tw
from termwise.data import Column, InMemory
from termwise.report.data_table import data_table

NAMES = ("width", "age", "od280/od315_of_diluted_wines", "cut=[Ideal]")


def printed(data, width):
    text = io.StringIO()
    Console(file=text, width=width).print(data_table(data.describe()))
    return text.getvalue()


def table(names=NAMES):
    x = torch.arange(3.0 * len(names)).view(3, -1) * 1234.5
    return tw.Dataset("mine", InMemory(x), columns=tuple(Column(name) for name in names))


@pytest.mark.parametrize("width", [34, 50, 80, 200])
def test_names_and_numbers_are_whole_at_any_width(width):
    text = printed(table(), width)
    assert max(map(len, text.splitlines())) <= width
    squeezed = "".join(text.split())
    for name in ("width", "age", "cut=[Ideal]"):
        assert name in squeezed
    assert "od280/od315_of_diluted_w" in squeezed
    for number in ("4938", "4032", "9876"):  # of the first column: mean, sd and max
        assert number in squeezed
    assert "Likelihoodnormal:optimal" in squeezed


def test_the_command_shows_what_stands_beside_x(call, tmp_path):
    rows = "\n".join(f"{n / 8},{n * n / 8},{'uv'[n % 2]},{n % 3}" for n in range(12))
    (tmp_path / "x.csv").write_text(f"a,b,batch,donor\n{rows}\n")
    options = [["--side", "batch", "--side", "donor"], ["--side", "batch,donor"], ["--set", "data.side=batch,donor"]]
    for asked in options:
        status, out, _ = call("data", str(tmp_path / "x.csv"), *asked)
        assert status == 0
        text = " ".join(out.split())
        assert "batch, 2 categories, the smallest 'u' of 6; donor, 3 categories, the smallest '0' of 4" in text
    status, _, err = call("data", str(tmp_path / "x.csv"), "--side", "bacth")
    assert status == 2 and "Did you mean 'batch'" in err


def test_of_very_many_columns_the_first_are_shown_and_the_rest_counted():
    text = printed(table([f"gene{i}" for i in range(500)]), 100)
    assert "gene39" in text and "gene40 " not in text and "and 460 more columns" in text
