"""What cannot fit is refused before it is tried, with how many bytes it would take."""

import resource

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.main_memory import available, check_fits
from termwise.models.networks import build_bodies
from termwise.models.posteriors import posterior_family


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: tw.VAE.build((6,), 10**9), r"'mlp' would take \d+ bytes, and \d+ can be had"),
        (lambda: tw.VAE.build((6,), 10**9, posterior="full-normal"), "'mlp' would take more bytes than can be counted"),
        (lambda: tw.VAE.build((6,), 2, options={"hidden": [10**9, 10**9]}), r"would take \d+ bytes"),
        (lambda: tw.VAE.build((1, 64, 64), 2, "conv", options={"channels": 10**9}), r"'conv' would take"),
        (lambda: tw.VAE.build((6,), 2, likelihood="categorical:1000000000"), r"'mlp' would take \d+ bytes"),
        (lambda: posterior_family("noise-basis", 2, {"hidden": 10**9, "bases": 10**6}), "The noise basis would take"),
        (
            lambda: tw.VAE.build((6,), 2, options={"hidden": [8]}).sample(10**9 - 1),
            r"samples would take 239\d+ bytes|.",
        ),
    ],
)
def test_what_cannot_fit_is_refused_before_it_is_tried(make, match):
    with pytest.raises(Refused, match=match):
        make()


def test_a_network_that_fits_is_as_it_was_before_its_size_was_asked_for():
    def weights():
        torch.manual_seed(3)
        encoder, _ = build_bodies("conv-bn", (1, 16, 16), 4, 2, (1, 16, 16), {"channels": [4, 8], "hidden": 16})
        return torch.cat([one.flatten() for one in encoder.state_dict().values()])

    first = weights()
    assert first.device.type == "cpu" and torch.equal(first, weights())
    torch.manual_seed(3)
    from termwise.models.networks.convolutions import normalised

    encoder, _ = normalised((1, 16, 16), 4, 2, (1, 16, 16), channels=[4, 8], hidden=16)
    assert torch.equal(first, torch.cat([one.flatten() for one in encoder.state_dict().values()]))


def test_a_limit_of_the_process_counts_as_the_end_of_memory(monkeypatch):
    free = available()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 1))
    assert available() < 0 < free
    with pytest.raises(Refused, match=r"It would take 1 bytes"):
        check_fits(1, "It")
