"""Every pair of torch's laws with a closed form: by dimension where both factorise, and as large as codes say."""

import math

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    ContinuousBernoulli,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    Independent,
    Laplace,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Pareto,
    Poisson,
    StudentT,
    Uniform,
    kl_divergence,
)

from termwise.errors import Refused
from termwise.models.supports import support_of
from termwise.terms.closed_form import has_closed_form, kl

B, D = 3, 3
"""As many examples as dimensions: a mask of the wrong one fits."""


def laws(shape: tuple[int, ...], seed: int) -> dict[str, Distribution]:
    """A law of every kind, with parameters that differ from dimension to dimension, float64."""
    generator = torch.Generator().manual_seed(seed)
    a, b, c = (0.2 + torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(3))
    return {
        "normal": Normal(a, b),
        "laplace": Laplace(a, b),
        "gumbel": Gumbel(a, b),
        "lognormal": LogNormal(a, b),
        "gamma": Gamma(1 + a, b),
        "exponential": Exponential(a),
        "half-normal": HalfNormal(a),
        "pareto": Pareto(1 / (1 + seed + a), 3 + b),
        "beta": Beta(1 + a, 1 + b),
        "uniform": Uniform(-a - 2 * seed, b + 2 * seed),
        "unit": Uniform(torch.zeros_like(a), torch.ones_like(a)),
        "continuous-bernoulli": ContinuousBernoulli(probs=a / 2),
        "bernoulli": Bernoulli(probs=a / 2),
        "binomial": Binomial(4, probs=a / 2),
        "poisson": Poisson(a),
        "geometric": Geometric(a / 2),
        "categorical": Categorical(torch.stack([a, b, c], -1)),
    }


PAIRS = [
    (p, q)
    for p, left in laws((B, D), 0).items()
    for q, right in laws((D,), 1).items()
    if has_closed_form(Independent(left, 1), Independent(right, 1)) and support_of(right).holds(support_of(left))
]


def check_by_codes(values: torch.Tensor, left: Distribution, right: Distribution, reduce: int) -> None:
    """The values agree with the mean log ratio at codes, within five of its standard errors."""
    z = left.sample((40_000,))
    ratio = left.log_prob(z) - right.log_prob(z)
    ratio = ratio.sum(-1) if reduce else ratio
    error = ratio.std(0) / len(z) ** 0.5
    assert ((values - ratio.mean(0)).abs() < 5 * error + 1e-6).all()


def test_the_pairs_are_those_that_torch_knows():
    assert len(PAIRS) >= 40
    assert {("normal", "laplace"), ("normal", "gumbel"), ("beta", "unit"), ("poisson", "poisson")} <= set(PAIRS)


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_products_have_a_value_by_dimension(p, q):
    left, right = laws((B, D), 0)[p], laws((D,), 1)[q]
    values = kl(Independent(left, 1), Independent(right, 1))
    assert values.shape == (B, D) and (values > -1e-9).all()
    check_by_codes(values, left, right, reduce=0)


def test_products_of_products_are_products():
    left, right = laws((B, D), 0)["normal"], laws((D,), 1)["laplace"]
    nested = Independent(Independent(right, 1), 0)
    assert torch.equal(kl(Independent(Independent(left, 0), 1), nested), kl_divergence(left, right.expand((B, D))))


def test_a_probability_of_zero_is_infinite_in_its_own_dimension_alone():
    left, right = Bernoulli(torch.full((B, D), 0.5)), Bernoulli(torch.tensor([0.0, 0.5, 0.25]))
    values = kl(Independent(left, 1), Independent(right, 1))
    assert values[:, 0].isinf().all() and (values[:, 1] == 0).all()
    assert torch.allclose(
        values[:, 2], torch.tensor(0.5 * math.log(4 / 3))
    )  # 1/2 log (1/2 / 1/4) + 1/2 log (1/2 / 3/4)


def test_a_continuous_bernoulli_under_a_uniform_law_of_its_own_bounds_is_left_to_codes():
    law, unit = ContinuousBernoulli(probs=torch.full((B, D), 0.3)), Uniform(torch.zeros(D), torch.ones(D))
    assert kl_divergence(law, unit.expand((B, D))).isinf().all(), "where torch has mended it, kl can use it"
    assert not has_closed_form(Independent(law, 1), Independent(unit, 1))
    assert not has_closed_form(Independent(unit.expand((B, D)), 1), Independent(ContinuousBernoulli(law.probs[0]), 1))


@pytest.mark.parametrize("kind", ["one-hot", "dirichlet", "full covariance", "low rank"])
def test_laws_that_are_no_products_have_a_value_by_example(kind):
    torch.manual_seed(0)
    a = torch.rand(B, D, dtype=torch.float64) + 0.2
    factor = torch.randn(D, 2, dtype=torch.float64)
    full = MultivariateNormal(a[0], torch.eye(D, dtype=torch.float64) + factor @ factor.mT)
    left, right = {
        "one-hot": (OneHotCategorical(a), OneHotCategorical(a[0])),
        "dirichlet": (Dirichlet(a), Dirichlet(a[0] + 1)),
        "full covariance": (Independent(Normal(a, a), 1), full),
        "low rank": (Independent(Normal(a, a), 1), MultivariateNormal(full.loc, scale_tril=full.scale_tril)),
    }[kind]
    values = kl(left, right)
    assert values.shape == (B,)
    check_by_codes(values, left, right, reduce=0)
    if kind == "low rank":
        wide = LowRankMultivariateNormal(full.loc, factor, torch.ones(D, dtype=torch.float64))
        assert torch.allclose(wide.covariance_matrix, full.covariance_matrix)


def test_a_pair_without_one_is_left_to_codes():
    heavy = Independent(StudentT(torch.ones(D)), 1)
    with pytest.raises(Refused, match="Use MonteCarlo"):
        kl(Independent(Laplace(torch.zeros(B, D), 1.0), 1), heavy)
