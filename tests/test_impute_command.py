"""`termwise impute`, from a run's folder to files; and the page on missing values, whose every line is run."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import termwise as tw
from termwise.cli.commands import app

PAGE = (Path(__file__).parent.parent / "docs" / "missing.md").read_text()
LITTLE = ("--epochs", "2", "--set", "model.options.hidden=[8]")


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gaps")
    rng = np.random.default_rng(0)
    size = rng.normal(size=90)
    rows = [f"{s:.3f},{2 * s + rng.normal():.3f},{'ab'[int(s > 0)]}" for s in size]
    rows = [",".join("" if rng.random() < 0.2 else cell for cell in row.split(",")) for row in rows]
    (folder / "gaps.csv").write_text("size,weight,word\n" + "\n".join(rows) + "\n")
    config = {"data": {"source": str(folder / "gaps.csv"), "missing": "mask", "labels": False}}
    config["model"] = {"options": {"hidden": [8]}}
    tw.train(config, recipe="miwae", codes=3, epochs=2, latent=2, out=folder / "run", progress=False)
    return folder / "run"


def test_a_run_fills_its_own_table_and_another_file_alike(run, tmp_path):
    done = call("impute", run, "--out", tmp_path / "own.csv", "--draws", "2", "--samples", "50")
    assert done.exit_code == 0, done.output
    assert "of 'gaps' filled" in done.output and "own-draws.csv" in done.output
    other = call(
        "impute", run, "--data", run.parent / "gaps.csv", "--out", tmp_path / "other.csv", "--samples", "50", "--json"
    )
    said = json.loads(other.stdout)
    assert said["filled"] > 20 and said["examples"] == 90 and len(said["files"]) == 2
    text = (tmp_path / "own.csv").read_text()
    assert text == (tmp_path / "other.csv").read_text() and ",," not in text and text.startswith("size,weight,word\n")


def test_it_says_how_far_off_it_is(run):
    done = call("impute", run, "--check", "0.3", "--samples", "50", "--json")
    readings = json.loads(done.stdout)["check"]["readings"]
    account = tw.imputation_error(run, share=0.3, samples=50)
    assert readings["imputation_error"]["value"] == account["imputation_error"].value
    assert set(readings) == {
        *(f"imputation_error{which}" for which in ("", "_of_means")),
        "imputation_calibration", "imputation_accuracy", "imputation_accuracy_of_commonest",
    }  # fmt: skip
    shown = call("impute", run, "--check", "0.3", "--samples", "50")
    assert "imputation error" in shown.output and "test part" in shown.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Say where to: --out filled.csv"),
        (["--out", "filled.xlsx"], "written to .csv, .tsv or .npz"),
        (["--check", "2"], "share to hide between 0 and 1"),
        (["--out", "filled.csv", "--draws", "-1"], "draws"),
        (["--out", "filled.csv", "--split", "tset"], "Did you mean 'test'"),
    ],
)
def test_what_cannot_be_is_said(run, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = call("impute", run, *arguments)
    assert done.exit_code != 0 and message in str(done.exception)


def test_a_run_of_whole_data_fills_a_table_with_gaps(tmp_path):
    rng = np.random.default_rng(0)
    whole = {"size": rng.normal(size=60), "weight": rng.normal(size=60)}
    trained = tw.train(data=whole, epochs=1, latent=2, out=tmp_path / "run", progress=False)
    gaps = {"size": [0.5, None, 1.5], "weight": [None, 0.25, 0.75]}
    found = tw.impute(trained, gaps, samples=20)
    assert found.table()["size"][0] == 0.5 and not any(np.isnan(column).any() for column in found.table().values())
    assert trained.model.filler is None


def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spoken: dict = {}
    blocks = re.findall(r"```python\n(.*?)```|((?:^    termwise [^\n]*\n)+)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for code, lines in blocks:
        for line in lines.splitlines():
            words = shlex.split(line)[1:]
            done = call(*words, *(LITTLE if words[0] == "train" else ()))
            assert done.exit_code == 0, (line, done.output, done.exception)
        exec(compile(code, "missing.md", "exec"), spoken)
