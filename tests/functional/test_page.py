"""What docs/loops.md shows runs, and lowers the loss that it says."""

import re
from pathlib import Path

import torch

PAGE = (Path(__file__).parents[2] / "docs" / "loops.md").read_text()


def test_the_page_s_loop_runs():
    torch.manual_seed(0)
    named: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "loops.md", "exec"), named)
    loss, terms = named["loss"], named["terms"]
    assert torch.isfinite(loss) and terms.names == ("distortion", "index_code_mi", "total_correlation", "dimension_wise_kl")
    assert float(loss.detach()) < 7.0  # of 20 uniform numbers, which at first cost 0.4 each
