"""What NWJ and DV are bounds of: critics of two normals, exact or off, whose KL is known."""

import math

import torch

from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj


def pairs(shift, count, batches, seed=0):
    """T = log N(shift, 1)/N(0, 1), exact, at samples of both: shape (batches, count) each; the KL is shift^2/2."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(2, batches, count, generator=generator, dtype=torch.float64)
    left, right = noise[0] + shift, noise[1]
    return shift * left - shift**2 / 2, shift * right - shift**2 / 2


def test_nwj_is_the_kl_in_expectation_at_the_best_critic_and_below_it_at_any_other():
    left, right = pairs(1.0, 500, 400)
    values = nwj(left, right)
    assert abs(float(values.mean()) - 0.5) < 4 * float(values.std()) / math.sqrt(values.numel())
    for scale, shift in ((0.6, 0.0), (1.4, 0.0), (1.0, 0.3), (1.0, -0.3)):
        worse = nwj(scale * left + shift, scale * right + shift).mean(1)
        assert float(worse.mean()) < 0.5 - 4 * float(worse.std()) / math.sqrt(len(worse))


def test_a_critic_that_is_off_by_a_constant_lowers_nwj_by_as_much_as_its_slope_says_and_leaves_dv():
    """E_right e^T = 1 at the best critic, so that T + c gives KL + c - e^c + 1 in expectation."""
    left, right = pairs(1.0, 200_000, 1)
    off = nwj(left + 0.4, right + 0.4) - nwj(left, right)
    assert abs(float(off.mean()) - (0.4 - math.exp(0.4) + 1)) < 4 * float(off.std()) / math.sqrt(off.numel())
    torch.testing.assert_close(donsker_varadhan(left + 0.4, right + 0.4), donsker_varadhan(left, right))


def test_the_mean_of_dv_s_values_is_dv_whatever_their_shape_and_however_large_the_logits():
    left, right = pairs(2.0, 300, 2)
    wanted = left.mean() - right.flatten().logsumexp(0) + math.log(600)
    torch.testing.assert_close(donsker_varadhan(left, right).mean(), wanted)
    torch.testing.assert_close(
        donsker_varadhan(left, right).flatten(), donsker_varadhan(left.flatten(), right.flatten())
    )
    large = donsker_varadhan(left.float() + 200, right.float() + 200)  # e^200 is beyond float32
    torch.testing.assert_close(large.mean(), wanted.float(), rtol=1e-4, atol=1e-4)


def test_dv_is_the_kl_on_many_samples_and_overshoots_on_few():
    """At a KL of 8 with 128 samples it averages 9.8 though its critic is exact."""
    left, right = pairs(1.0, 100_000, 1)
    error = math.sqrt((1.0 + math.e - 1) / 100_000)  # Var T = 1, Var e^T = e - 1
    assert abs(float(donsker_varadhan(left, right).mean()) - 0.5) < 4 * error
    left, right = pairs(4.0, 128, 2000)
    few = torch.stack([donsker_varadhan(*both).mean() for both in zip(left, right, strict=True)])
    assert abs(float(few.mean()) - 9.8) < 0.1
    assert float(nwj(left, right).mean()) < 9.8


def test_the_spread_of_dv_s_values_is_the_error_of_their_mean():
    """Over 400 repetitions of 500 samples, to the 5% that so many know a spread by, times three."""
    left, right = pairs(1.0, 500, 400)
    values = [donsker_varadhan(*both) for both in zip(left, right, strict=True)]
    means = torch.stack([one.mean() for one in values])
    claimed = torch.stack([one.std() for one in values]).mean() / math.sqrt(500)
    assert abs(float(means.std() / claimed) - 1) < 3 / math.sqrt(2 * 400) + 0.03
