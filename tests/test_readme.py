"""What the README shows is what happens."""

import re
import tomllib
from pathlib import Path

from termwise.data import SOURCES
from termwise.objectives import RECIPES
from termwise.training import config_from

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoken = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), spoken)
    assert (tmp_path / "runs/c/latents.csv").exists() and (tmp_path / "runs/own-walk/report.html").exists()


def test_the_toml_is_a_configuration_that_builds():
    for block in blocks("toml"):
        game = config_from(tomllib.loads(block)).objective.build()
        assert game.players[0].objective.names == ("distortion", "index_code_mi", "marginal_mmd2")


def test_the_table_of_recipes_is_the_table_of_recipes():
    assert re.findall(r"^\| `([a-z-]+)` \| .* \| .*\d{4} \||^\| `(mi-floor)`", README, flags=re.MULTILINE)
    assert all(f"| `{name}` |" in README for name in RECIPES)
    assert all(f"`{name}`" in README for name in SOURCES)


def test_the_map_names_every_room():
    rooms = [p.name for p in (ROOT / "src/termwise").iterdir() if p.is_dir() and not p.name.startswith("__")]
    assert all(f"  {room}/" in README for room in rooms)
