"""What docs/cells.md shows is what happens, on real cells with a batch."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import termwise as tw
from helpers.two_chemistries import CELLS, copied

PAGE = (Path(__file__).parents[1] / "docs" / "cells.md").read_text()
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("epochs", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_its_lines_run_from_top_to_bottom(call, tmp_path, monkeypatch, epochs):
    monkeypatch.chdir(tmp_path)
    copied(tmp_path)
    said, named = {}, {}
    for language, block in BLOCKS:
        assert "60" in block or "epochs" not in block
        block = block.replace("epochs=60", f"epochs={epochs}").replace("--epochs 60", f"--epochs {epochs}")
        if language == "python":
            exec(compile(block, "cells.md", "exec"), named)
            continue
        for command in block.splitlines():
            status, out, err = call(*shlex.split(command)[1:])
            assert status == 0, err
            said[shlex.split(command)[1]] = out
    assert "Side information: chemistry, 2 categories, the smallest 'v2' of 280" in said["data"]
    assert re.search(r"side information by variable|of type", said["measure"])
    rows = (tmp_path / "abundance.csv").read_text().splitlines()
    assert rows[0].endswith("log_density_v2,log_density_v3,log_ratio") and len(rows) == 561
    assert named["found"].log_ratio.shape == (560,) and named["found"].stderr is None
    if epochs > 1:
        known = {
            name: tw.measure(named[name], "cells.h5ad", side="chemistry")["population_side_information"]
            for name in ("plain", "told", "weighed")
        }
        assert known["weighed"].value < 0.5 * known["plain"].value
        kept = tw.measure(named["weighed"], "cells.h5ad", side="type")
        assert kept["population_side_information"].value > 0.5 * kept["side_entropy"].value


def test_the_cells_are_counts_of_two_kits():
    data = tw.load_data(CELLS, side=["chemistry", "type"])
    assert data.shape == (140,) and len(data) == 560 and data.columns[0].kind == "count"
    assert data.side.variables[0].categories == ("v2", "v3")
    totals = np.bincount(data.side.values[:, 0].long(), weights=data.tensor().sum(1))
    assert totals[1] > 1.3 * totals[0]  # the later kit finds more
