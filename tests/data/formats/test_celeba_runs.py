"""From a folder laid out as CelebA to a trained vae-gan, its edits and its report, by the command line."""

import json

import pytest

from helpers.celeba_folder import DRAWN, write_celeba
from termwise import cli

CONFIG = """
[data]
source = "{folder}"
size = 32
cache = "{cache}"

[model]
network = "conv-bn"
latent = 8
likelihood = "normal:optimal"
options = {{ channels = [4, 8, 8], hidden = 16, bounded = true }}

[objective]
recipe = "vae-gan"
channels = [4, 8, 8, 8]
hidden = 16
gamma = 0.01

[training]
epochs = 1
batch_size = 16
device = "cpu"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    here = tmp_path_factory.mktemp("faces")
    write_celeba(here / "celeba", count=520)
    (here / "config.toml").write_text(CONFIG.format(folder=here / "celeba", cache=here))
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["train", "--config", str(here / "config.toml"), "--out", str(here / "run")]
        patch.setattr("sys.argv", ["termwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return here / "run"


def answer(capsys, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["termwise", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_three_players_are_trained_and_their_report_is_written(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {line.get("player") for line in lines if line["split"] == "train"} == {"encoder", "decoder", "discriminator"}
    assert "feature distortion" in (run / "report.html").read_text()


@pytest.mark.slow
def test_attributes_are_edited_and_judged(run, capsys):
    found = json.loads(answer(capsys, "attributes", run, "--json", "--classifier-steps", 40))
    assert found["data"]["attributes"] == list(DRAWN)
    assert len(found["readings"]["attribute_success_by_attribute"]["value"]) == len(DRAWN)
    assert (run / "attributes-mean-difference.png").exists() and (run / "attributes.json").exists()


@pytest.mark.slow
def test_what_it_makes_is_judged(run, capsys):
    table = answer(capsys, "quality", run, "--classifier-steps", 40, "--neighbours", 3)
    assert "Fréchet distance" in table and "real" in table
    report = (run / "report.html").read_text()
    assert (run / "quality.json").exists() and "Quality of what is made" in report and "Edits by attribute" in report
