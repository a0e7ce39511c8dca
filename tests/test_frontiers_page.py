"""docs/frontiers.md: its blocks run, in order, and its commands are known."""

import re
import shlex
from pathlib import Path

import matplotlib
import pytest
from typer.testing import CliRunner

from termwise.cli.commands import app

PAGE = (Path(__file__).parent.parent / "docs" / "frontiers.md").read_text()


def test_the_page_runs(tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(block.replace('"epochs": 2', '"epochs": 1').replace("limit=30", "limit=8"), names)
    assert (tmp_path / "frontier.html").exists() and (tmp_path / "frontier.pdf").exists()
    assert names["found"].curve is not None
    first, _ = re.findall(r"^    termwise (frontier .*)$", PAGE, flags=re.MULTILINE)
    shown = CliRunner().invoke(app, shlex.split(first))
    assert shown.exit_code == 0 and (tmp_path / "frontier.png").exists(), shown.output


@pytest.mark.parametrize("name", re.findall(r"`(rate_by_beta|bdmc_gap_by_beta|excess_\w+|stationarity_gap)`", PAGE))
def test_the_readings_that_it_names_are_known(name):
    from termwise.account import READINGS, glossary

    assert name in READINGS or glossary.reading(name).unit == "nats"
