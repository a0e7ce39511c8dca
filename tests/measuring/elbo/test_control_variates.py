import torch

from termwise.measuring.elbo.control_variates import LEAST, controlled


def test_noise_that_the_controls_foretell_is_taken_out_and_the_mean_stays():
    torch.manual_seed(0)
    controls = torch.randn(4000, 2, dtype=torch.float64)
    rest = torch.randn(4000, dtype=torch.float64)
    values = 3.0 + controls @ torch.tensor([2.0, -1.0], dtype=torch.float64) + 0.1 * rest
    found = controlled(values, controls)
    assert float(found.std()) < 0.11
    assert abs(float(found.mean()) - 3.0) < 4 * 0.1 / 4000**0.5


def test_the_coefficients_come_from_the_other_half_so_that_the_mean_is_unbiased():
    """Over 4000 data sets of skewed noise, where coefficients of the same points are biased by Cov(c, c^2 e) / N."""
    torch.manual_seed(1)
    means, own = [], []
    for _ in range(4000):
        controls = torch.randn(LEAST, 1, dtype=torch.float64).exp() - torch.e**0.5
        values = controls.square().squeeze(1)
        means.append(controlled(values, controls).mean())
        centred = controls - controls.mean()
        beta = (centred.squeeze(1) * values).sum() / centred.square().sum()
        own.append((values - beta * controls.squeeze(1)).mean())
    truth = torch.e**2 - torch.e
    unbiased, biased = torch.stack(means), torch.stack(own)
    assert abs(float(unbiased.mean()) - truth) < 4 * float(unbiased.std()) / 4000**0.5
    assert abs(float(biased.mean()) - truth) > 4 * float(biased.std()) / 4000**0.5


def test_controls_that_say_the_same_twice_do_no_harm():
    torch.manual_seed(0)
    control = torch.randn(500, 1, dtype=torch.float64)
    found = controlled(2 * control[:, 0], torch.cat([control, control], 1))
    assert float(found.abs().max()) < 1e-9


def test_few_examples_are_left_as_they_are():
    values, controls = torch.arange(LEAST - 1).double(), torch.randn(LEAST - 1, 1).double()
    assert torch.equal(controlled(values, controls), values)
