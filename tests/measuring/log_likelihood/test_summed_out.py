"""log p(x) of codes with categories, against sums over them, and over a grid of the numbers beside them."""

import itertools
import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

import termwise as tw
from termwise.errors import Refused
from termwise.measuring.log_likelihood.summed_out import EveryCategory
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories

GRID = torch.linspace(-9, 9, 241, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])
DIGIT = {"name": "digit", "latent": 4, "posterior": "categorical", "prior": "learned-categories"}
PAIR = {"name": "pair", "latent": 6, "posterior": "categorical", "posterior_options": {"positions": 2}}


def model_of(*code, seed=0):
    """A model with random weights, of x in {0, 1}^5."""
    torch.manual_seed(seed)
    model = tw.VAE.build((5,), code=list(code), options={"hidden": [8]}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.6 * torch.randn_like(parameter))
    return model


def examples(seed=0, count=12):
    return torch.rand(count, 5, generator=torch.Generator().manual_seed(seed)).round()


def in_double(model, x, z):
    """log p(x, z) of every code with every example, float64, shape (codes, B)."""
    model = model.double()
    with torch.no_grad():
        likelihood = model.decode(z)
        joint = torch.stack([likelihood.log_prob(one.double().expand(len(z), 5)) for one in x], 1)
        joint += model.prior_law().log_prob(z)[:, None]
    model.float()
    return joint


def every_one_hot(*counts):
    rows = itertools.product(*(torch.eye(count, dtype=torch.float64) for count in counts))
    return torch.stack([torch.cat([torch.zeros(0), *row]) for row in rows])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_code_of_categories_alone_has_the_sum_over_them(seed):
    model, x = model_of(DIGIT, PAIR, seed=seed), examples(seed)
    exact = in_double(model, x, every_one_hot(4, 3, 3)).logsumexp(0)
    account = tw.log_likelihood(model, x, samples=400, seed=seed)
    torch.testing.assert_close(account.per_example["log_likelihood"], exact, atol=1e-5, rtol=0)
    assert account["log_likelihood"].estimator == "sum over 36 categories"
    assert account["log_likelihood"].bias == "exact for every x" and not account.diagnosis
    assert account["inference_gap"].value == pytest.approx(account["log_likelihood"].value - account["elbo"].value)
    by_weights = tw.log_likelihood(model, x, samples=4000, method="iwae", seed=seed).per_example["log_likelihood"]
    off = by_weights - exact
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off)) + 0.01


@pytest.mark.parametrize("numbers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_categories_beside_numbers_have_the_sum_of_the_quadratures(seed, numbers):
    model, x = model_of(DIGIT, {"name": "style", "latent": numbers}, seed=seed), examples(seed)
    places = torch.stack([at.flatten() for at in torch.meshgrid(*[GRID] * numbers, indexing="ij")], 1)
    codes = torch.stack([torch.cat(pair) for pair in itertools.product(every_one_hot(4), places)])
    exact = in_double(model, x, codes).logsumexp(0) + numbers * math.log(STEP)
    for options in (
        {"temperatures": 16, "simulated": 0, "chains": 8, "base": "posterior"},
        {"temperatures": 16, "simulated": 0, "chains": 8, "base": "normal"},
        {"method": "iwae", "samples": 4000},
    ):
        off = tw.log_likelihood(model, x, seed=seed, **options).per_example["log_likelihood"] - exact
        assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off)) + 0.01, options


@pytest.mark.slow
def test_bdmc_brackets_what_categories_and_numbers_together_say():
    model, x = model_of(DIGIT, {"name": "style", "latent": 2}), examples()
    account = tw.log_likelihood(model, x, samples=20, chains=4, simulated=32, temperatures=24)
    assert "4 chains from the posterior" in account["log_likelihood"].estimator
    assert account["log_likelihood"].estimator.endswith("sum over 4 categories")
    codes = torch.stack(
        [torch.cat([one, z]) for one in every_one_hot(4) for z in torch.cartesian_prod(*[GRID[::4]] * 2)]
    )
    exact = in_double(model, account.certificate.x, codes).logsumexp(0) + 2 * math.log(4 * STEP)
    low, high = account.certificate.lower - exact, account.certificate.upper - exact
    assert float(low.mean()) < 4 * float(low.std()) / math.sqrt(32)
    assert float(high.mean()) > -4 * float(high.std()) / math.sqrt(32)


@pytest.mark.parametrize(
    ("law", "prior"),
    [
        (lambda f: OneHotCategorical(logits=f), OneHotCategorical(logits=torch.zeros(5))),
        (lambda f: Independent(Bernoulli(logits=f), 1), Independent(Bernoulli(logits=torch.zeros(5)), 1)),
        (
            lambda f: BlockLaw([Independent(Bernoulli(logits=f[:, :2]), 1), Categories(f[:, None, 2:])]),
            BlockLaw([Independent(Bernoulli(logits=torch.zeros(2)), 1), Categories(torch.zeros(1, 3))]),
        ),
    ],
    ids=["one-hot", "zeros and ones", "both"],
)
def test_another_package_s_discrete_laws_are_summed_over_too(law, prior):
    turn = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    model = tw.adapt(lambda x: law(x @ turn), lambda z: z @ turn, likelihood="bernoulli-logits", prior=prior)
    x = examples()
    kinds = {"OneHotCategorical": [5], "Independent": [], "BlockLaw": [3]}[type(prior).__name__]
    ones = torch.tensor(list(itertools.product((0.0, 1.0), repeat=5 - sum(kinds))))
    codes = torch.stack([torch.cat([a, b]) for a in ones for b in every_one_hot(*kinds).float()])
    log_p_x = Independent(Bernoulli(logits=codes @ turn), 1).log_prob(x[:, None])
    exact = (log_p_x - math.log(len(codes))).logsumexp(1)
    found = tw.log_likelihood(model, x, samples=10).per_example["log_likelihood"]
    torch.testing.assert_close(found.float(), exact, atol=1e-5, rtol=0)


def test_too_many_categories_are_refused_with_their_number_and_weighed_by_importance():
    wide = {"name": "wide", "latent": 24, "posterior": "categorical", "posterior_options": {"positions": 3}}
    model, x = model_of(wide, {"name": "style", "latent": 1}), examples()
    with pytest.raises(Refused, match=r"at most 64 values .* have 512\. Take method='iwae'"):
        tw.log_likelihood(model, x)
    assert tw.log_likelihood(model, x, samples=50, method="iwae")["log_likelihood"].value < 0


def test_numbers_that_no_gradient_moves_freely_are_refused_beside_categories():
    turn = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))

    def encode(x):
        features = x @ turn
        bounded = Independent(torch.distributions.Beta(*(features[:, 3:].exp() + 1).unsqueeze(0).repeat(2, 1, 1)), 1)
        return BlockLaw([Categories(features[:, None, :3]), bounded])

    prior = BlockLaw([Categories(torch.zeros(1, 3)), Independent(torch.distributions.Uniform(torch.zeros(2), 1.0), 1)])
    model = tw.adapt(encode, lambda z: z @ turn, likelihood="bernoulli-logits", prior=prior)
    with pytest.raises(
        Refused, match=r"through all real numbers; these are real numbers|these are numbers from 0 to 1"
    ):
        tw.log_likelihood(model, examples())


def test_a_law_that_is_no_product_has_its_categories_summed_out():
    """A mixture whose component is known by its category: q(n) = sum_c q(c) q(n | c)."""

    class Chained(torch.distributions.Distribution):
        blocks = (Categories(torch.tensor([[0.0, 1.0]])), Independent(Normal(torch.zeros(1), 1.0), 1))

        def __init__(self):
            super().__init__(torch.Size(), torch.Size([3]), validate_args=False)

        def log_prob(self, z):
            return self.blocks[0].log_prob(z[..., :2]) + Normal(4 * z[..., 0], 1.0).log_prob(z[..., 2])

        def sample(self, shape=()):
            one = self.blocks[0].sample(shape)
            return torch.cat([one, 4 * one[..., :1] + torch.randn(*shape, 1)], -1)

    law = Chained()
    every = EveryCategory(BlockLaw(law.blocks))
    numbers = every.numbers_of(law)
    places = torch.linspace(-8, 12, 2001)[:, None]
    density = numbers.log_prob(places).exp()
    p = torch.tensor([0.0, 1.0]).softmax(0)
    expected = (
        p[0] * Normal(4.0, 1.0).log_prob(places[:, 0]).exp() + p[1] * Normal(0.0, 1.0).log_prob(places[:, 0]).exp()
    )
    torch.testing.assert_close(density, expected)
    assert numbers.sample((7,)).shape == (7, 1)
