import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from helpers.factor_codes import grid, perfect, random, rotated
from termwise.errors import BadData, Refused
from termwise.measuring.disentanglement import beta_vae_score, factor_vae_score, factors_from
from termwise.measuring.disentanglement.fixing import Fixing

VOTES = 2000
SCORES = (beta_vae_score, factor_vae_score)


def four_errors(share):
    """Four standard errors of a share of the votes."""
    return 4 * np.sqrt(share * (1 - share) / VOTES)


def test_batches_share_the_value_that_is_fixed_and_values_come_as_often_as_in_the_data():
    values = np.repeat([0, 1, 2], [600, 300, 100])
    factors = factors_from(np.stack([values, np.arange(1000) % 5], axis=1))
    rows = np.arange(0, 1000, 2)
    drawn = Fixing(factors, rows, np.random.default_rng(0)).batches(0, 4000, 8)
    fixed = factors.index[drawn, 0]
    assert np.isin(drawn, rows).all()
    assert (fixed == fixed[:, :1]).all()
    shares = np.bincount(fixed[:, 0]) / 4000
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=4 * np.sqrt(0.25 / 4000))
    others = np.bincount(factors.index[drawn, 1].ravel()) / drawn.size
    assert others == pytest.approx([0.2] * 5, abs=4 * np.sqrt(0.16 / drawn.size))


def test_no_example_is_paired_with_itself_and_all_others_are():
    factors = factors_from(np.array([[0, 0], [0, 1], [0, 0], [1, 1], [1, 0]]))
    first, second = Fixing(factors, np.arange(5), np.random.default_rng(0)).pairs(0, 200, 10)
    assert (factors.index[first, 0] == factors.index[second, 0]).all()
    met = {(int(a), int(b)) for a, b in zip(first.ravel(), second.ravel(), strict=True)}
    assert met == {(a, b) for a in range(3) for b in range(3) if a != b} | {(3, 4), (4, 3)}


def test_the_value_that_a_pair_shares_is_its_own():
    factors = grid(4, 2, copies=20)
    first, _ = Fixing(factors, np.arange(len(factors)), np.random.default_rng(0)).pairs(0, 500, 16)
    fixed = factors.index[first, 0]
    assert np.bincount(fixed.ravel()) / fixed.size == pytest.approx([0.25] * 4, abs=4 * np.sqrt(3 / 16 / fixed.size))
    alike = (fixed[:, :1] == fixed[:, 1:]).mean()  # of independent pairs a quarter
    assert abs(alike - 0.25) < 4 * np.sqrt(3 / 16 / (500 * 15))


def by_the_papers(votes, of_pairs, codes, factors, seed=7):
    """Votes of 64, drawn one by one as the papers say: mean differences of pairs, or variances; and the factors."""
    rng = np.random.default_rng(seed)
    scaled, rows = codes / codes.std(axis=0), {}
    for k in range(factors.count):
        rows |= {(k, v): np.flatnonzero(factors.index[:, k] == v) for v in range(factors.sizes[k])}
    made, fixed = [], rng.integers(factors.count, size=votes)
    for k in fixed:
        if of_pairs:
            pairs = [rng.choice(rows[k, factors.index[rng.integers(len(factors)), k]], size=2) for _ in range(64)]
            made.append(np.mean([np.abs(scaled[a] - scaled[b]) for a, b in pairs], axis=0))
        else:
            batch = rng.choice(rows[k, factors.index[rng.integers(len(factors)), k]], size=64)
            made.append(scaled[batch].var(axis=0))
    return np.array(made), fixed


def products(factors):
    """A code whose spread, where one factor is fixed, depends on the value that is fixed: (a^2 b^2, a b + a / 2)."""
    a, b = factors.index.T
    return np.stack([a**2 * b**2, a * b + a / 2], axis=1)


def test_the_beta_vae_score_is_that_of_votes_drawn_as_its_paper_says():
    factors = grid(5, 5, copies=80)
    codes = products(factors)
    (x, y), (test_x, test_y) = (by_the_papers(600, True, codes, factors, seed) for seed in (1, 2))
    truth = float((LogisticRegression(C=100.0, max_iter=2000).fit(x, y).predict(test_x) == test_y).mean())
    found = beta_vae_score(codes, factors, votes=VOTES).value
    assert truth > 0.9  # it is 0.63 where all pairs of a vote share one value
    assert abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) * (1 / 600 + 1 / VOTES))


def test_the_factor_vae_score_is_that_of_votes_drawn_as_its_paper_says():
    factors = grid(5, 5, copies=80)
    codes = products(factors)
    (variances, fixed), (test, of_test) = (by_the_papers(VOTES, False, codes, factors, seed) for seed in (1, 2))
    said = [np.bincount(fixed[variances.argmin(axis=1) == j]).argmax() for j in range(2)]
    truth = float((np.array(said)[test.argmin(axis=1)] == of_test).mean())
    found = factor_vae_score(codes, factors, votes=VOTES).value
    assert 0.5 < truth < 0.95
    assert abs(found - truth) < 4 * np.sqrt(truth * (1 - truth) * 2 / VOTES)


@pytest.mark.parametrize("score", SCORES)
def test_a_perfect_code_scores_one(score):
    factors = grid(3, 4, 5, copies=20)
    assert score(perfect(factors), factors).value == 1


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("count", [2, 4])
def test_a_random_code_scores_one_over_the_number_of_factors(score, count):
    factors = grid(*[4] * count, copies=4096 // 4**count)
    assert abs(score(random(factors, 6), factors, votes=VOTES).value - 1 / count) < four_errors(1 / count)


def test_votes_that_are_learned_by_heart_score_no_more():
    factors = grid(4, 4, copies=64)
    found = beta_vae_score(random(factors, 60), factors, votes=100)  # 60 weights tell 100 votes apart without fail
    assert abs(found.value - 1 / 2) < 4 * np.sqrt(0.25 / 100)


def test_units_do_not_matter():
    factors = grid(4, 4, copies=20)
    assert beta_vae_score(1e-6 * perfect(factors), factors).value == 1


@pytest.mark.parametrize("score", SCORES)
def test_two_factors_mixed_by_45_degrees_are_told_from_the_third_but_not_from_one_another(score):
    # Fixing either of two alike factors leaves both mixed dimensions the same: it's right half of the time.
    factors = grid(5, 5, 5, copies=10)
    found = score(rotated(factors), factors, votes=VOTES)
    assert abs(found.value - 2 / 3) < four_errors(2 / 3)
    assert found.by_factor[2] == 1


def test_a_factor_that_is_left_out_is_told_by_elimination_in_the_one_score_and_never_in_the_other():
    factors = grid(4, 4, 4, copies=10)
    codes = perfect(factors)[:, :2]  # of the third and the second factor
    assert beta_vae_score(codes, factors).value > 0.999
    found = factor_vae_score(codes, factors, votes=VOTES)
    # Where the first factor is fixed, either dimension is named; neither stands for it.
    assert abs(found.value - 2 / 3) < four_errors(2 / 3)
    assert found.by_factor[0] == 0


def test_a_collapsed_dimension_has_no_vote():
    factors = grid(4, 4, copies=50)
    still = np.concatenate([np.zeros((len(factors), 1)), perfect(factors)], axis=1)
    assert factor_vae_score(still, factors).value == 1
    assert beta_vae_score(still, factors).value == 1
    small = 0.01 * perfect(factors)[:, ::-1]  # variances 1.25e-4 and 1.25e-2
    assert factor_vae_score(small, factors, least_variance=0).value == 1
    assert abs(factor_vae_score(small, factors, votes=VOTES).value - 1 / 2) < four_errors(1 / 2)


def test_a_code_that_is_collapsed_whole_scores_chance():
    factors = grid(4, 4, 4, copies=5)
    found = factor_vae_score(np.zeros((len(factors), 3)), factors, votes=VOTES)
    assert abs(found.value - 1 / 3) < four_errors(1 / 3)


@pytest.mark.parametrize("score", SCORES)
def test_the_seed_decides_and_one_factor_or_rare_values_are_refused(score):
    factors = grid(4, 4, copies=20)
    codes = random(factors, 3)
    assert score(codes, factors, seed=1) == score(codes, factors, seed=1)
    assert score(codes, factors, seed=1) != score(codes, factors, seed=2)
    with pytest.raises(Refused, match="compares factors, 2 or more; got one"):
        score(np.zeros((6, 2)), factors_from(np.arange(6)[:, None] % 2))
    with pytest.raises(BadData, match="'shape' has 8 values, and one of them is 0 times among the 4"):
        score(np.zeros((8, 2)), factors_from(np.stack([np.arange(8), np.arange(8) % 2], axis=1), ["shape", "side"]))
