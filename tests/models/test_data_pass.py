"""A pass over the data: every example once, in evaluation mode, and the model left as it was."""

import pytest
import torch
from torch import nn

from termwise.data import load_data
from termwise.models import VAE
from termwise.models.data_pass import DataPass, evaluating


def test_evaluating_restores_every_parts_own_mode_even_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3)).train()
    model[1].eval()
    with pytest.raises(ValueError, match="midway"), evaluating(model):
        assert not any(part.training for part in model.modules())
        assert not torch.is_grad_enabled()
        raise ValueError("midway")
    assert [part.training for part in model.modules()] == [True, True, False]
    assert torch.is_grad_enabled()


def test_a_pass_draws_every_example_once_in_order_of_its_index():
    x = torch.rand(25, 6)
    model = VAE.build((6,), 2, options={"hidden": [8]}).train()
    batches = DataPass(model, load_data(x, test=0.0), batch_size=10)
    draws = list(batches())
    assert len(batches) == 25
    assert [len(draw) for draw in draws] == [10, 10, 5]
    assert torch.equal(torch.cat([draw.index for draw in draws]), torch.arange(25))
    assert all(draw.dataset_size == 25 for draw in draws)
    means = torch.cat([draw.posterior.mean for draw in draws])
    assert torch.allclose(means, model.encode(x).mean)
    assert not means.requires_grad
    assert model.training


def test_a_batch_is_drawn_together_where_that_is_asked_for():
    passes = DataPass(VAE.build((6,), 2, options={"hidden": [8]}), load_data(torch.rand(25, 6), test=0.0))
    batch = next(iter(passes.data.batches(10)))
    assert passes.draw(batch, together=True).together and not passes.draw(batch).together
    assert not passes.at(torch.arange(2)).together


def test_a_model_that_is_no_module_is_put_in_evaluation_mode_by_the_networks_that_it_names():
    class Own:
        networks = (nn.Dropout(),)

    model = Own()
    with evaluating(model):
        assert not model.networks[0].training
    assert model.networks[0].training
    with evaluating(object()):  # it names none
        assert not torch.is_grad_enabled()
