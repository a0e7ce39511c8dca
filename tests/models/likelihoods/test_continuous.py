"""Student-t, beta and discretised logistic likelihoods: densities against scipy, their ends, what each refuses."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models.likelihoods import likelihood_from


@pytest.mark.parametrize("degrees", [0.5, 1.0, 4.0, 30.0, 1e6])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_student_t_densities_are_those_of_scipy(degrees, kind):
    likelihood = likelihood_from(f"student-t:{degrees}").to(kind)
    torch.nn.init.constant_(likelihood.raw, 0.3)
    loc, x = torch.randn(3, 6, dtype=kind), torch.randn(3, 6, dtype=kind)
    x[0, 0] = 1e4
    expected = stats.t(degrees, loc, float(likelihood.scale().detach())).logpdf(x).sum(1)
    tolerance = 1e-9 if kind == torch.float64 else 3e-5
    np.testing.assert_allclose(likelihood(loc).log_prob(x).detach(), expected, rtol=tolerance)


@pytest.mark.parametrize("degrees", ["0", "-1", "nan", "inf"])
def test_degrees_of_freedom_that_cannot_be_are_refused(degrees):
    with pytest.raises(Refused, match="degrees"):
        likelihood_from(f"student-t:{degrees}")


def test_beta_has_the_mean_of_its_logits_and_the_size_that_it_learned():
    likelihood = likelihood_from("beta").double()
    likelihood.for_examples((4,))
    with torch.no_grad():
        likelihood.log_size.copy_(torch.arange(4.0))
    logits, x = torch.randn(3, 4, dtype=torch.float64), torch.rand(3, 4, dtype=torch.float64)
    law, size = likelihood(logits), torch.arange(4.0).double().exp()
    expected = stats.beta(size * logits.sigmoid(), size * (-logits).sigmoid()).logpdf(x).sum(1)
    np.testing.assert_allclose(law.log_prob(x).detach(), expected)
    torch.testing.assert_close(law.mean, logits.sigmoid())


@pytest.mark.parametrize("logit", [-1e30, -1e3, 1e3, 1e30])
@pytest.mark.parametrize("size", [-1e3, 0.0, 1e3])
def test_beta_is_finite_however_sure_a_decoder_is_and_its_samples_are_never_an_end(logit, size):
    likelihood = likelihood_from("beta")
    torch.nn.init.constant_(likelihood.log_size, size)
    logits = torch.full((3, 4), logit, requires_grad=True)
    law = likelihood(logits)
    x = law.sample()
    assert ((x > 0) & (x < 1)).all() and law.log_prob(x).isfinite().all()
    value = law.log_prob(torch.full((3, 4), 0.5))
    value.sum().backward()
    assert value.isfinite().all() and logits.grad.isfinite().all() and likelihood.log_size.grad.isfinite().all()
    assert (law.log_prob(torch.ones(3, 4)) == -math.inf).all() and (law.log_prob(torch.zeros(3, 4)) == -math.inf).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.5, 1.0), (-0.1, 0.5), (0.0, 1.0)])
def test_beta_refuses_its_ends(low, high):
    with pytest.raises(BadData, match=r"between 0 and 1, the ends left out.*\(n - 1\) x \+ 1/2"):
        likelihood_from("beta").check(ValueRange(low, high, integer=False))
    likelihood_from("beta").check(ValueRange(1e-6, 0.999, integer=False))


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
@pytest.mark.parametrize("scale", [1e-3, 0.05, 3.0])
def test_levels_have_what_of_a_logistic_lies_nearest_to_them(levels, scale):
    likelihood = likelihood_from(f"discretized-logistic:{levels}").double()
    torch.nn.init.constant_(likelihood.log_scale, math.log(scale - likelihood.FLOOR))
    loc = torch.tensor([-0.2, 0.0, 0.37, 0.5, 1.0, 1.3], dtype=torch.float64)
    values = torch.arange(levels, dtype=torch.float64) / (levels - 1)
    got = torch.stack([likelihood(loc[:, None]).log_prob(value.expand(6, 1)) for value in values]).detach()
    half, law = 0.5 / (levels - 1), stats.logistic(loc, scale)
    upper, lower = values[:, None] + half, values[:, None] - half
    of_either_side = np.where(lower > loc, law.sf(lower) - law.sf(upper), law.cdf(upper) - law.cdf(lower))
    of_either_side[0], of_either_side[-1] = law.cdf(upper[0]), law.sf(lower[-1])
    there = of_either_side > 1e-290  # beyond it scipy has no number
    np.testing.assert_allclose(got.numpy()[there], np.log(of_either_side[there]), rtol=1e-7, atol=1e-9)
    assert got.isfinite().all()
    torch.testing.assert_close(got.exp().sum(0), torch.ones(6, dtype=torch.float64))
    mean = likelihood(loc[:, None]).mean[:, 0].detach()
    torch.testing.assert_close(mean, (got.exp() * values[:, None]).sum(0), rtol=1e-9, atol=1e-12)


def test_levels_are_told_from_what_lies_between_them_once_they_are_evaluated():
    likelihood = likelihood_from("discretized-logistic:256").eval()
    pixels = (torch.arange(256, dtype=torch.uint8).float() / 255).view(1, -1)
    assert likelihood(pixels).log_prob(pixels).isfinite().all()
    with pytest.raises(BadData, match=r"multiples of 1/255; the data has numbers between.*normal:optimal"):
        likelihood(pixels).log_prob(pixels + 0.3 / 255)
    with pytest.raises(BadData, match=r"these run 0 to 255\. Divide them by 255"):
        likelihood.check(ValueRange(0, 255, integer=True))
    with pytest.raises(BadData, match=r"these run -1 to 1\. Rescale them"):
        likelihood.check(ValueRange(-1, 1, integer=False))
    with pytest.raises(Refused, match="two levels or more; got 1"):
        likelihood_from("discretized-logistic:1")
