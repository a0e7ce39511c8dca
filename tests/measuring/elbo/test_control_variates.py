import torch

from termwise.measuring.elbo.control_variates import LEAST, controlled


def test_noise_that_the_controls_foretell_is_taken_out_and_the_mean_stays():
    torch.manual_seed(0)
    controls = torch.randn(4000, 2, dtype=torch.float64)
    rest = torch.randn(4000, dtype=torch.float64)
    values = 3.0 + controls @ torch.tensor([2.0, -1.0], dtype=torch.float64) + 0.1 * rest
    found = controlled(values, controls, torch.zeros(4000).double())
    assert float(found.std()) < 0.11
    assert abs(float(found.mean()) - 3.0) < 4 * 0.1 / 4000**0.5


def test_the_coefficients_come_from_the_other_half_so_that_the_mean_is_unbiased():
    """Over 4000 data sets of skewed noise, where coefficients of the same points are biased by Cov(c, c^2 e) / N."""
    torch.manual_seed(1)
    means, own = [], []
    for _ in range(4000):
        controls = torch.randn(LEAST, 1, dtype=torch.float64).exp() - torch.e**0.5
        values = controls.square().squeeze(1)
        means.append(controlled(values, controls, torch.zeros(LEAST).double()).mean())
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
    found = controlled(2 * control[:, 0], torch.cat([control, control], 1), torch.zeros(500).double())
    assert float(found.abs().max()) < 1e-9


def test_of_few_examples_the_first_control_is_taken_out_whole():
    values, controls = torch.arange(LEAST - 1).double(), torch.randn(LEAST - 1, 2).double()
    assert torch.equal(controlled(values, controls, values), values - controls[:, 0])


def test_a_control_of_another_size_does_not_drown_the_others():
    torch.manual_seed(0)
    controls = torch.randn(500, 2, dtype=torch.float64) * torch.tensor([1.0, 1e40], dtype=torch.float64)
    values = 3 * controls[:, 0] + 1e-40 * controls[:, 1]
    assert float(controlled(values, controls, torch.zeros(500).double()).abs().max()) < 1e-9


def test_what_is_known_of_the_values_beside_the_noise_adds_none_to_the_coefficients():
    """As near log N, where log q(z) is its mean, the noise of the code, and -log N."""
    torch.manual_seed(0)
    controls = torch.randn(1000, 2, dtype=torch.float64)
    expected = 5 * torch.randn(1000, dtype=torch.float64)
    found = controlled(expected + controls[:, 0] - 7.0, controls, expected)
    torch.testing.assert_close(found, expected - 7.0, atol=1e-9, rtol=0)
