"""What docs/loops.md shows runs, and lowers the loss that it says."""

import re
from pathlib import Path

import torch

PAGE = (Path(__file__).parents[2] / "docs" / "loops.md").read_text()


def test_the_page_s_loop_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    named: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "loops.md", "exec"), named)
    names = ("distortion", "index_code_mi", "total_correlation", "dimension_wise_kl")
    assert named["terms"].names == names and bool(torch.isfinite(named["terms"].total))
    still = 20 * (1 / 12 + 1 / 4)  # of uniform numbers, where the decoder says 0
    assert float(named["loss"].detach()) < still
    assert named["carried"].shape == (4,) and named["account"] == named["again"] == named["loaded"]
    assert "the code says nothing yet" in capsys.readouterr().out and (tmp_path / "runs/watched/report.html").exists()
