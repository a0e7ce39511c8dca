"""Some posteriors at random stand for all: what is read between bounds, against the sum over every one."""

import math

import pytest
import torch
from torch.distributions import Independent, Laplace, Normal, StudentT

import termwise as tw
from termwise.errors import Refused
from termwise.measuring import measure
from termwise.measuring.elbo.explicit_account import laws_asked
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.codes import Codes, log_density_at
from termwise.models.data_pass import DataPass
from termwise.models.randomness import own_randomness
from termwise.terms.aggregate.full import Full
from termwise.worlds import LinearGaussian

LINKS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")
COUNT, HALF, SOME = 2000, 1000, 500
PRIOR = Independent(StudentT(3.0, torch.zeros(3), 2 * torch.ones(3)), 1)


def made_of(law):
    """A model whose posterior is `law` of a location that x gives."""
    turn = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    return tw.adapt(lambda x: Independent(law(x @ turn), 1), prior=PRIOR)


def some_examples(count=COUNT):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(1))


def some_data(count=COUNT):
    return tw.load_data(some_examples(count), test=0.0)


def pairwise(law, codes):
    """log q(z) and log q(z_j) of codes by all N laws, float64, nothing but sums: shapes (B,) and (B, D)."""
    base, z = law.base_dist, codes.exact.unsqueeze(1)
    wide = type(base)(**{name: getattr(base, name).double() for name in base.arg_constraints})
    lines = torch.cat([wide.log_prob(part) for part in z.split(100)])  # (B, N, D)
    count = math.log(COUNT)
    return lines.sum(2).logsumexp(1) - count, lines.logsumexp(1) - count


@pytest.mark.parametrize(
    "law",
    [
        pytest.param(lambda loc: StudentT(5.0 * torch.ones_like(loc), loc, 0.3), id="student-t"),
        pytest.param(lambda loc: Laplace(loc, torch.ones_like(loc)), id="laplace", marks=pytest.mark.slow),
    ],
)
def test_the_sum_over_every_pair_lies_between_the_bounds_of_some(law):
    model, data = made_of(law), some_data()
    posterior = model.infer(some_examples())[0]
    with own_randomness(100):
        codes = Codes.of(posterior)
    own, log_p = (log_density_at(law, codes)[:HALF] for law in (posterior, PRIOR))
    log_q, log_q_j = pairwise(posterior, codes[:HALF])
    exact = {
        "index_code_mi": own - log_q,
        "marginal_kl": log_q - log_p,
        "total_correlation": log_q - log_q_j.sum(1),
        "dimension_wise_kl": log_q_j.sum(1) - log_p,
    }
    for seed in (0, 1, 2):
        account = measure(model, data, laws=SOME, seed=seed)
        for name, values in exact.items():
            reading, error = account[name], float(values.std()) / math.sqrt(HALF)
            assert reading.bounds == (reading.lower, reading.upper) and reading.interval == list(reading.bounds)
            assert reading.lower - 4 * error < float(values.mean()) < reading.upper + 4 * error, reading
            assert reading.upper - reading.lower < 0.5  # and says something
            assert abs(reading.value - float(values.mean())) < 4 * math.hypot(error, reading.stderr) + 0.03
            assert "500 of 2,000 posteriors at random (1,000,000 densities)" in reading.estimator


def test_what_is_read_between_bounds_still_sums_to_the_rate():
    account = measure(made_of(lambda loc: Laplace(loc, torch.ones_like(loc))), some_data(400), laws=100)
    values = account.per_example
    torch.testing.assert_close(values["index_code_mi"] + values["marginal_kl"], values["rate"])
    torch.testing.assert_close(values["total_correlation"] + values["dimension_wise_kl"], values["marginal_kl"])
    assert not any("at its ceiling" in sentence for sentence in account.diagnosis)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_population_lies_in_the_bracket_of_some(seed):
    world = LinearGaussian.random(seed, latent=3, mutual_information=2.0)
    account, truth = measure(world, tw.load_data(world.data(COUNT), test=0.0), laws=SOME, seed=seed), world.truth()
    for name in LINKS:
        reading = account["population_" + name.removeprefix("index_code_")]
        error = 4 * (account[name].stderr or 0.0)
        assert reading.lower - error < truth[name] < reading.upper + error, reading


def test_as_many_laws_as_there_are_are_all_of_them():
    model, data = made_of(lambda loc: Normal(loc, torch.ones_like(loc))), some_data(300)
    assert measure(model, data, laws=300) == measure(model, data) == measure(model, data, laws=1000)


def test_a_law_among_blocks_is_asked_with_the_rest_and_each_block_s_reading_says_so():
    turn = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))

    def encode(x):
        features = x @ turn
        return BlockLaw([Categories(2 * features[:, None, :3]), Independent(Laplace(features[:, 3:], 0.5), 1)])

    prior = BlockLaw([Categories(torch.zeros(1, 3)), Independent(Laplace(torch.zeros(2), 2 * torch.ones(2)), 1)])
    model, data = tw.adapt(encode, prior=prior), some_data(1000)
    some, every = measure(model, data, laws=250), measure(model, data)
    for name in LINKS:
        error = 4 * math.hypot(some[name].stderr, every[name].stderr)
        assert some[name].lower - error < every[name].value < some[name].upper + error
    of_blocks = some["index_code_mi_by_block"], every["index_code_mi_by_block"]
    errors = zip(*(one.stderr for one in of_blocks), strict=True)
    for one, other, error in zip(*(one.value for one in of_blocks), errors, strict=True):
        assert abs(one - other) < 4 * math.hypot(*error) + 0.02
    assert "250 of 1,000" in some["index_code_mi_by_block"].estimator


def test_how_many_are_asked_of_very_many():
    assert laws_asked(4000, 4000) == 4000 and laws_asked(4001, 4000) == 3999
    assert laws_asked(10**6, 4000) == 1000 and laws_asked(10**6, math.inf) == 10**6


def test_more_laws_than_can_be_asked_train_by_batches():
    model, data = tw.VAE.build((4,), 2, options={"hidden": [4]}, posterior="laplace"), some_data(4100)
    with pytest.raises(Refused, match=r'of 4,000 .* got 4,100\. Say aggregate="minibatch-strat'):
        Full().prepare(DataPass(model, data))
