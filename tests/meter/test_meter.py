"""A meter's account is that of `measure`, of the same posteriors and codes."""

import pytest
import torch

import termwise as tw

FROM_THE_DECODER = {"code_use", "distortion", "elbo"}
"""What is read of codes that the meter did not have, or has no decoder for."""


def digits_model():
    """A VAE whose code carries something, and data of two kinds of parts."""
    torch.manual_seed(0)
    model = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [16]}).eval()
    with torch.no_grad():
        for weight in model.encoder.parameters():
            weight.mul_(3.0)
    return model, tw.load_data("digits").test


def told(model, data, batch_size=100, index=True, meter=None, **options):
    """A meter that was told of every example, in an order of its own."""
    meter = meter or tw.Meter(dataset_size=len(data), **options)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(3)) if index else torch.arange(len(data))
    for part in order.split(batch_size):
        posterior, _ = model.infer(data.tensor()[part])
        meter.update(posterior, index=part if index else None)
    return meter


def assert_same(one, other, names):
    for name in names:
        assert one[name] == other[name], name
        assert one[name].interval == other[name].interval, name


@pytest.mark.parametrize("index", [True, False])
def test_an_account_is_that_of_measure_to_the_last_digit_where_codes_are_drawn_alike(index):
    model, data = digits_model()
    account, measured = told(model, data, index=index).compute(), tw.measure(model, data)
    assert set(measured) - set(account) == FROM_THE_DECODER
    assert_same(account, measured, set(account))
    assert account["rate"].value > 1
