import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from termwise.errors import BadData
from termwise.measuring.quality import kernel_distance


def brute(x, y):
    xx, yy, xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    m, n = len(x), len(y)
    within = (xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
    return within - 2 * xy.mean()


def test_it_agrees_with_scikit_learns_kernel_over_several_blocks():
    x, y = torch.randn(300, 7, dtype=torch.float64), 0.5 + torch.randn(270, 7, dtype=torch.float64)
    assert kernel_distance(x, y).value == pytest.approx(brute(x.numpy(), y.numpy()), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.4])
@pytest.mark.parametrize("features", [1, 8])
def test_it_is_unbiased_and_its_error_is_right_whether_the_laws_agree_or_not(shift, features):
    """E k(x, y) of normal features by the moments of their product; over 400 draws, four standard errors."""
    draws = [kernel_distance(torch.randn(60, features), shift + torch.randn(90, features)) for _ in range(400)]
    values = np.array([draw.value for draw in draws])
    sd = values.std(ddof=1)

    def moment(mean_a, mean_b):
        """E (a . b / F + 1)^3, a and b normal about these, sum over F independent coordinates."""
        a, b = mean_a, mean_b
        first = a * b
        second = (1 + a**2) * (1 + b**2)
        third = (a**3 + 3 * a) * (b**3 + 3 * b)
        variance, skew = second - first**2, third - 3 * second * first + 2 * first**3
        mean = first + 1
        return mean**3 + 3 * mean * variance / features + skew / features**2

    truth = moment(0, 0) + moment(shift, shift) - 2 * moment(0, shift)
    assert abs(values.mean() - truth) < 4 * sd / len(draws) ** 0.5
    typical = np.mean([draw.stderr**2 for draw in draws]) ** 0.5
    assert 0.85 < typical / sd < 1.35


def test_one_example_has_no_pairs():
    with pytest.raises(BadData, match="two examples or more on either side, got 1 and 5"):
        kernel_distance(torch.randn(1, 3), torch.randn(5, 3))
