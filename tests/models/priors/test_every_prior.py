"""Every prior of the table: one law over codes, whose density is that of its samples, saved and loaded."""

import json

import pytest
import torch

from helpers.density_of_samples import check_density, check_probabilities
from termwise.models import VAE
from termwise.models.categories import Categories
from termwise.models.priors import PRIORS, Prior, prior_from

NAMES = list(PRIORS)


def law_of(name: str, latent: int, dtype: torch.dtype = torch.float32):
    """The law, in a model: some priors are made of its posteriors."""
    return VAE.build((4,), latent, options={"hidden": [8]}, prior=name).to(dtype).prior_law()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("latent", [1, 4])
def test_it_is_one_law_over_codes(name, latent):
    prior = prior_from(name, latent)
    assert isinstance(prior, Prior) and prior.name == name
    law = law_of(name, latent)
    assert (law.batch_shape, law.event_shape) == ((), (latent,))
    z = law.sample((7,))
    assert z.shape == (7, latent) and law.log_prob(z).shape == (7,) and law.log_prob(z).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_its_density_is_that_of_its_samples(name):
    torch.manual_seed(0)
    law = law_of(name, 1, torch.float64)
    if isinstance(law, Categories):
        check_probabilities(law_of(name, 4, torch.float64))
    else:
        check_density(law)


@pytest.mark.parametrize("name", NAMES)
def test_it_follows_the_model_to_another_precision(name):
    law = law_of(name, 2, torch.float64)
    z = law.sample((3,))
    assert z.dtype == law.log_prob(z).dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_all_that_learns(name):
    model = VAE.build((4,), 3, options={"hidden": [8]}, prior=name)
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    z = torch.randn(50, 3, requires_grad=True)
    model.prior_law().log_prob(z).sum().backward()
    assert z.grad.isfinite().all() and (z.grad != 0).any()
    own = list(model.prior.parameters())
    assert all(parameter.grad.isfinite().all() and (parameter.grad != 0).any() for parameter in own)


@pytest.mark.parametrize("name", NAMES)
def test_its_options_are_those_of_its_row_and_make_it_again(name):
    prior = prior_from(name, 2)
    assert json.loads(json.dumps(prior.options)) == prior.options
    assert set(prior.options) == set(PRIORS[name].options) - {"latent"}
    assert prior_from(name, 2, prior.options).options == prior.options


@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_it_is_loaded_as_it_was_saved(tmp_path, name):
    model = VAE.build((6,), 2, options={"hidden": [8]}, prior=name).eval()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(tmp_path)
    loaded, z = VAE.from_pretrained(tmp_path), torch.randn(9, 2)
    assert loaded.config() == model.config()
    assert torch.equal(loaded.prior_law().log_prob(z), model.prior_law().log_prob(z))
    assert loaded.sample(3).shape == (3, 6)
