"""Every prior of the table: one law over codes, whose density is that of its samples, saved and loaded."""

import json

import pytest
import torch

from helpers.density_of_samples import check_density, check_probabilities
from termwise.models import VAE
from termwise.models.categories import Categories
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.models.priors import PRIORS, Prior, prior_from

NAMES = list(PRIORS)


OF_CODEWORDS = ("autoregressive",)
"""The priors that are of no other codes."""


def model_of(name: str, latent: int, size: float = 0.0) -> VAE:
    """A model, as some priors are made of its posteriors; all that the prior learns moved at random."""
    posterior = {"posterior": "vector-quantized", "posterior_options": {"codewords": 3, "positions": latent}}
    own = posterior if name in OF_CODEWORDS else {}
    model = VAE.build((4,), latent, options={"hidden": [8]}, prior=name, **own).eval()
    with torch.no_grad():
        for parameter in model.prior.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return model


def law_of(name: str, latent: int, dtype: torch.dtype = torch.float32):
    """The law, in a model."""
    return model_of(name, latent).to(dtype).prior_law()


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
    if isinstance(law, CodewordsInOrder):
        model = model_of(name, 1, size=0.1).double()
        check_probabilities(model.prior_law(), model.family.codebook().vectors)
    elif isinstance(law, Categories):
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
    model = model_of(name, 3, size=0.1)
    law, words = model.prior_law(), name in OF_CODEWORDS
    z = (law.sample((50,)) if words else torch.randn(50, 3)).requires_grad_()
    law.log_prob(z).sum().backward()
    assert z.grad is None if words else (z.grad.isfinite().all() and (z.grad != 0).any())
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
    model = model_of(name, 2, size=0.1)
    model.save_pretrained(tmp_path)
    loaded = VAE.from_pretrained(tmp_path)
    z = model.prior_law().sample((9,)) if name in OF_CODEWORDS else torch.randn(9, 2)
    assert loaded.config() == model.config()
    assert torch.equal(loaded.prior_law().log_prob(z), model.prior_law().log_prob(z))
    assert loaded.sample(3).shape == (3, 4)
