"""`termwise aggregates`: the laws of groups on the terminal, as JSON and in a file."""

import json

import numpy as np
import pytest

import termwise as tw

RATIO = "0,6:3,5"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small vae of the digits."""
    config = {"model": {"options": {"hidden": [8]}, "latent": 2}, "training": {"epochs": 1, "audit": False}}
    return tw.train(config, data="digits", out=tmp_path_factory.mktemp("aggregates") / "run", progress=False)


def test_groups_and_ratios_are_what_python_has(call, run, tmp_path):
    laws = tw.group_aggregates(run, side="labels")
    found = laws.log_ratio(["0", "6"], ["3", "5"])
    asked = ["aggregates", run.folder.path, "--side", "labels", "--ratio", RATIO]
    status, out, err = call(*asked, "--json", "--out", tmp_path / "x.npz")
    assert status == 0, err
    content, arrays = json.loads(out), np.load(tmp_path / "x.npz")
    assert [group["name"] for group in content["groups"]] == [*laws.names]
    assert [group["examples"] for group in content["groups"]] == laws.sizes.tolist()
    assert np.allclose(content["distances"], laws.distances())
    assert np.allclose(arrays["log_ratio"], found.log_ratio) and np.allclose(arrays["log_ratio_stderr"], found.stderr)
    of = content["ratios"][0]["groups"]
    for place, name in enumerate(laws.names):
        rows = laws.groups == place
        assert of[name]["mean"] == pytest.approx(float(found.log_ratio[rows].mean()))
        assert of[name]["above"] == int((found.log_ratio > 2 * found.stderr)[rows].sum())
        assert of[name]["below"] == int((found.log_ratio < -2 * found.stderr)[rows].sum())


def test_the_terminal_has_a_row_a_group(call, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    asked = ["aggregates", run.folder.path, "--side", "labels", "--ratio", RATIO, "--ratio", '[["1"], ["7"]]']
    status, out, err = call(*asked, "--out", tmp_path / "x.csv")
    assert status == 0, err
    laws = tw.group_aggregates(run, side="labels")
    shown = {line.split()[0]: line.split() for line in out.split("log ratio")[0].splitlines() if line.strip()}
    for place, (name, distances) in enumerate(zip(laws.names, laws.distances().tolist(), strict=True)):
        far, near = sorted((far, other) for far, other in zip(distances, laws.names, strict=True) if other != name)[:1][
            0
        ]
        assert shown[name][1:4] == [str(int(laws.sizes[place])), near, f"{far:.2f}"]
    assert "log ratio of 0, 6 over 3, 5" in out and "2 standard errors" in out
    assert "log ratio of 1 over 7" in out and "without an error" in out
    assert "10 groups of 359 examples of the test part" in out and "x.csv" in out


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "--side"),
        (["--side", "labls"], "Did you mean 'labels'"),
        (["--side", "labels", "--ratio", "0,1"], "s1,s2:s3,s4"),
        (["--side", "labels", "--ratio", "0:1:2"], "s1,s2:s3,s4"),
        (["--side", "labels", "--ratio", '["0","1"]'], "s1,s2:s3,s4"),
        (["--side", "labels", "--ratio", "[0"], "s1,s2:s3,s4"),
        (["--side", "labels", "--ratio", "0:zero"], "Unknown group 'zero'"),
        (["--side", "labels", "--ratio", "0:0"], "each named once"),
        (["--side", "labels", "--ratio", ":0"], "s1,s2:s3,s4"),
        (["--side", "labels", "--out", "x.h5ad"], r".csv, .npz or .parquet"),
        (["--side", "labels", "--out", "none/x.csv"], "There is no folder none: make it, mkdir -p none"),
    ],
)
def test_what_cannot_be_is_one_line(call, run, asked, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call("aggregates", run.folder.path, *asked)
    assert (status, out) == (2, "")
    assert message in err and len([line for line in err.splitlines() if line.startswith("termwise: ")]) == 1


def test_a_model_of_one_s_own_is_held_too(call, tmp_path, monkeypatch):
    (tmp_path / "owned.py").write_text(
        "import torch\nimport termwise as tw\n\n\n"
        "def model():\n    return tw.adapt(lambda x: (x.flatten(1)[:, :2], torch.zeros(len(x), 2)))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    status, out, err = call("aggregates", "owned:model", "--data", "digits", "--side", "labels", "--json")
    assert status == 0, err
    assert json.loads(out)["examples"] == 359
