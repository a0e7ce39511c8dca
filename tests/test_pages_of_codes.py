"""What docs/side.md, docs/codes.md and docs/games.md show can be done: configurations train, and lines run in order."""

import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

import termwise as tw

DOCS = Path(__file__).parents[1] / "docs"
LITTLE = {"epochs": 1, "measure_limit": 60, "progress": False}
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)


def configurations():
    return [
        pytest.param(tomllib.loads(block), id=f"{page} {place}")
        for page in ("side.md", "codes.md", "games.md")
        for place, block in enumerate(blocks(page, "toml"))
    ]


@pytest.mark.parametrize("config", configurations())
def test_its_configurations_train(config, tmp_path):
    """Of digits, or of images where convolutions are said; what the page takes for granted beside is put there."""
    model, links = config.setdefault("model", {}), config.get("objective", {}).get("links", [])
    taken = {"data": "digits"} if config.get("data", {}).get("source") != "digits" else {}
    if model.get("network", "").startswith("conv"):
        grey = torch.rand(60, 1, 28, 28, generator=torch.Generator().manual_seed(0))
        taken["data"] = tw.load_data(grey)
        if "channels" in model.get("options", {}):
            model["options"] |= {"channels": [4, 4, 4], "hidden": 8}
    else:
        model.setdefault("options", {})["hidden"] = [8]
    if config.get("data", {}).get("source") == "cells.h5ad":
        config["data"] = {"side": ["labels"]}
    if any(link["from"] == "conditional" for link in links):
        taken["side"] = "labels"
    if any("shape" in link for link in links):
        model["code"] = tomllib.loads(blocks("codes.md", "toml")[0])["model"]["code"]
        links.append({"from": "posterior", "to": "prior", "estimator": {"name": "closed-form"}})
    run = tw.train(config, out=tmp_path / "run", **LITTLE, **taken)
    assert run.account["rate"].value >= 0


@pytest.fixture
def little(monkeypatch, tmp_path):
    """Trainings of one epoch, in a folder with a table of people."""
    train = tw.train
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        tw, "train", lambda **options: train({"model": {"options": {"hidden": [8]}}}, **options | LITTLE)
    )
    rng = np.random.default_rng(0)
    rows = zip(
        *rng.normal(size=(3, 90)), rng.integers(20, 90, 90) + 0.5, rng.choice(["a", "b"], (2, 90)).T, strict=True
    )
    lines = [f"{a:.3f},{b:.3f},{income:.3f},{age},{site},{kind}" for a, b, income, age, (site, kind) in rows]
    Path("people.csv").write_text("\n".join(["height,weight,income,age,site,kind", *lines, ""]))


def test_the_lines_of_python_on_what_stands_beside_x_run_in_their_order(little):
    told, labelled, stacked, laws = blocks("side.md", "python")
    named = {}
    exec(compile(told, "side.md", "exec"), named)
    assert named["threes"].shape == named["as_sevens"].shape == (16, 1, 8, 8)
    named["y"] = named["labels"]
    tw.train(data="digits", side="labels:10-each", recipe="m2", out="runs/m2")
    exec(compile(labelled, "side.md", "exec"), named)
    exec(compile(stacked, "side.md", "exec"), named)
    assert named["stacked"].config.objective.recipe == "m2"
    x = torch.randn(60, 4)
    named["data"] = tw.load_data(x, test=0.0).with_side({"sample": [f"s{one % 4 + 1}" for one in range(60)]})
    named["model"] = tw.VAE.build((4,), latent=2, likelihood="normal:1")
    named["z"] = torch.zeros(3, 2)
    exec(compile(laws, "side.md", "exec"), named)
    assert named["found"].log_ratio.shape == (60,)


def test_the_commands_run(little, call):
    pages = "\n".join((DOCS / page).read_text() for page in ("side.md", "games.md")).replace("\\\n", "")
    for line in re.findall(r"^    termwise (train [^\n]*|data [^\n]*)", pages, flags=re.MULTILINE):
        words = shlex.split(line)
        few = () if words[0] == "data" else ("--epochs", "1", "--measure-limit", "60", "--overwrite", "--out", "run")
        status, _, err = call(*words, *few)
        assert status == 0, (line, err)
    for line in ("measure run --side site,age", "aggregates run --side site --ratio a:b --out densities.csv"):
        status, _, err = call("train", "--data", "people.csv", "--side", "site,age", *few)
        assert status == 0, err
        status, _, err = call(*line.split())
        assert status == 0, (line, err)
