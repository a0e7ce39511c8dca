"""Every posterior family of the table: a law of codes with the gradient, density and moments that it says it has."""

import json
import math

import pytest
import torch

from helpers.density_of_samples import check_density, check_probabilities
from termwise.errors import NoDensity, Refused
from termwise.models import VAE
from termwise.models.categories import Categories
from termwise.models.codewords import Codewords
from termwise.models.posteriors import POSTERIORS, ImplicitPosterior, moment_matched_normal, posterior_family
from termwise.models.spline_flow import FlowLaw

NAMES = list(POSTERIORS)
STOOD_FOR = ("noise-basis", "noise-input+normal")
"""Of two networks of noise, with a last layer and without: each has another in the fast tests that has it too."""


def law_of(name: str, latent: int, batch: int):
    """The law of random features, and the family and features that it is made of; float64."""
    torch.manual_seed(3)
    family = posterior_family(name, latent).double()
    with torch.no_grad():
        for parameter in family.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    features = torch.randn(batch, family.features, dtype=torch.float64, requires_grad=True)
    return family(features), family, features


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("latent", [1, 3])
def test_it_turns_as_many_features_as_it_says_into_laws_of_codes(name, latent):
    law, family, _ = law_of(name, latent, 5)
    assert (family.name, family.latent) == (name, latent)
    assert (law.batch_shape, law.event_shape) == ((5,), (latent,))
    assert law.rsample().shape == (5, latent) and law.rsample((2, 4)).shape == (2, 4, 5, latent)
    assert law.mean.shape == law.variance.shape == (5, latent)
    assert law.rsample().dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_a_code_carries_its_gradient_to_every_feature_and_to_all_that_learns(name):
    law, family, features = law_of(name, 3, 40)
    law.rsample((3,)).square().sum().backward()
    assert (features.grad != 0).any(0).all() and features.grad.isfinite().all()
    assert all((parameter.grad != 0).any() for parameter in family.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_its_density_is_that_of_its_samples_or_it_says_that_it_has_none(name):
    law, _, _ = law_of(name, 4 if name == "categorical" else 1, 1)
    if isinstance(law, Codewords):  # all of its mass is at its own, and it is one of the codebook's
        words = law.codebook.vectors
        assert law.log_prob(words.unsqueeze(1)).exp().sum() == 1 and (words == law.sample()).all(1).sum() == 1
        return
    try:
        law.log_prob(torch.zeros(1, *law.event_shape, dtype=torch.float64))
    except NoDensity:
        assert isinstance(law, ImplicitPosterior)
    else:
        check_probabilities(law) if isinstance(law, Categories) else check_density(law)


@pytest.mark.parametrize("name", NAMES)
def test_examples_have_codes_of_their_own(name):
    law, _, _ = law_of(name, 3, 200)
    z = law.rsample()
    if isinstance(law, Codewords):  # which are points
        assert torch.equal(z, law.mode) and len(z.unique(dim=0)) > 20
        return
    halves = torch.corrcoef(torch.stack([(z - law.mean)[:100].flatten(), (z - law.mean)[100:].flatten()]))
    assert abs(float(halves[0, 1].detach())) < 4.5 / math.sqrt(300)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in STOOD_FOR else ()) for name in NAMES]
)
def test_its_mean_and_variance_are_those_of_many_codes(name):
    law, _, _ = law_of(name, 3, 5)
    count = 20_000
    with torch.no_grad():
        z = law.rsample((count,))
        if isinstance(law, Codewords):
            assert (z == law.mean).all() and not law.variance.any()
            with pytest.raises(Refused, match="categories or codewords"):
                moment_matched_normal(law)
            return
        by_noises = isinstance(law, ImplicitPosterior | FlowLaw)  # of which a fixed, small set may stand for the law
        tolerance = 4.5 / math.sqrt(count) + (0.03 if by_noises else 0)
        assert ((z.mean(0) - law.mean).abs() < tolerance * z.std(0)).all()
        squares = (z - z.mean(0)).square()
        tolerance = 4.5 * squares.std(0) / math.sqrt(count) + (0.08 * z.var(0) if by_noises else 0)
        assert ((squares.mean(0) - law.variance).abs() < tolerance).all()
        if name == "categorical":
            with pytest.raises(Refused, match="some of these are categories"):
                moment_matched_normal(law)
            return
        matched = moment_matched_normal(law)
        torch.testing.assert_close((matched.mean, matched.variance), (law.mean, law.variance))


@pytest.mark.parametrize("name", NAMES)
def test_its_options_are_those_of_its_row_and_make_it_again(name):
    family = posterior_family(name, 2)
    assert json.loads(json.dumps(family.options)) == family.options
    assert set(family.options) == set(POSTERIORS[name].options) - {"latent"}
    again = posterior_family(name, 2, family.options)
    assert (again.options, again.features) == (family.options, family.features)
    assert [tensor.shape for tensor in again.state_dict().values()] == [
        tensor.shape for tensor in family.state_dict().values()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_with_it_is_loaded_as_it_was_saved(tmp_path, name):
    model = VAE.build((6,), 2, posterior=name, options={"hidden": [8]}).eval()
    with torch.no_grad():
        for parameter in model.family.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(tmp_path)
    loaded, x, codes = VAE.from_pretrained(tmp_path), torch.rand(4, 6), []
    assert loaded.config() == model.config()
    for one in (model, loaded):
        torch.manual_seed(5)
        codes.append(one.encode(x).rsample((3,)))
    assert torch.equal(*codes)
