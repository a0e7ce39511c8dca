"""DCI, SAP and explicitness: what a classifier can read off a code."""

import numpy as np
import pytest
from scipy.stats import linregress, norm

from helpers.factor_codes import grid, perfect, random, rotated
from termwise.errors import BadData
from termwise.measuring.disentanglement import dci, explicitness, factors_from, sap
from termwise.measuring.disentanglement.dci import dci_of


def test_importances_give_the_scores_that_they_have_by_hand():
    importance = np.array([[0.5, 0.0], [0.5, 0.25], [0.0, 0.75], [0.0, 0.0]])
    found = dci_of(importance)
    entropy = -(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))  # of the second dimension, over two factors
    assert found["disentanglement"].value == pytest.approx(0.25 + 0.375 * (1 - entropy) + 0.375)
    quarters = -(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))
    assert found["completeness"].by_factor == pytest.approx([1 - 1 / 2, 1 - quarters / 2])  # of log2 4 = 2 bits
    assert dci_of(np.eye(3))["disentanglement"].value == dci_of(np.eye(3))["completeness"].value == pytest.approx(1)
    assert dci_of(np.ones((4, 3)))["disentanglement"].value == pytest.approx(0)
    assert dci_of(np.ones((4, 3)))["completeness"].value == pytest.approx(0)
    assert dci_of(np.zeros((4, 3)))["completeness"].value == pytest.approx(0)


def test_a_perfect_code_is_disentangled_complete_and_informative():
    factors = grid(3, 4, copies=50)
    codes = np.concatenate([perfect(factors), random(factors, 3)], axis=1)
    assert {name: score.value for name, score in dci(codes, factors).items()} == pytest.approx(
        {"disentanglement": 1, "completeness": 1, "informativeness": 1}
    )


def test_a_duplicated_perfect_code_is_disentangled_but_not_complete():
    factors = grid(3, 4, copies=50)
    codes = perfect(factors)
    found = dci(np.concatenate([codes, codes], axis=1), factors, trees=20)
    assert found["disentanglement"].value == pytest.approx(1)
    # Two of four dimensions share a factor: 1 - log 2 / log 4 if equally; ties fall to either by chance.
    assert found["completeness"].value == pytest.approx(0.5, abs=0.1)


def test_two_factors_mixed_by_45_degrees_are_read_off_but_not_disentangled():
    factors = grid(6, 6, copies=40)
    found = dci(rotated(factors), factors)
    # Either dimension matters as much to either factor; a tree, which splits one dimension first, is less than even.
    assert found["informativeness"].value == 1
    assert found["disentanglement"].value < 0.05
    assert found["completeness"].value < 0.05


def test_a_random_code_informs_of_nothing():
    factors = grid(3, 4, copies=200)
    found = dci(random(factors, 5), factors)
    for size, accuracy in zip((3, 4), found["informativeness"].by_factor, strict=True):
        assert abs(accuracy - 1 / size) < 4 * np.sqrt((1 - 1 / size) / size / (len(factors) / 2))
    assert found["disentanglement"].value < 0.05
    assert found["completeness"].value < 0.05


def test_dimensions_of_noise_take_no_importance_from_a_noisy_code():
    factors = grid(8, 8, copies=40)
    noise = random(factors, 6)
    found = dci(np.concatenate([factors.index + 0.5 * noise[:, :2], noise[:, 2:]], axis=1), factors)
    # By the importances of the best classifier it would be 1; trees grown to pure leaves split the noise, too: 0.4.
    assert found["disentanglement"].value > 0.6


def test_with_one_factor_there_is_no_disentanglement_to_speak_of():
    factors = factors_from(np.arange(200)[:, None] % 4)
    found = dci(np.concatenate([factors.index, random(factors, 2)], axis=1), factors)
    assert list(found) == ["completeness", "informativeness"]
    assert found["completeness"].value == pytest.approx(1)


def test_separation_of_a_perfect_code_is_one_less_chance():
    factors = grid(3, 5, copies=300)
    found = sap(perfect(factors), factors)
    for size, gap in zip((3, 5), found.by_factor, strict=True):  # the other dimension is right by chance
        assert abs(gap - (1 - 1 / size)) < 4 * np.sqrt((1 - 1 / size) / size / (len(factors) / 2))
    assert sap(perfect(factors), factors, ordered=factors.names).value == pytest.approx(1)


def test_separation_weighs_all_values_alike_however_rare():
    rare = np.random.default_rng(0).random((8000, 1)) < 0.1
    noise = random(factors_from(rare.astype(int)), 2)
    found = sap(np.concatenate([rare + noise[:, :1], noise[:, 1:]], axis=1), factors_from(rare.astype(int)))
    # Values alike, the threshold is midway, and right for Phi(1/2) of either; the other dimension for half. To be right
    # for the most examples it would be 1/2 + log 9, and the gap 0.02. 400 of the rarer and 3600 are held out.
    error = 0.5 * np.sqrt((norm.cdf(0.5) * norm.sf(0.5) + 0.25) * (1 / 400 + 1 / 3600))
    assert abs(found.value - (norm.cdf(0.5) - 0.5)) < 4 * error


def test_duplicated_and_mixed_codes_are_not_separated():
    factors = grid(4, 4, copies=30)
    codes = perfect(factors)
    twice = np.concatenate([codes, codes], axis=1)
    assert sap(twice, factors).value == 0
    assert sap(twice, factors, ordered=factors.names).value == pytest.approx(0)
    # 45 degrees: either dimension correlates by sqrt(1/2) with either factor.
    assert sap(rotated(factors), factors, ordered=factors.names).value == pytest.approx(0)


def test_order_is_scored_by_the_squared_correlation():
    factors = grid(5, 4, copies=10)
    codes = factors.index[:, :1] * [1.0, -0.3] + random(factors, 2)
    told = sorted(linregress(z, factors.index[:, 0]).rvalue ** 2 for z in codes.T)
    found = sap(codes, factors, ordered=["factor 0"])
    assert found.by_factor[0] == pytest.approx(told[1] - told[0])


def test_binary_factors_are_explicit_however_they_are_rotated():
    factors = grid(2, 2, 2, copies=50)
    assert explicitness(perfect(factors), factors).value == pytest.approx(1)
    assert explicitness(rotated(factors), factors).value == pytest.approx(1)


def test_the_middle_of_three_values_along_a_line_is_not_explicit():
    factors = grid(3, 2, copies=400)
    # A line ranks all of one end above the middle and all of the other below: area 1/2, but for their numbers, n and m,
    # in the half: n / (n + m), whose error is that of a share of 800 examples.
    low = 2 * 4 * np.sqrt(0.25 / 800) / 3
    assert abs(explicitness(perfect(factors), factors).by_factor[0] - 2 / 3) < low


@pytest.mark.parametrize(("copies", "dimensions"), [(200, 4), (20, 60)])  # the latter would fit its own half fully
def test_a_random_code_is_not_explicit(copies, dimensions):
    factors = grid(3, 4, copies=copies)
    found = explicitness(random(factors, dimensions), factors)
    for size, score in zip((3, 4), found.by_factor, strict=True):
        held = len(factors) / 2
        n, m = held / size, held - held / size
        one_value = 2 * np.sqrt((n + m + 1) / (12 * n * m))  # of 2 area - 1, by Wilcoxon's null variance
        assert abs(score) < 4 * one_value  # the mean over values errs no more


def test_a_value_too_rare_for_both_halves_is_refused_by_name():
    values = np.array([[0]] * 30 + [[1]])
    with pytest.raises(BadData, match=r"'factor 0' has 2 values.*leave this factor out"):
        explicitness(np.zeros((31, 2)), factors_from(values))
