"""The page on pictures: its blocks run from top to bottom, with less training, and its table has every function."""

import re
from pathlib import Path

import termwise as tw

PAGE = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text()


def test_the_blocks_run_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoken = {}
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    exec(compile(code.replace("epochs=3", "epochs=1, measure_limit=100"), "pictures.md", "exec"), spoken)
    assert (tmp_path / "figure.pdf").exists() and (tmp_path / "page.html").exists()
    assert spoken["made"].shape == (16, 1, 8, 8) and spoken["between"].shape == (2, 9, 1, 8, 8)
    assert spoken["moved"].examples.shape == (4, 7, 1, 8, 8)


def test_every_plot_is_in_the_table():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == set(tw.plot.__all__)
