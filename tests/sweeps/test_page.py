"""The page on sweeps: its blocks run, and its tables are configurations."""

import re
import tomllib
from pathlib import Path
from typing import get_args

from termwise.sweeps import sweep_config_from
from termwise.sweeps.sweep_config import Pruner, Sampler

PAGE = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()


def test_the_blocks_run_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    spoken = {}
    less = {'"epochs": 3': '"epochs": 1, "measure_limit": 60', "[1, 4, 16]": "[1, 4]", "seeds=3": "seeds=2"}
    for asked, instead in less.items():
        assert asked in code
        code = code.replace(asked, instead)
    exec(compile(code, "sweeps.md", "exec"), spoken)
    assert (tmp_path / "sweeps/beta/index.html").exists() and spoken["table"].shape == (2, 8)
    assert "{'objective.beta': 4}" in capsys.readouterr().out


def test_the_tables_are_configurations():
    grid, search = (tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL))
    assert len(sweep_config_from(grid).grid_settings()) == 6
    config = sweep_config_from({"base": grid["base"], **search})
    assert config.sweep.sought == {"index_code_mi": True, "distortion": False}
    assert config.sweep.search.space["model.latent"].whole


def test_every_sampler_and_pruner_is_named():
    for name in (*get_args(Sampler), *get_args(Pruner)):
        assert re.search(rf"\b{name}\b", PAGE), name
