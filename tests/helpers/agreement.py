"""What every ready model is held against: the same terms in float64 over the same codes; and itself, before."""

import math
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import torch
from torch import nn
from torch.distributions import Normal

import termwise as tw
from helpers.brute_force import mixture_log_prob
from termwise.terms.link import Distortion


def account_and_codes(model, data, **options):
    """The account of a model, its codes' noise left in, and the codes that it was taken at, in the examples' order."""
    codes = []

    class RecordingDistortion(Distortion):
        def __call__(self, draw):
            codes.append(draw.z)
            return super().__call__(draw)

    with patch.multiple(
        "termwise.measuring.elbo.explicit_account",
        Distortion=RecordingDistortion,
        controlled=lambda values, controls, expected: values,
        _controlled_rate=lambda rate, at: rate,
    ):
        account = tw.measure(model, data, **options)
    return account, torch.cat(codes)


def assert_terms_agree(account, z, mean, scale):
    """The account's links against brute force, with the package's own mean and sigma, each (N, D)."""
    z, mean, scale = z.double(), mean.flatten(1).double(), scale.flatten(1).double()
    joint, marginal = mixture_log_prob(z, mean, scale, torch.tensor(-math.log(len(z))))
    rate = 0.5 * (scale.square() + mean.square() - 1 - 2 * scale.log()).sum(1)
    mi = -Normal(mean, scale).entropy().sum(1) - joint
    expected = {
        "rate": rate,
        "index_code_mi": mi,
        "marginal_kl": rate - mi,
        "total_correlation": joint - marginal.sum(1),
        "dimension_wise_kl": rate - mi - joint + marginal.sum(1),
    }
    for name, values in expected.items():
        assert account[name].value == pytest.approx(float(values.mean()), rel=1e-4, abs=1e-4), name


@contextmanager
def unchanged(module: nn.Module):
    """A module that enters half in training mode, and must leave the same in all that measuring could have changed."""
    module.train()
    list(module.modules())[-1].eval()
    modes = [part.training for part in module.modules()]
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    wants = [parameter.requires_grad for parameter in module.parameters()]
    places = [parameter.data_ptr() for parameter in module.parameters()]
    for parameter in module.parameters():
        parameter.grad = None
    torch.manual_seed(5)
    random = torch.get_rng_state()
    yield
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == wants
    assert [parameter.data_ptr() for parameter in module.parameters()] == places
    assert all(parameter.grad is None for parameter in module.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    module.eval()
