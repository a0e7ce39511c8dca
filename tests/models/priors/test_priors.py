"""The standard normal prior, against scipy."""

import pytest
import torch
from scipy.stats import multivariate_normal

from termwise.models.priors import StandardNormal


def test_the_standard_normal_has_scipys_density_and_no_weights_to_save():
    prior = StandardNormal(3)
    z = torch.randn(5, 3)
    assert prior().log_prob(z).tolist() == pytest.approx(multivariate_normal([0.0] * 3).logpdf(z).tolist(), rel=1e-6)
    assert prior.state_dict() == {}


def test_it_follows_the_model_to_another_precision():
    assert StandardNormal(2).double()().sample().dtype == torch.float64
