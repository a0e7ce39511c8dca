import math

import pytest
import torch

from termwise.errors import UnknownName
from termwise.terms import IMQ, RBF, Kernel
from termwise.terms.kernel import mmd2


def double_loop(a, b, k):
    """Gretton et al. (2012), eq. 3, pair by pair."""
    m, n = len(a), len(b)
    within = [sum(k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) for s in (a, b)]
    across = sum(k(x, y) for x in a for y in b)
    return within[0] / (m * (m - 1)) + within[1] / (n * (n - 1)) - 2 * across / (m * n)


def rbf(x, y):
    return math.exp(-float((x - y).square().sum()) / (2 * 3))  # h^2 = D = 3


def imq(x, y):
    square = float((x - y).square().sum())
    return sum(2 * 3 * s / (2 * 3 * s + square) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))


@pytest.mark.parametrize(("kernel", "by_pair"), [(RBF(), rbf), (IMQ(), imq)])
def test_mmd2_agrees_with_the_sum_over_pairs(kernel, by_pair):
    a, b = torch.randn(7, 3), 0.5 + torch.randn(5, 3)
    assert float(mmd2(a, b, kernel)) == pytest.approx(double_loop(a, b, by_pair), rel=1e-4)


def test_mmd2_of_one_law_with_itself_is_zero_on_average_and_sometimes_negative():
    values = torch.stack([mmd2(torch.randn(30, 2), torch.randn(30, 2), RBF()) for _ in range(400)])
    assert values.min() < 0
    assert abs(float(values.mean())) < 4 * float(values.std()) / math.sqrt(400)


def test_mmd2_of_two_normals_agrees_with_the_closed_form():
    """Under an RBF kernel of bandwidth h, E k(x, y) of N(m, 1), N(0, 1) is h/sqrt(h^2+2) exp(-m^2 / (2(h^2+2)))."""
    h, m = 1.3, 0.9
    alike = h / math.sqrt(h * h + 2)
    truth = 2 * alike * (1 - math.exp(-m * m / (2 * (h * h + 2))))
    values = torch.stack([mmd2(m + torch.randn(200, 1), torch.randn(200, 1), RBF(h)) for _ in range(200)])
    assert abs(float(values.mean()) - truth) < 4 * float(values.std()) / math.sqrt(200)


def test_an_unknown_kernel_is_told_which_are_near():
    with pytest.raises(UnknownName, match="imq"):
        Kernel("imqq")
