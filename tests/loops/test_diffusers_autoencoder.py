"""A training script of diffusers' kind, with termwise in five lines: its account is that of `measure`."""

import runpy
from pathlib import Path

import pytest
import torch

import termwise as tw

pytest.importorskip("diffusers")
pytest.importorskip("accelerate")

SCRIPT = Path(__file__).parents[2] / "examples" / "loops" / "diffusers_autoencoder.py"


def test_termwise_takes_five_lines():
    assert sum(line.rstrip().endswith("# termwise") for line in SCRIPT.read_text().splitlines()) == 5


def test_its_account_is_that_of_measure_on_the_same_posteriors(capsys):
    script = runpy.run_path(str(SCRIPT))
    args = script["parse_args"](["--num_train_epochs", "1", "--max_train_samples", "300", "--latent_channels", "2"])
    vae, dataset, account = script["main"](args)
    assert "rate" in capsys.readouterr().out
    x = torch.stack([picture for picture, _ in dataset])
    measured = tw.measure(tw.adapt(vae), x)
    with torch.no_grad():
        kl = vae.encode(x).latent_dist.kl().mean()
    assert account["rate"].value == pytest.approx(float(kl), rel=1e-5)
    assert account["rate"].value > 1
    assert set(account) == set(measured) - {"code_use"}
    for name in account:
        assert account[name].value == pytest.approx(measured[name].value, rel=1e-4, abs=1e-4), name
