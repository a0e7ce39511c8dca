"""Learned priors: their densities by hand, where they begin, what teaches them, and how they are asked for."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

import termwise as tw
from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.models.priors import FlowPrior, MixturePrior, PriorOfPosteriors, VampPrior, prior_from
from termwise.training.config import changed, config_from

OPTIONS = {"hidden": [8]}


def moved(module, size=0.3):
    """The module, with random weights in float64."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return module.double()


def test_the_mixture_s_density_is_a_logsumexp_by_hand():
    torch.manual_seed(0)
    prior, z = moved(MixturePrior(3, components=4)), torch.randn(50, 3, dtype=torch.float64)
    with torch.no_grad():
        weight, mean, scale = (one.numpy() for one in (prior.logits.softmax(0), prior.mean, prior.log_scale.exp()))
        parts = [np.log(weight[k]) + norm.logpdf(z.numpy(), mean[k], scale[k]).sum(1) for k in range(4)]
        by_hand = np.logaddexp.reduce(np.stack(parts), 0)
        torch.testing.assert_close(prior().log_prob(z), torch.as_tensor(by_hand))


def test_the_mixture_begins_with_about_the_moments_of_the_standard_normal():
    law = prior_from("mixture:5000", 2)()
    error = 4 / math.sqrt(5000)
    assert (law.mean.abs() < error).all() and ((law.variance - 1).abs() < error).all()


@pytest.mark.parametrize("posterior", ["diagonal-normal", "full-normal", "laplace", "student-t:4", "flow:1"])
def test_the_vamp_prior_is_the_average_of_the_posteriors_of_its_inputs(posterior):
    torch.manual_seed(1)
    model = moved(VAE.build((4,), 2, options=OPTIONS, posterior=posterior, prior="vamp:3"))
    z = torch.randn(20, 2, dtype=torch.float64)
    with torch.no_grad():
        parts = [model.encode(u.unsqueeze(0)).log_prob(z) for u in model.prior.inputs]
        by_hand = torch.stack(parts).logsumexp(0) - math.log(3)
        torch.testing.assert_close(model.prior_law().log_prob(z), by_hand)


def test_the_vamp_prior_sees_what_the_networks_see(tmp_path):
    data = tw.load_data(1e4 * torch.randn(64, 3) + 5e4, standardize=True)
    inputs = trained(data, tmp_path / "run", prior="vamp:8", likelihood="normal").model.prior.inputs
    assert inputs.abs().max() < 10  # standardised examples, and a step away from them


def test_the_encoder_has_a_gradient_through_the_vamp_prior():
    """Of log p(z) at fixed codes, against differences."""
    torch.manual_seed(2)
    model = moved(VAE.build((4,), 2, options=OPTIONS, prior="vamp:3"))
    z, weight = torch.randn(5, 2, dtype=torch.float64), next(model.encoder.parameters())
    (gradient,) = torch.autograd.grad(model.prior_law().log_prob(z).sum(), weight)
    with torch.no_grad():
        step, values = 1e-6, []
        for sign in (1, -1):
            weight[0, 0] += sign * step
            values.append(float(model.prior_law().log_prob(z).sum()))
            weight[0, 0] -= sign * step
    slope = (values[0] - values[1]) / (2 * step)
    assert slope != 0 and float(gradient[0, 0]) == pytest.approx(slope, rel=1e-5)


def test_the_flow_begins_as_the_standard_normal_and_its_codes_have_a_gradient():
    law, z = FlowPrior(3)(), torch.randn(40, 3)
    torch.testing.assert_close(law.log_prob(z), prior_from(None, 3)().log_prob(z))
    prior = FlowPrior(3)
    prior().rsample((9,)).square().sum().backward()
    assert prior.features.grad[:6].abs().min() > 0


@pytest.fixture
def data():
    torch.manual_seed(3)
    return tw.load_data(torch.rand(80, 6).round(), validation=0.1)


def trained(data, out, recipe="vae", config=None, **more):
    more = {"latent": 2, "epochs": 1, "batch_size": 16, "progress": False, **more}
    config = {"model": {"options": OPTIONS}, **(config or {})}
    return tw.train(config, data=data, recipe=recipe, out=out, **more)


def test_pseudo_inputs_begin_at_training_examples_and_a_trained_prior_goes_on_as_it_is(tmp_path, data):
    run = trained(data, tmp_path / "run", prior="vamp:5", learning_rate=1e-9)
    train = data.train.tensor()
    inputs = run.model.prior.inputs.detach()
    assert all(any(torch.allclose(u, x, atol=1e-6) for x in train) for u in inputs) and bool(run.model.prior.begun)
    assert len(inputs.unique(dim=0)) > 1
    with torch.no_grad():
        run.model.prior.inputs.add_(7.0)
    kept = run.model.prior.inputs.clone()
    again = trained(data, tmp_path / "again", model=run.model, learning_rate=1e-9, latent=None, config={"model": {}})
    torch.testing.assert_close(again.model.prior.inputs, kept, atol=1e-6, rtol=0)


def test_a_prior_that_begins_at_more_examples_than_there_are_is_refused_before_a_folder_is_made(tmp_path, data):
    with pytest.raises(Refused, match=r'begins at 500 examples, and .* has \d+ to train on.*prior = "vamp:\d+"'):
        trained(data, tmp_path / "run", prior="vamp")
    assert not (tmp_path / "run").exists()


def test_a_prior_of_posteriors_refuses_those_without_a_density(data):
    with pytest.raises(Refused, match="average of posterior densities, and this posterior has none"):
        VAE.build((6,), 2, options=OPTIONS, posterior="noise-input", prior="vamp:3").prior_law()
    with pytest.raises(Refused, match="Give every model a prior of its own"):
        VAE.build((6,), 2, options=OPTIONS, prior="vamp:3").prior.meet((5,))
    assert isinstance(VampPrior(2), PriorOfPosteriors) and not isinstance(FlowPrior(2), PriorOfPosteriors)


@pytest.mark.parametrize("prior", ["mixture:3", "vamp:4", "flow:1"])
def test_it_learns_is_averaged_saved_and_resumed_bit_for_bit(tmp_path, data, prior):
    average = {"training": {"average": {"decay": 0.5}}}
    once = trained(data, tmp_path / "once", prior=prior, epochs=4, config=average)
    trained(data, tmp_path / "twice", prior=prior, epochs=2, config=average)
    twice = trained(data, tmp_path / "twice", prior=prior, epochs=4, config=average, resume=True)
    for name, weight in once.model.state_dict().items():
        assert torch.equal(weight, twice.model.state_dict()[name]), name
    fresh = prior_from(prior, 2)
    assert (once.config.model.prior, once.config.model.prior_options) == (fresh.name, fresh.options)
    assert once.model.prior.options == fresh.options
    loaded = VAE.from_pretrained(once.folder.model_folder)
    z = torch.randn(9, 2)
    assert torch.equal(loaded.prior_law().log_prob(z), once.model.prior_law().log_prob(z))
    assert loaded.config() == once.model.config()
    torch.manual_seed(0)
    first = loaded.sample(3)
    torch.manual_seed(0)
    assert torch.equal(first, once.model.sample(3))
    card = (once.folder.model_folder / "README.md").read_text()
    assert f"`model.prior`: `{fresh.name}`" in card


def test_every_parameter_of_a_learned_prior_moves_in_a_game_of_three(tmp_path, data):
    """The encoder and the decoder each own their networks; the prior is the decoder's, and learns from the rate."""
    config = {"objective": {"recipe": "vae-gan", "channels": [4], "layer": "conv1", "hidden": 8}}
    images = tw.load_data(torch.rand(40, 1, 8, 8).round())
    config["model"] = {"options": OPTIONS}
    prior = trained(images, tmp_path / "run", recipe=None, prior="mixture:3", config=config).model.prior
    fresh = MixturePrior(2, components=3)
    assert (prior.logits != fresh.logits).all() and (prior.log_scale != fresh.log_scale).all()


def test_an_objective_that_is_none_under_a_prior_is_refused_before_a_folder_is_made(tmp_path, data):
    for recipe, prior, words in (
        ("beta-tcvae", "mixture:3", "There is no dimension_wise_kl under this prior"),
        ("beta-tcvae", "flow:1", "no product over dimensions"),
        ("aae", "vamp:3", "Take divergence 'kl'.*or a prior with rsample, such as flow:4"),
    ):
        with pytest.raises(Refused, match=words):
            trained(data, tmp_path / "run", recipe=recipe, prior=prior)
        assert not (tmp_path / "run").exists()
    assert trained(data, tmp_path / "run", recipe="aae", prior="flow:1").account["marginal_kl"]


def test_a_prior_that_no_term_teaches_is_said(tmp_path, data):
    with pytest.warns(UserWarning, match="The prior learns, and no term of the objective has a gradient for it"):
        trained(data, tmp_path / "run", recipe="wae-mmd", prior="mixture:3")


def test_a_spec_is_spelled_out_in_a_configuration_and_has_the_say_over_a_file_s_options():
    file = {"model": {"prior": "mixture:15", "posterior": "student-t:4"}}
    config = config_from(changed(file, {"model": {"prior": "mixture:20"}}))
    assert (config.model.prior, config.model.prior_options) == ("mixture", {"components": 20})
    assert (config.model.posterior, config.model.posterior_options) == ("student-t", {"df": 4.0})
    config = config_from(changed(config_from(file).tables(), {"model": {"prior": "flow:2"}}))
    assert config.model.prior_options == {"layers": 2, "bins": 8, "hidden": 64, "components": 15}  # which no flow has
    with pytest.raises(Refused, match="Say it once"):
        both = config_from({"model": {"prior": "mixture:3", "prior_options": {"components": 3}}}).model
        prior_from(both.prior, 2, both.prior_options)


def test_specs_and_options_are_told_apart():
    assert prior_from("mixture", 2, {"components": 4}).options == {"components": 4}
    assert prior_from("flow:2", 2, {"hidden": 8}).options == {"layers": 2, "bins": 8, "hidden": 8}
    for spec, options, error, words in (
        ("mixture:4", {"components": 4}, Refused, "says its 'components' already. Say it once"),
        ("mixture:0", {}, Refused, "greater than 0"),
        ("mixture:many", {}, UnknownName, "Known: .*flow:4, .*mixture:10, standard-normal, .*vamp:500"),
        ("standard-normal:2", {}, UnknownName, "Unknown prior 'standard-normal:2'"),
        ("flow:2", {"layer": 3}, UnknownName, "Did you mean 'layers'"),
        ("flow:2", {"bins": 1}, Refused, "from 2 to 100 bins"),
    ):
        with pytest.raises(error, match=words):
            prior_from(spec, 2, options)
