import pytest
import torch

from termwise.measuring.elbo.active_units import active_units


def with_variances(*variances):
    """Means of two examples, shape (2, D), whose variances over x are these."""
    deviation = (torch.tensor(variances, dtype=torch.float64) / 2).sqrt()
    return torch.stack([deviation, -deviation])


@pytest.mark.parametrize(("variances", "count"), [((0.009, 0.011), 1), ((0.0, 0.05, 1.0), 2), ((0.005,), 0)])
def test_a_unit_is_active_from_a_variance_of_a_hundredth(variances, count):
    means = with_variances(*variances)
    assert active_units(means, means).value == count
    assert active_units(means + 3.0, means - 2.0).value == count  # whatever the means of means are


def test_of_two_estimates_their_covariance_counts():
    means = with_variances(0.02, 0.02)
    again = means * torch.tensor([0.1, 1.0])  # covariances .002 and .02
    assert active_units(means, again).value == 1
