"""Models whose decoder says a label or a number in the place of x: its law, what they predict, and what they refuse."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.distributions import Independent, Normal

import termwise as tw
from termwise.data import Side, SideVariable
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.data_pass import DataPass
from termwise.models.networks import NETWORKS
from termwise.models.side_input import begin_side
from termwise.models.target import AverageOverCodes, TargetLikelihood, averaged_over_codes

LABEL, AGE = SideVariable("label", ("cat", "dog", "eel")), SideVariable("age")
SITE = SideVariable("site", ("a", "b"))


class OneNumber(nn.Module):
    """An encoder of x, one number, to N(x, 0.5^2)."""

    def forward(self, x):
        return torch.cat([x, torch.full_like(x, math.log(0.25))], 1)


class Logits(nn.Module):
    """A decoder of one number to logits of three categories, (B, 3, 1)."""

    def forward(self, z):
        return torch.cat([0 * z, 2 * z, -z * z], 1).unsqueeze(-1)


def test_a_category_is_foretold_by_the_average_over_the_posterior():
    model = VAE(OneNumber(), Logits(), shape=(1,), latent=1, target=LABEL).eval()
    x = torch.tensor([[-1.0], [0.3], [2.0]])
    z = np.linspace(-12, 12, 20_001)
    logits = np.stack([0 * z, 2 * z, -z * z])
    softmax = np.exp(logits - logits.max(0)) / np.exp(logits - logits.max(0)).sum(0)
    exact = np.stack([(softmax * stats.norm(at, 0.5).pdf(z)).sum(1) * (z[1] - z[0]) for at in x.flatten().numpy()])
    torch.manual_seed(0)
    found = model.predict(x, codes=20_000)
    assert found.probs.shape == (3, 3) and found.batch_shape == (3,)
    assert np.abs(found.probs.numpy() - exact).max() < 4 * 0.5 / math.sqrt(20_000)  # a share's deviation is 0.5 at most


def test_a_number_has_its_own_density_in_its_own_unit():
    likelihood = TargetLikelihood(AGE, "normal:0.5")
    ages = torch.tensor([20.0, 30.0, 70.0], dtype=torch.float64)
    likelihood.begin_side(Side((AGE,), ages.unsqueeze(1)))
    decoded = torch.tensor([[0.5], [-1.0]])
    law = likelihood(decoded)
    own = stats.norm(40 + ages.std(correction=0).item() * decoded.numpy(), 0.5 * ages.std(correction=0).item())
    value = torch.tensor([[33.0], [51.0]])
    assert np.allclose(law.log_prob(value).numpy(), own.logpdf(value.numpy()).ravel(), atol=1e-5)
    likelihood.begin_side(Side((AGE,), 2 * ages.unsqueeze(1)))  # of other data, later: the weights are of the first
    assert torch.equal(likelihood(decoded).mean, law.mean)


def test_a_number_that_is_always_the_same_keeps_its_scale():
    likelihood = TargetLikelihood(AGE)
    likelihood.begin_side(Side((AGE,), torch.full((5, 1), 7.0, dtype=torch.float64)))
    assert float(likelihood.scaler.mean) == 7 and float(likelihood.scaler.scale) == 1


def test_the_average_over_codes_is_a_mixture():
    means, sigmas = torch.tensor([[-1.0, 0.0], [2.0, 0.5], [0.0, 4.0]]), torch.tensor([0.5, 1.0, 2.0])
    flat = Normal(means.reshape(-1, 1), sigmas.repeat_interleave(2).unsqueeze(1))
    law = averaged_over_codes(Independent(flat, 1), 3)
    assert isinstance(law, AverageOverCodes) and law.batch_shape == (2,)
    at = torch.tensor([0.3, 1.0])
    by_hand = [stats.norm(m, s).pdf(v) for m, s, v in zip(means.T.numpy(), [sigmas.numpy()] * 2, at, strict=True)]
    assert np.allclose(law.log_prob(at).exp().numpy(), np.mean(by_hand, 1), atol=1e-6)
    torch.manual_seed(0)
    drawn = law.sample(torch.Size([40_000]))
    error = law.variance.sqrt() / 200
    assert drawn.shape == (40_000, 2) and ((drawn.mean(0) - law.mean).abs() < 4 * error).all()
    assert ((drawn.var(0) / law.variance - 1).abs() < 0.05).all()


@pytest.mark.parametrize("network", [name for name in NETWORKS if NETWORKS[name].maker])
@pytest.mark.parametrize("target", [LABEL, AGE])
def test_every_network_has_an_encoder_of_x_and_one_layer_to_the_target(network, target):
    model = VAE.build((1, 32, 32), latent=3, network=network, target=target, side=[SITE], side_to=["encoder"]).eval()
    law = model.predict(torch.rand(4, 1, 32, 32), side={"site": "a"})
    assert law.batch_shape == (4,)
    layers = [part for part in model.decoder.modules() if isinstance(part, nn.Linear)]
    assert len(layers) == 1 and layers[0].in_features == 3


@pytest.mark.parametrize("to", [["encoder"], ["decoder"], ["encoder", "decoder"]])
@pytest.mark.parametrize("target", [LABEL, AGE])
def test_it_is_saved_and_loaded_bit_for_bit(tmp_path, target, to):
    model = VAE.build((6,), latent=2, target=target, side=[SITE], side_to=to, options={"hidden": [8]})
    columns = {"site": ["a", "b", "b"], target.name: ["cat", "dog", "eel"] if target is LABEL else [3.0, 4.0, 9.0]}
    begin_side(model, Side.of(columns))
    again = VAE.from_pretrained(model.eval().save_pretrained(tmp_path))
    assert again.target == target and again.side_variables == (SITE, target)
    x, laws = torch.rand(5, 6), []
    for one in (model, again):
        torch.manual_seed(1)
        laws.append(one.predict(x, side={"site": "b"}))
    assert torch.equal(laws[0].log_prob(torch.ones(5)), laws[1].log_prob(torch.ones(5)))


def test_weights_are_not_taken_by_a_model_of_another_target(tmp_path):
    VAE.build((6,), latent=2, target=LABEL).save_pretrained(tmp_path)
    for other, said in ((None, "of x"), (SideVariable("label", ("cat", "dog", "ray")), "of label")):
        with pytest.raises(BadData, match=f"likelihood is of label, with the same categories.*likelihood is {said}"):
            VAE.from_pretrained(tmp_path, model=VAE.build((6,), latent=2, target=other))


@pytest.mark.parametrize(
    ("target", "likelihood", "said"),
    [
        (
            LABEL,
            "normal",
            r"one of 3 categories, and the likelihood 'normal:optimal' is of other values.*categorical:3",
        ),
        (LABEL, "categorical:4", "say 'categorical:3'"),
        (AGE, "categorical:4", "age is a number.*'normal:learned'"),
        (AGE, "poisson", "age is a number"),
        (SideVariable("label", ("cat",)), None, "label is 'cat' for all: there is nothing to say"),
    ],
)
def test_a_likelihood_of_other_values_is_refused(target, likelihood, said):
    with pytest.raises(Refused, match=said):
        VAE.build((6,), latent=2, target=target, likelihood=likelihood)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, data: model.sample(3),
        lambda model, data: model.reconstruct(data.tensor(2)),
        lambda model, data: model.generate_examples(torch.zeros(2, 2)),
        lambda model, data: tw.log_likelihood(model, data),
        lambda model, data: tw.impute(model, data),
        lambda model, data: tw.sample_quality(model, data, features=nn.Flatten()),
        lambda model, data: tw.attributes(model, data, names=["0", "1"], classifier_steps=1),
    ],
)
def test_what_is_of_x_is_refused_with_what_there_is(ask):
    data = tw.load_data("digits", side="labels")
    model = VAE.build((1, 8, 8), latent=2, target=data.side.variables[0], options={"hidden": [8]})
    with pytest.raises(Refused, match=r"says labels, and not x.*model\.predict\(x\)"):
        ask(model, data)


def test_a_model_of_x_predicts_nothing():
    with pytest.raises(Refused, match="decoder says x, and predicts nothing"):
        VAE.build((6,), latent=2).predict(torch.zeros(2, 6))


def test_a_model_needs_its_target_beside_x_to_be_measured_and_not_to_predict():
    model = VAE.build((64,), latent=2, target=SideVariable("eaten", ("no", "yes"))).eval()
    assert model.predict(torch.zeros(2, 64)).probs.shape == (2, 2)
    with pytest.raises(Refused, match=r"takes eaten beside x, and nothing of .* is called eaten"):
        DataPass(model, tw.load_data(torch.zeros(4, 64)))


def test_a_critic_and_a_decoder_see_nothing_of_the_target():
    data = tw.load_data(torch.rand(40, 6)).with_side({"site": ["a", "b"] * 20, "label": ["cat", "dog"] * 20})
    target = data.side.variables[1]
    model = VAE.build((6,), latent=2, target=target, side=data.side.without(target))
    other = data.with_side({"site": ["a", "b"] * 20, "label": ["dog", "cat"] * 20})
    draws = [next(iter(DataPass(model, one)())) for one in (data, other)]
    assert torch.equal(draws[0].given, draws[1].given) and draws[0].given.shape == (40, 8)
    assert torch.equal(draws[0].posterior.mean, draws[1].posterior.mean)
    assert torch.equal(draws[0].target, 1 - draws[1].target) and draws[0].target.shape == (40, 1)
    alone = next(iter(DataPass(VAE.build((6,), latent=2, target=target), data)()))
    assert torch.equal(alone.given, alone.x)
    assert alone.generated.log_prob(alone.target).shape == (40,)
