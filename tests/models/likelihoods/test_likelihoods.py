"""Likelihoods: densities against scipy and scikit-learn, what is learned, and which data each refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy import stats
from sklearn.metrics import log_loss

from termwise.data import ValueRange
from termwise.errors import BadData, Refused, UnknownName
from termwise.models.likelihoods import (
    Bernoulli,
    Categorical,
    LaplaceLikelihood,
    NormalLikelihood,
    likelihood_from,
)

SHAPES = [(3, 1, 4, 4), (3, 6)]


def doubles(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def by_example(values: np.ndarray) -> list[float]:
    return values.reshape(len(values), -1).sum(1).tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_bernoulli_sums_the_log_loss_of_every_pixel(shape):
    logits, x = doubles(*shape), torch.randint(0, 2, shape).double()
    log_prob = Bernoulli()(logits).log_prob(x)
    expected = [
        -log_loss(row.flatten(), logit.sigmoid().flatten(), normalize=False, labels=[0, 1])
        for row, logit in zip(x, logits, strict=True)
    ]
    assert log_prob.tolist() == pytest.approx(expected, rel=1e-9)
    assert Bernoulli(given="probabilities")(logits.sigmoid()).log_prob(x).tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_normal_and_laplace_densities_are_those_of_scipy(shape):
    mean, x = doubles(*shape), doubles(*shape)
    normal, laplace = likelihood_from("normal:0.3")(mean), likelihood_from("laplace:0.7")(mean)
    assert normal.log_prob(x).tolist() == pytest.approx(by_example(stats.norm(mean, 0.3).logpdf(x)))
    assert laplace.log_prob(x).tolist() == pytest.approx(by_example(stats.laplace(mean, 0.7).logpdf(x)))
    assert torch.equal(normal.mean, mean)


@pytest.mark.parametrize("shape", [(3, 1, 4, 4), (3, 6)])
def test_categorical_logits_have_their_classes_first(shape):
    classes = 5
    likelihood = Categorical(classes)
    assert likelihood.decoded_shape(shape[1:]) == (classes, *shape[1:])
    logits, x = doubles(shape[0], classes, *shape[1:]), torch.randint(0, classes, shape)
    probabilities = logits.softmax(1).movedim(1, -1).flatten(1, -2)  # (B, pixels, classes)
    expected = [
        -log_loss(x[b].flatten(), probabilities[b], normalize=False, labels=range(classes)) for b in range(len(x))
    ]
    assert likelihood(logits).log_prob(x.float()).tolist() == pytest.approx(expected, rel=1e-9)


def test_logits_of_another_number_of_classes_are_refused():
    with pytest.raises(Refused, match=r"3 classes needs logits of shape \(B, 3, \.\.\.\), classes first"):
        Categorical(3)(torch.zeros(2, 4, 3))


def test_learned_sigma_starts_at_one_and_its_gradient_is_that_of_the_normal_density():
    likelihood = likelihood_from("normal:learned").double()
    mean, x = doubles(3, 6), doubles(3, 6)
    sigma = 1.0 + NormalLikelihood.FLOOR
    log_prob = likelihood(mean).log_prob(x)
    assert log_prob.tolist() == pytest.approx(by_example(stats.norm(mean, sigma).logpdf(x)))
    log_prob.sum().backward()
    slope_of_softplus = 1 - 1 / math.e  # at log(e - 1), where softplus is 1
    by_sigma = ((x - mean).square() / sigma**3 - 1 / sigma).sum().item()
    assert likelihood.raw.grad.item() == pytest.approx(by_sigma * slope_of_softplus)


def test_learned_sigma_never_falls_to_zero():
    likelihood = likelihood_from("normal:learned")
    torch.nn.init.constant_(likelihood.raw, -1e4)
    assert float(likelihood.scale().detach()) == pytest.approx(NormalLikelihood.FLOOR)
    assert likelihood(torch.zeros(2, 3)).log_prob(torch.zeros(2, 3)).isfinite().all()


def test_optimal_sigma_is_the_root_mean_square_residual_of_the_training_batch():
    mean, x = doubles(5, 1, 4, 4), doubles(5, 1, 4, 4)
    sigma = (x - mean).square().mean().sqrt().item()
    log_prob = likelihood_from("normal:optimal")(mean).log_prob(x)
    assert log_prob.shape == (5,)
    assert log_prob.tolist() == pytest.approx(by_example(stats.norm(mean, sigma).logpdf(x)))


def test_optimal_sigma_gives_the_gradient_of_half_d_log_mse():
    x = doubles(5, 8)
    mean = doubles(5, 8).requires_grad_()
    likelihood = likelihood_from("normal:optimal")
    (-likelihood(mean).log_prob(x).mean()).backward()
    assert not likelihood.mean_square.requires_grad  # what is remembered of a batch does not keep its graph
    whole = mean.detach().clone().requires_grad_()
    (8 / 2 * (x - whole).square().mean().log()).backward()
    assert torch.allclose(mean.grad, whole.grad, rtol=1e-12)


def test_evaluation_uses_the_running_root_mean_square_and_leaves_it_alone():
    likelihood = likelihood_from("normal:optimal").double()
    zero, squares = torch.zeros(2, 3, dtype=torch.float64), [4.0, 1.0, 9.0]
    for square in squares:
        likelihood(zero).log_prob(torch.full_like(zero, square**0.5))
    likelihood.eval()
    assert float(likelihood.mean_square) == pytest.approx(sum(squares) / 3)
    x = doubles(2, 3)
    log_prob = likelihood(zero).log_prob(x)
    assert log_prob.tolist() == pytest.approx(by_example(stats.norm(0, (sum(squares) / 3) ** 0.5).logpdf(x)))
    assert float(likelihood.batches) == 3


def test_the_running_mean_square_forgets_batches_at_the_rate_of_its_momentum():
    likelihood = likelihood_from("normal:optimal").double()
    zero = torch.zeros(1, 1, dtype=torch.float64)
    for _ in range(100):
        likelihood(zero).log_prob(torch.ones_like(zero))
    likelihood(zero).log_prob(torch.full_like(zero, 3.0))
    momentum = NormalLikelihood.MOMENTUM
    assert float(likelihood.mean_square) == pytest.approx((1 - momentum) + momentum * 9.0)


def test_a_perfect_reconstruction_meets_the_floor_of_the_optimal_sigma():
    x = doubles(2, 3)
    log_prob = likelihood_from("normal:optimal")(x).log_prob(x)
    assert log_prob.tolist() == pytest.approx([3 * stats.norm(0, NormalLikelihood.FLOOR).logpdf(0)] * 2)


@pytest.mark.parametrize(
    ("spec", "values", "advice"),
    [
        ("bernoulli", ValueRange(0, 255, True), "these run 0 to 255.*Rescale the data, or choose likelihood 'normal'"),
        ("bernoulli", ValueRange(-1, 1, False), "these run -1 to 1"),
        ("categorical:4", ValueRange(0, 4, True), "whole numbers, 0 to 3; the data has whole.*Say 'categorical:5'"),
        ("categorical:4", ValueRange(-1, 3, True), "Recode the data as 0, 1, 2"),
        ("categorical:4", ValueRange(0, 2, False), "the data has fractions.*Recode the data"),
        ("categorical:4", ValueRange(0, 1, False), "the data has fractions.*levels=True .*data.levels=true.*256"),
    ],
)
def test_data_that_a_likelihood_cannot_take_is_refused_with_what_to_do(spec, values, advice):
    with pytest.raises(BadData, match=advice):
        likelihood_from(spec).check(values)


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("bernoulli", ValueRange(0, 1, False)),
        ("categorical:4", ValueRange(0, 3, True)),
        ("normal:0.1", ValueRange(-1e6, 1e6, False)),
        ("laplace", ValueRange(-1e6, 1e6, False)),
    ],
)
def test_data_within_a_likelihoods_range_is_taken(spec, values):
    likelihood_from(spec).check(values)


@pytest.mark.parametrize(
    ("spec", "kind", "written"),
    [
        ("bernoulli", Bernoulli, "bernoulli"),
        ("bernoulli-probabilities", Bernoulli, "bernoulli-probabilities"),
        ("normal", NormalLikelihood, "normal:optimal"),
        ("normal:optimal", NormalLikelihood, "normal:optimal"),
        ("normal:learned", NormalLikelihood, "normal:learned"),
        ("normal:0.1", NormalLikelihood, "normal:0.1"),
        ("laplace", LaplaceLikelihood, "laplace:1.0"),
        ("laplace:0.5", LaplaceLikelihood, "laplace:0.5"),
        ("categorical:17", Categorical, "categorical:17"),
    ],
)
def test_every_spec_makes_its_likelihood_and_is_written_back(spec, kind, written):
    likelihood = likelihood_from(spec)
    assert type(likelihood) is kind
    assert likelihood.spec == written
    assert likelihood_from(written).spec == written


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_a_sigma_survives_its_spec_exactly(sigma):
    assert likelihood_from(NormalLikelihood(sigma).spec).sigma == sigma


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("bernouli", "bernoulli"),
        ("bernoulli:0.5", "bernoulli"),
        ("Normal:0.1", "normal:0.1"),
        ("normal:learnd", "normal:learned"),
        ("normal:", "normal:optimal"),
        ("laplace:wide", "laplace:1"),
        ("categorical", "categorical:17"),
        ("categorical:2.7", "categorical:17"),
        ("categorical:nan", "categorical:17"),
    ],
)
def test_a_bad_spec_is_told_which_are_near(spec, near):
    with pytest.raises(UnknownName, match=f"Unknown likelihood {spec!r}. Did you mean .*{near}"):
        likelihood_from(spec)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("normal:0", "finite sigma > 0; got 0"),
        ("normal:-0.1", "finite sigma > 0; got -0.1"),
        ("normal:nan", "sigma = 'nan' cannot be: Input should be a finite number"),
        ("normal:inf", "sigma = 'inf' cannot be: Input should be a finite number"),
        ("laplace:-1", "finite scale > 0; got -1"),
        ("categorical:1", "two classes or more; got 1"),
    ],
)
def test_a_number_that_cannot_be_is_refused(spec, reason):
    with pytest.raises(Refused, match=reason):
        likelihood_from(spec)


def test_a_parameter_that_bernoulli_does_not_know_is_refused():
    with pytest.raises(UnknownName, match="'probabilities'"):
        Bernoulli(given="probability")
