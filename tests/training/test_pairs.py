"""Terms that compare examples of a batch beside which the same stands say where there are hardly any."""

import warnings

import pytest
import torch

import termwise as tw
from termwise.models.data_pass import DataPass
from termwise.objectives import recipe
from termwise.training.first_look import FewPairs, diagnose_pairs


def beside(count, groups, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 4, generator=generator)
    plate, well = torch.randint(groups, (2, count), generator=generator).tolist()
    return tw.load_data(x).with_side({"plate": plate, "well": well})


def passes(data):
    model = tw.VAE.build((4,), latent=2, options={"hidden": [8]}, side=data.side, side_to=("decoder",))
    return DataPass(model, data)


def test_the_share_is_that_of_batches_drawn_at_random():
    data = beside(2000, 30)
    (said,) = diagnose_pairs(passes(data), recipe("vfae"), batch_size=50)
    groups, found = data.side.groups()[0], []
    for _ in range(400):
        batch = groups[torch.randperm(2000)[:50]]
        counts = batch.bincount()
        found.append(float((counts[batch] > 1).double().mean()))
    mean = sum(found) / len(found)
    share = float(said.partition("hardly ")[2].partition("%")[0]) / 100
    assert abs(share - mean) < 0.01 and share < 0.1
    assert "of all variables jointly" in said and "raise batch_size" in said


def test_few_groups_and_terms_that_remember_need_no_word():
    assert diagnose_pairs(passes(beside(2000, 3)), recipe("vfae"), batch_size=50) == []
    assert diagnose_pairs(passes(beside(2000, 30)), recipe("vae"), batch_size=50) == []


def test_a_training_warns_once(tmp_path):
    small = {"model": {"options": {"hidden": [8]}}, "training": {"batch_size": 20}}
    settings = {"recipe": "vfae", "side": ["plate", "well"], "epochs": 1, "progress": False, "measure_limit": 20}
    with pytest.warns(FewPairs, match="hardly"):
        tw.train(small, data=beside(200, 30), out=tmp_path / "run", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FewPairs)
        tw.train(small, data=beside(200, 2), out=tmp_path / "other", **settings)
