"""A Bernoulli of probabilities: exact from 0 to 1, both ends included, and no other number passes for one."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent

from termwise.api import measure, train
from termwise.errors import NotFinite, Refused
from termwise.models import VAE, adapt
from termwise.models.likelihoods import likelihood_from

X = (torch.rand(64, 6, generator=torch.Generator().manual_seed(0)) > 0.5).float()
WEIGHTS = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))


def encode(x):
    return x[:, :2], x[:, :2] - 1


def logits(z):
    return 2 * z @ WEIGHTS


def distortion(decode, likelihood):
    return measure(adapt(encode, decode, likelihood), X)["distortion"]


def test_probabilities_and_their_logits_have_the_same_distortion():
    expected = distortion(logits, "bernoulli-logits").value
    assert distortion(lambda z: logits(z).sigmoid(), "bernoulli").value == pytest.approx(expected, rel=1e-5)
    assert distortion(lambda z: logits(z).sigmoid(), "bernoulli-probabilities").value == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("likelihood", ["bernoulli", "bernoulli-probabilities"])
@pytest.mark.parametrize("end", [lambda x: x, torch.tanh, lambda x: x.sigmoid() + 0.01, lambda x: x.sigmoid() - 0.01])
def test_what_are_no_probabilities_are_refused_with_what_would_do(likelihood, end):
    with pytest.raises(Refused, match=r"from 0 to 1; got numbers from .* the likelihood is 'bernoulli-logits'"):
        distortion(lambda z: end(logits(z)), likelihood)


def test_a_rounding_beyond_one_is_one():
    assert distortion(lambda z: torch.full((len(z), 6), 0.5) + 0 * z[:, :1], "bernoulli").value == pytest.approx(
        6 * math.log(2)
    )
    sure = likelihood_from("bernoulli-probabilities").eval()(torch.full((1, 6), 1 + 2.4e-7))
    assert sure.log_prob(torch.ones(1, 6)).item() == 0


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_probability_of_zero_or_one_is_exact(value):
    law = likelihood_from("bernoulli-probabilities").eval()(torch.tensor([[value, 0.25]], dtype=torch.float64))
    possible = torch.tensor([[value, 1.0], [1 - value, 1.0]], dtype=torch.float64)
    assert law.log_prob(possible).tolist() == [pytest.approx(math.log(0.25)), -math.inf]
    grey = torch.tensor([[value, 0.5]], dtype=torch.float64)
    assert law.log_prob(grey).item() == pytest.approx(0.5 * math.log(0.25 * 0.75))


@pytest.mark.parametrize(
    "decode",
    [
        lambda z: (logits(z) > 0).float(),
        lambda z: Bernoulli(probs=(logits(z) > 0).float()),
        lambda z: Independent(Bernoulli(probs=(logits(z) > 0).float(), validate_args=False), 1),
    ],
)
def test_what_the_decoder_says_cannot_be_and_is_has_no_distortion(decode):
    with pytest.raises(NotFinite, match=r"distortion is inf for \d+ of 64 examples, the first of them number \d+"):
        distortion(decode, "bernoulli")


def test_what_the_decoder_is_sure_of_and_is_costs_nothing():
    model = adapt(lambda x: (x, torch.full_like(x, -20.0)), lambda z: (z > 0.5).float(), "bernoulli")
    assert measure(model, X)["distortion"].value == 0


def test_a_full_sigmoid_does_not_end_a_training():
    law = likelihood_from("bernoulli-probabilities").train()
    decoded = torch.tensor([[1.0, 0.3]], requires_grad=True)
    value = law(decoded).log_prob(torch.tensor([[0.0, 1.0]]))
    value.sum().backward()
    assert value.isfinite().all() and decoded.grad.isfinite().all()


def test_a_vae_whose_decoder_ends_in_no_sigmoid_is_refused_before_anything_is_begun(tmp_path):
    def model(*end):
        decoder = nn.Sequential(nn.Linear(2, 6), *end)
        return VAE(nn.Linear(6, 4), decoder, shape=(6,), latent=2, likelihood="bernoulli-probabilities")

    def run(model):
        return train(model=model, data=X, recipe="vae", epochs=1, out=tmp_path / "run", progress=False)

    bare = model()
    nn.init.constant_(bare.decoder[0].bias, -5.0)
    with pytest.raises(Refused, match="end the decoder in a sigmoid"):
        run(bare)
    assert not (tmp_path / "run").exists()
    assert run(model(nn.Sigmoid())).account["distortion"].value == pytest.approx(6 * math.log(2), abs=1.5)
