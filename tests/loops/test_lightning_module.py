"""The LightningModule of the examples: its account is what `measure` reads of the same posteriors."""

import importlib.util
import re
from math import hypot
from pathlib import Path

import pytest
import torch

import termwise as tw

pytest.importorskip("lightning")

SCRIPT = Path(__file__).parents[2] / "examples" / "loops" / "lightning_module.py"


@pytest.mark.filterwarnings("ignore")
def test_its_account_is_that_of_measure_and_its_elbo_the_loss(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("lightning_module", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    module, x, account, trainer = script.main(epochs=4, folder=str(tmp_path))
    assert account["elbo"].value == pytest.approx(-float(trainer.callback_metrics["val_loss"]), rel=1e-4)
    assert float(trainer.callback_metrics["val/rate"]) == pytest.approx(account["rate"].value, rel=1e-5)

    def encode(batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return module.encoder(batch).chunk(2, dim=1)

    measured = tw.measure(tw.adapt(encode, lambda z: module.decoder(z), likelihood="bernoulli-logits"), x)
    assert account["rate"].value == pytest.approx(measured["rate"].value, rel=1e-5)
    assert account["rate"].stderr == pytest.approx(measured["rate"].stderr, rel=1e-4)
    rates = (one["rate_by_dimension"].value for one in (account, measured))
    assert next(rates) == pytest.approx(next(rates), rel=1e-4, abs=1e-6)
    assert set(account) >= set(measured) - {"code_use"}
    for name in ("distortion", "elbo", "index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl"):
        ours, theirs = account[name], measured[name]
        assert abs(ours.value - theirs.value) <= 4 * hypot(ours.stderr, theirs.stderr), name


def test_five_lines_of_it_are_termwises():
    lines = SCRIPT.read_text().splitlines()
    marked = [line for line in lines if line.endswith("# termwise")]
    assert 0 < len(marked) <= 5
    rest = "\n".join(line for line in lines[7:] if line not in marked)
    assert not re.search(r"termwise\.", rest)
