"""log q(z) over components of every kind, held against torch's own log_prob of every law at every code, in float64."""

import math

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Beta,
    Dirichlet,
    Gamma,
    Independent,
    Laplace,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    StudentT,
    VonMises,
)

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.codes import Codes
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.mixture import log_density, marginal_log_density
from termwise.terms.aggregate.posterior_components import components_from_state, components_of

N, D = 23, 3


def rand(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def of_numbers(base):
    return Independent(base, 1)


def normal():
    return of_numbers(Normal(4 * rand(N, D) - 2, 0.1 + rand(N, D, seed=1)))


def full():
    factor = torch.tril(rand(N, D, D) - 0.5, -1) + torch.diag_embed(0.3 + rand(N, D, seed=1))
    return MultivariateNormal(4 * rand(N, D) - 2, scale_tril=factor)


def categories(positions=2):
    return Categories(4 * rand(N, positions, 4, seed=2))


CONTINUOUS = {
    "normal": normal,
    "full normal": full,
    "gamma": lambda: of_numbers(Gamma(0.5 + 5 * rand(N, D), 0.5 + rand(N, D, seed=1))),
    "beta": lambda: of_numbers(Beta(0.5 + 5 * rand(N, D), 0.5 + 5 * rand(N, D, seed=1))),
    "dirichlet": lambda: Dirichlet(0.5 + 5 * rand(N, D)),
    "von mises": lambda: of_numbers(VonMises(6 * rand(N, D) - 3, 0.1 + 20 * rand(N, D, seed=1))),
    "laplace": lambda: of_numbers(Laplace(4 * rand(N, D) - 2, 0.1 + rand(N, D, seed=1))),
    "student-t": lambda: of_numbers(StudentT(3.0 + rand(N, D), 4 * rand(N, D) - 2, 0.1 + rand(N, D, seed=1))),
}
DISCRETE = {
    "categories": categories,
    "one-hot": lambda: OneHotCategorical(logits=4 * rand(N, 5)),
    "bernoulli": lambda: of_numbers(Bernoulli(logits=8 * rand(N, D) - 4)),
}
MIXED = {
    "normal and categories": lambda: BlockLaw([categories(), normal()]),
    "full normal, gamma and 0 or 1": lambda: BlockLaw([full(), CONTINUOUS["gamma"](), DISCRETE["bernoulli"]()]),
    "laplace and categories": lambda: BlockLaw([CONTINUOUS["laplace"](), categories(1)]),
}
KINDS = CONTINUOUS | DISCRETE | MIXED


def at_every_law(law, z):
    """log q(z|x_n), shape (B, N), by torch."""
    return torch.stack([law.log_prob(one.expand(N, -1)) for one in z])


def weighted(logits, weights):
    """The log of the weighted sum over components."""
    log_w = torch.full(logits.shape, weights.other, dtype=torch.float64)
    if weights.index is not None:
        log_w[torch.arange(len(logits)), weights.index] = weights.own
    return (logits + log_w).logsumexp(1)


def weightings():
    return [LogWeights.uniform(N), LogWeights.stratified(torch.arange(N), N, 1000)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", weightings(), ids=["uniform", "stratified"])
def test_the_joint_density_is_the_sum_over_laws(kind, weights):
    law = KINDS[kind]()
    torch.manual_seed(0)
    z = law.sample()
    expected = weighted(at_every_law(law, z), weights)
    close = 1e-5 if kind == "von mises" else 1e-9  # torch's own Bessel function is a polynomial, good to 1e-6
    assert torch.allclose(log_density(z, components_of(law), weights), expected, rtol=close, atol=close)


@pytest.mark.parametrize("kind", CONTINUOUS)
def test_its_gradient_is_autograds(kind):
    law = KINDS[kind]()
    torch.manual_seed(0)
    z = law.sample().requires_grad_()
    weights = weightings()[1]
    (expected,) = torch.autograd.grad(weighted(at_every_law(law, z), weights).sum(), z)
    (got,) = torch.autograd.grad(log_density(z, components_of(law), weights).sum(), z)
    assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", DISCRETE | MIXED)
def test_its_gradient_in_discrete_numbers_is_the_density_with_another_value_there(kind):
    law = KINDS[kind]()
    torch.manual_seed(0)
    z = law.sample().requires_grad_()
    weights = weightings()[1]
    (got,) = torch.autograd.grad(log_density(z, components_of(law), weights).sum(), z)
    for columns, values in discrete_positions(law):
        at_values = []
        for value in values:
            other = z.detach().clone()
            other[:, columns] = value
            at_values.append(weighted(at_every_law(law, other), weights))
        if len(range(*columns.indices(10**6))) == 1:
            expected = (at_values[1] - at_values[0]).unsqueeze(1)
        else:
            expected = torch.stack(at_values, 1)
        assert torch.allclose(got[:, columns], expected, rtol=1e-6, atol=1e-6)


def discrete_positions(law, start=0):
    """Which numbers of z are a discrete position, and the values that they may have."""
    if isinstance(law, BlockLaw):
        for block, part in zip(law.blocks, law.slices, strict=True):
            yield from discrete_positions(block, start + part.start)
    elif isinstance(law, Categories | OneHotCategorical):
        positions, count = law.log_probs.shape[1:] if isinstance(law, Categories) else (1, law.event_shape[0])
        for p in range(positions):
            yield slice(start + p * count, start + (p + 1) * count), torch.eye(count, dtype=torch.float64)
    elif isinstance(law, Independent) and isinstance(law.base_dist, Bernoulli):
        for j in range(law.event_shape[0]):
            yield slice(start + j, start + j + 1), torch.tensor([[0.0], [1.0]], dtype=torch.float64)


def of_dimensions(law, z):
    """log q(z_j|x_n) of every dimension, a list of (B, N)."""
    if isinstance(law, BlockLaw):
        parts = zip(law.blocks, law.slices, strict=True)
        return [one for block, part in parts for one in of_dimensions(block, z[:, part])]
    if isinstance(law, Categories):
        by_position = z.unflatten(1, law.log_probs.shape[1:])
        return list(torch.einsum("bpk,npk->pbn", by_position, law.log_probs))
    if isinstance(law, MultivariateNormal):
        law = Independent(Normal(law.loc, law.covariance_matrix.diagonal(dim1=1, dim2=2).sqrt()), 1)
    if isinstance(law, Dirichlet | OneHotCategorical):
        return [at_every_law(law, z)]
    return list(law.base_dist.log_prob(z.unsqueeze(1)).movedim(2, 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", weightings(), ids=["uniform", "stratified"])
def test_the_marginals_are_sums_over_laws_of_one_dimension(kind, weights):
    law = KINDS[kind]()
    torch.manual_seed(0)
    z = law.sample()
    expected = torch.stack([weighted(one, weights) for one in of_dimensions(law, z)], 1)
    assert torch.allclose(marginal_log_density(z, components_of(law), weights), expected, rtol=1e-5, atol=1e-5)


def test_many_normals_beside_categories_are_convolved():
    many = 3000
    law = BlockLaw(
        [Categories(4 * rand(many, 1, 4)), Independent(Normal(4 * rand(many, 2), 0.1 + rand(many, 2, seed=1)), 1)]
    )
    torch.manual_seed(0)
    z = law.sample()
    one_by_one = marginal_log_density(z, components_of(law), LogWeights.uniform(many))
    assert torch.allclose(log_marginals(components_of(law))(z), one_by_one, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_components_are_chosen_joined_written_over_and_saved(kind):
    law = KINDS[kind]()
    whole = components_of(law)
    torch.manual_seed(0)
    z, uniform = law.sample(), LogWeights.uniform(N)
    first, rest = torch.arange(N) < 10, torch.arange(N) >= 10
    again = type(whole).joined([whole.at(first.nonzero()[:, 0]), whole.at(rest.nonzero()[:, 0])])
    assert torch.equal(log_density(z, again, uniform), log_density(z, whole, uniform))
    if "laplace" in kind or kind == "student-t":
        with pytest.raises(Refused, match="minibatch-stratified"):
            whole.state()
        return
    turned = whole.at(torch.arange(N).flip(0))
    turned.write(torch.arange(N), whole)
    restored = components_from_state(turned.state())
    assert torch.equal(log_density(z, restored, uniform), log_density(z, whole, uniform))


def test_tiny_sigmas_beside_categories_lose_nothing():
    """At a sigma of 1e-12 the product would cancel; each block is then asked in its own way."""
    scale = 1e-12
    law = BlockLaw([categories(1), Independent(Normal(4 * rand(N, D), scale), 1)])
    torch.manual_seed(0)
    codes = Codes.of(law)
    found = log_density(codes, components_of(law), LogWeights.uniform(N))
    noise = (codes.offset[:, 4:] / scale).square().sum(1)
    own = (codes.z[:, :4] * law.blocks[0].log_probs[:, 0]).sum(1)
    expected = own - 0.5 * noise - D * (math.log(scale) + 0.5 * math.log(2 * math.pi)) - math.log(N)
    assert torch.allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("relax", [None, 0.5])
def test_the_gradient_of_straight_through_codes_is_that_of_the_expectation(relax):
    """E log q(z) over one position, d/dlogits: exact by a sum over categories; straight through, its mean."""
    logits = rand(1, 1, 4, seed=3).requires_grad_()
    components = components_of(categories(1))
    uniform = LogWeights.uniform(N)
    every = log_density(torch.eye(4, dtype=torch.float64), components, uniform)
    (exact,) = torch.autograd.grad((logits.softmax(-1)[0, 0] * every).sum(), logits)
    if relax is None:
        z = Categories(logits.expand(10, 1, 4)).rsample()
        (got,) = torch.autograd.grad(log_density(z, components, uniform).mean(), logits)
        assert torch.allclose(got, exact, atol=1e-12)
    else:  # relaxed codes have another expectation: the same direction, and no more
        torch.manual_seed(0)
        z = Categories(logits.expand(20_000, 1, 4), temperature=relax).rsample()
        (got,) = torch.autograd.grad(log_density(z, components, uniform).mean(), logits)
        assert torch.cosine_similarity(got.flatten(), exact.flatten(), dim=0) > 0.9
