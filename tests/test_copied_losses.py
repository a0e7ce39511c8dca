"""The page on losses that are copied says what its script gives, whose formulas are as the page describes them."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "copied_losses.md").read_text()
FORMULAS = importlib.util.spec_from_file_location("copied_losses", ROOT / "benchmarks" / "copied_losses.py")
script = importlib.util.module_from_spec(FORMULAS)
FORMULAS.loader.exec_module(script)


def test_the_tables_of_single_batches_are_the_scripts():
    for line in script.loss_lines():
        assert line in PAGE.splitlines(), line


def test_the_links_are_those_of_the_script_within_their_errors():
    few, rows = script.read_links(12), {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch(r"−?\d+\.\d\d", cells[1]):
            rows[cells[0]] = [float(cell.replace("−", "-")) for cell in cells[1:]]
    assert set(rows) == set(few["collapsed"])
    for estimator, said in rows.items():
        read = [one for world in few.values() for one in world[estimator].values()]
        for number, (value, stderr) in zip(said, read, strict=True):
            assert abs(number - value) < 5 * stderr + 0.006, (estimator, number, value)


def test_weights_in_a_column_are_those_of_a_stride_of_the_batch():
    batch, size = 6, 50
    weights = torch.full((batch, batch), 1 / (batch - 1))
    weights.view(-1)[::batch] = 1 / size
    weights.view(-1)[1::batch] = (size - batch + 1) / (size * (batch - 1))
    weights[batch - 2, 0] = (size - batch + 1) / (size * (batch - 1))
    assert torch.allclose(script.column_weights(batch, size), weights.log())
    assert weights.diagonal()[2:].tolist() == pytest.approx([1 / (batch - 1)] * (batch - 2))  # a code's own posterior


def test_where_peers_are_right_termwise_agrees_to_rounding():
    for who, what, theirs, own in script.agreeing():
        assert own == pytest.approx(theirs, rel=1e-9), (who, what)


def test_the_page_names_the_file_and_the_day_of_every_peer():
    rows = re.findall(r"^\| (\w[^|]*/[^|]*) \| ([^|]+) \| (\d{4}-\d\d-\d\d)", PAGE, flags=re.MULTILINE)
    assert len(rows) >= 8
