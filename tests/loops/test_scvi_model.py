"""The scvi model of the examples: its account is what `measure` reads of the same posteriors."""

import importlib.util
from math import hypot
from pathlib import Path

import pytest
import torch

import termwise as tw

pytest.importorskip("scvi")

SCRIPT = Path(__file__).parents[2] / "examples" / "loops" / "scvi_model.py"


@pytest.mark.filterwarnings("ignore")
def test_its_account_is_that_of_measure_and_its_elbo_scvi_tools_own():
    spec = importlib.util.spec_from_file_location("scvi_model", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    model, cells, account = script.main(epochs=2)
    assert account.data["side"] == ["batch"] and account["side_information"].value < 0.1
    mean, variance = map(torch.as_tensor, model.get_latent_representation(return_dist=True))

    def encode(place):
        return mean[place[:, 0].long()], variance[place[:, 0].long()].log()

    place = tw.load_data(torch.arange(len(mean)).float()[:, None])
    side = {"batch": list(cells.obs["batch"])}
    same = tw.measure(tw.adapt(encode), place.subset(torch.arange(len(mean))), side=side)
    assert account["rate"].value == pytest.approx(same["rate"].value, rel=1e-4)
    assert account["rate"].stderr == pytest.approx(same["rate"].stderr, rel=1e-3)
    for name in ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl", "side_information"):
        ours, theirs = account[name], same[name]  # at codes of their own
        assert abs(ours.value - theirs.value) < 4 * hypot(ours.stderr, theirs.stderr), name
    theirs = model.get_elbo(return_mean=False).double().cpu()
    difference = account.per_example["elbo"] - theirs
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / len(difference) ** 0.5


def test_at_most_five_lines_of_it_are_termwises():
    lines = SCRIPT.read_text().splitlines()
    marked = [line for line in lines if line.endswith("# termwise")]
    assert 0 < len(marked) <= 5
    assert not any("tw." in line for line in lines if line not in marked)
