"""Binary x from grey ones: which draw, when, and by which law."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

import termwise as tw
from termwise.data.binarize import uniform
from termwise.errors import BadData

GREY = torch.rand(400, 6, generator=torch.Generator().manual_seed(0))


def test_a_threshold_is_a_half():
    assert torch.equal(tw.load_data(GREY, binarize="threshold").tensor(), (GREY > 0.5).float())


def test_the_training_part_alone_is_drawn_anew_at_every_visit():
    data = tw.load_data(GREY, binarize="dynamic", validation=0.2)
    assert not torch.equal(data.train.tensor(), data.train.tensor())
    assert torch.equal(data.test.tensor(), data.test.tensor())
    assert torch.equal(data.validation.tensor(), data.validation.tensor())
    fixed = tw.load_data(GREY, binarize="fixed", validation=0.2)
    assert torch.equal(fixed.train.tensor(), fixed.train.tensor())
    assert torch.equal(fixed.test.tensor(), data.test.tensor())


def test_the_random_state_decides_what_is_drawn_anew_so_that_a_run_can_be_resumed():
    data = tw.load_data(GREY, binarize="dynamic").train
    torch.manual_seed(1)
    first = data.tensor()
    torch.manual_seed(1)
    assert torch.equal(first, data.tensor())


def test_what_is_drawn_once_depends_on_the_seed_and_not_on_the_order_or_the_batch():
    data = tw.load_data(GREY, binarize="fixed").train
    order = torch.randperm(len(data))
    shuffled = torch.cat([batch.x for batch in data.batches(7, order=order)])
    assert torch.equal(shuffled, data.tensor()[order])
    other = tw.load_data(GREY, binarize="fixed", seed=1)
    assert not torch.equal(other.tensor(), tw.load_data(GREY, binarize="fixed").tensor())


@pytest.mark.parametrize("how", ["fixed", "dynamic"])
def test_grey_is_the_probability_of_one(how):
    grey = torch.linspace(0, 1, 11).expand(4000, 11)
    torch.manual_seed(0)
    x = tw.load_data(grey, binarize=how, test=0.0).tensor()
    assert set(x.unique().tolist()) == {0.0, 1.0}
    error = (grey[0] * (1 - grey[0]) / 4000).sqrt()
    assert bool(((x.mean(0) - grey[0]).abs() <= 4 * error).all())  # 0 and 1 have none


def test_the_numbers_behind_it_are_uniform_and_independent_over_positions_pixels_and_seeds():
    u = uniform(5, torch.arange(3000), 8)
    assert kstest(u.flatten().numpy(), "uniform").pvalue > 0.001
    rows = [u[:-1, :-1], u[1:, :-1], u[:-1, 1:], uniform(6, torch.arange(3000), 8)[:-1, :-1]]
    correlation = np.corrcoef(torch.stack(rows).flatten(1).numpy()) - np.eye(4)
    assert np.abs(correlation).max() < 4 / rows[0].numel() ** 0.5


def test_a_fingerprint_is_of_the_data_and_not_of_the_draw():
    data = tw.load_data(GREY, binarize="dynamic")
    state = torch.get_rng_state()
    assert data.train.fingerprint() == tw.load_data(GREY, binarize="dynamic").train.fingerprint()
    assert torch.equal(state, torch.get_rng_state())
    assert data.value_range().binary


def test_other_ranges_and_other_names_are_refused():
    with pytest.raises(BadData, match="from 0 to 1; got -1"):
        tw.load_data(2 * GREY.round() - 1, binarize="fixed").tensor()
    with pytest.raises(BadData, match="threshold, fixed, dynamic; got 'random'"):
        tw.load_data(GREY, binarize="random")


def test_a_run_is_made_again_from_its_configuration(tmp_path):
    source = {"source": "digits", "binarize": "dynamic"}
    run = tw.train({"data": source}, recipe="vae", latent=2, epochs=1, out=tmp_path / "run", progress=False)
    assert 'binarize = "dynamic"' in (run.folder.path / "config.toml").read_text()
    assert "cross-entropy" not in run.account["elbo"].bias  # binary: a likelihood
    assert torch.equal(tw.load_run(run.folder.path).data.test.tensor(), run.data.test.tensor())
