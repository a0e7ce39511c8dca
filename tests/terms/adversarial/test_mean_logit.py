"""The logits that a critic is watched by, where its best T is known."""

import pytest
import torch

from termwise.terms.adversarial.critic_loss import MeanLogit


@pytest.mark.parametrize(("name", "sign"), [("left_logit", 1), ("right_logit", -1)])
def test_the_best_critic_reads_the_kl_from_one_side_and_its_negative_from_the_other(name, sign):
    """N(1, 1) from N(0, 1): T = z - 1/2, KL 1/2 either way; T has standard deviation 1, so 4 errors are 0.0126."""
    z = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(3))
    values = MeanLogit(name, lambda draw: (z[0] + 1 - 0.5, z[1] - 0.5))(None)
    assert values.shape == (100_000,)
    assert float(values.mean()) == pytest.approx(sign * 0.5, abs=0.013)


def test_contests_are_averaged_and_no_gradient_passes():
    left, right = torch.tensor([[1.0, 3.0], [5.0, 7.0]], requires_grad=True), torch.zeros(2, 2)
    values = MeanLogit("left_logit", lambda draw: (left, right))(None)
    assert values.tolist() == [2.0, 6.0] and not values.requires_grad
