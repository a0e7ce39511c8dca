"""The examples: each is a configuration that trains, and says at its head which number it is of."""

import re
import struct
from pathlib import Path

import pytest
import torch

import termwise as tw
from termwise.training.config import config_from, merged, read_config

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.toml"))
FEW = {"four-points": {"copies": 8}, "sprites-colour": {"count": 12}, "digits": {}}
"""What is asked for less of, of the sources that the examples name."""


@pytest.fixture(scope="module")
def idx(tmp_path_factory) -> Path:
    """A folder as Fashion-MNIST's, of twelve images."""
    folder = tmp_path_factory.mktemp("idx")
    for part in ("train", "t10k"):
        pixels = torch.randint(256, (12, 28, 28), dtype=torch.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">4I", 0x803, 12, 28, 28) + bytes(pixels.flatten())
        )
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 12) + bytes(range(10)) + bytes(2))
    return folder


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow if "vae-gan" in one else ()) for one in EXAMPLES]
)
def test_an_example_trains(tmp_path, idx, name):
    tables = read_config(FOLDER / name)
    source = tables["data"]["source"]
    own = FEW.get(source, {"source": str(idx)})
    shorter = {"training": {"epochs": 1, "batch_size": 8 if source != "digits" else 700, "audit": False}}
    shorter["training"]["precision"] = "32-true"
    tables = merged(tables, {"data": own, **shorter})
    run = tw.train(tables, out=tmp_path / "run", device="cpu", progress=False)
    assert run.metrics() and "distortion" in run.account
    assert config_from(read_config(run.folder.config_file)) == run.config


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_of_which_number_it_is_and_is_listed(name):
    head = (FOLDER / name).read_text().split("\n\n")[0]
    assert all(line.startswith("# ") for line in head.splitlines())
    assert re.search(r"\d\.\d|\d \d|±|\d,\d{3}", head)
    assert f"`{name}`" in (FOLDER / "README.md").read_text()


def test_every_example_that_is_listed_is_there():
    listed = re.findall(r"`([\w-]+\.toml)`", (FOLDER / "README.md").read_text())
    assert sorted(listed) == EXAMPLES


def test_the_settings_of_four_points_are_those_of_the_benchmark():
    """Whose results the examples quote."""
    benchmark = (Path(__file__).parents[1] / "benchmarks" / "four_points.py").read_text()
    tables = read_config(FOLDER / "four-points-avb.toml")
    assert tables["objective"]["critic_learning_rate"]["start"] == 3e-3
    assert tables["training"]["optimizer"]["learning_rate"]["start"] == 1.5e-3
    assert "CRITIC_RATE, RATE = 3e-3, 1.5e-3" in benchmark
    assert '"noise": 16, "hidden": [64, 64], "sigma": SIGMA, "start": 1.0' in benchmark
    assert tables["model"]["posterior_options"] == {"noise": 16, "hidden": [64, 64], "sigma": 0.015, "start": 1.0}
    assert tables["training"]["epochs"] * tables["data"]["copies"] * 4 // 256 == 5000  # rounds
