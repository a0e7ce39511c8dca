"""The prior of codewords in order: exact, causal, sampled as it says; and the walk under it is that of the chain."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import torch

import termwise as tw
from termwise.errors import Refused
from termwise.models import VAE
from termwise.models.codewords import Codebook
from termwise.models.priors import AutoregressivePrior
from termwise.training.diagnosis import diagnose_idle_weights
from termwise.worlds import MarkovWorld


@dataclass
class Words:
    """What a prior of codewords asks of a posterior family."""

    book: Codebook
    positions: int

    def __post_init__(self):
        self.shape = (self.positions,)

    def codebook(self):
        return self.book


@dataclass
class UnderPrior:
    """A world's model with another prior."""

    world: MarkovWorld
    prior: AutoregressivePrior

    def infer(self, x):
        return self.world.infer(x)

    def generate(self, z, context: Any = None):
        return self.world.generate(z)

    def prior_law(self):
        return self.prior()


def prior_of(world, **sizes):
    torch.manual_seed(0)
    prior = AutoregressivePrior(world.positions, **sizes)
    prior.meet_posterior(Words(world.codebook, world.positions))
    return prior


def moved(prior, size=0.5):
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(size * torch.randn_like(parameter))
    return prior.double()


def set_to_the_chain(world):
    """A prior whose layers add nothing, and whose words are the rows of log T: the chain itself."""
    count = len(world.first)
    prior = prior_of(world, layers=1, width=count, heads=1).double()
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.zero_()
        prior.network.word.copy_(world.transition.log())
        prior.network.start.copy_(world.first.log())
        prior.network.head.weight.copy_(torch.eye(count))
    return prior


def all_codes(world):
    return torch.tensor(list(product(range(len(world.first)), repeat=world.positions)))


def test_it_begins_as_the_uniform_prior_and_its_probabilities_sum_to_one():
    world = MarkovWorld.random(0, codewords=3, positions=4)
    prior, codes = prior_of(world), all_codes(world)
    with torch.no_grad():
        torch.testing.assert_close(prior().log_prob_of(codes), torch.full((81,), -4 * math.log(3)).double())
        moved(prior)
        log_probs = prior().log_prob_of(codes)
        assert log_probs.std() > 0.5 and math.isclose(float(log_probs.exp().sum()), 1.0, abs_tol=1e-6)
        z = world.codebook.vectors[codes].flatten(1)
        assert torch.equal(prior().log_prob(z), log_probs)
        assert prior().log_prob(z + 0.5).isneginf().all()
        assert prior().log_prob(z.view(9, 9, 4)).shape == (9, 9)


def test_each_codeword_s_law_is_of_those_before_it_alone_and_of_all_of_them():
    world = MarkovWorld.random(0, codewords=5, positions=6)
    network = moved(prior_of(world, layers=2)).network
    before = torch.randint(5, (40, 6))
    with torch.no_grad():
        logits = network(before[:, :-1])
        for p in range(5):
            other = before.clone()
            other[:, p] = (other[:, p] + 1) % 5
            change = (network(other[:, :-1]) - logits).abs().amax((0, 2))
            assert (change[: p + 1] == 0).all() and (change[p + 1 :] > 1e-3).all()
            torch.testing.assert_close(network(before[:, :p])[:, -1], logits[:, p], rtol=1e-5, atol=1e-5)


def test_samples_come_as_often_as_it_says():
    world = MarkovWorld.random(0, codewords=3, positions=3)
    prior, count = moved(prior_of(world, layers=1, width=8)), 8_000
    with torch.no_grad():
        probs = prior().log_prob_of(all_codes(world)).exp()
    drawn = prior().sample((count,)).long() @ torch.tensor([9, 3, 1])
    often = torch.bincount(drawn, minlength=27) / count
    assert ((often - probs).abs() < 4.5 * (probs * (1 - probs) / count).sqrt() + 1e-9).all()
    assert prior().sample().shape == (3,)


@pytest.mark.parametrize("seed", range(3))
def test_set_to_the_chain_it_holds_the_total_correlation_and_no_marginal_kl_is_left(seed):
    world = MarkovWorld.random(seed, codewords=3, positions=4)
    account = tw.measure(UnderPrior(world, set_to_the_chain(world)), world.data(3000, seed))
    truth, uniform = world.truth(), world.positions * math.log(3)
    rate = account["rate"]
    assert rate.estimator == "closed form" and abs(rate.value - truth["index_code_mi"]) < 4 * rate.stderr
    assert rate.value < uniform - truth["total_correlation"]
    left = account["population_marginal_kl"]
    assert left.lower <= 1e-5 and left.interval[0] <= 1e-5 and left.value < 0.01
    assert account["marginal_kl"].value < 81 / 3000  # of the points, which half as much is their own
    whole = account["population_total_correlation"]
    assert whole.interval[0] - 0.02 < truth["total_correlation"] < whole.interval[1] + 0.02
    assert "dimension_wise_kl" not in account and "rate_by_dimension" not in account
    parts = account["index_code_mi"].value + account["marginal_kl"].value
    assert parts == pytest.approx(rate.value, abs=1e-9)


@pytest.mark.slow
def test_it_learns_the_chain():
    world = MarkovWorld.random(1, codewords=4, positions=6)
    prior = prior_of(world, layers=1, width=32)
    indices, adam = world.data(20_000).long(), torch.optim.Adam(prior.parameters(), 3e-3)
    for _ in range(600):
        rows = indices[torch.randint(len(indices), (256,))]
        adam.zero_grad()
        (-prior().log_prob_of(rows).mean()).backward()
        adam.step()
    account = tw.measure(UnderPrior(world, prior.double().requires_grad_(False)), world.data(5000, seed=1))
    truth = world.truth()
    assert truth["total_correlation"] > 0.5 and truth["marginal_kl"] > 1
    left = account["population_marginal_kl"]
    assert left.value < 0.03 + 4 * left.stderr
    assert abs(account["rate"].value - truth["index_code_mi"]) < 0.03 + 4 * account["rate"].stderr


def test_it_is_the_decoder_s_trained_saved_loaded_and_resumed(tmp_path):
    x = (torch.rand(200, 6) > 0.5).float()
    model = {"prior": "autoregressive", "prior_options": {"layers": 1, "width": 8}, "options": {"hidden": [8]}}
    given = {"data": x, "recipe": "vq-vae", "latent": 8, "shape": (4,), "progress": False}
    settings = {"model": model, "training": {"audit": False}}
    whole = tw.train(settings, epochs=2, out=tmp_path / "whole", **given)
    assert "rate" in whole.account and "dimension_wise_kl" not in whole.account
    tw.train(settings, epochs=1, out=tmp_path / "parts", **given)
    again = tw.train(settings, epochs=2, out=tmp_path / "parts", resume=True, **given)
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name
    loaded = VAE.from_pretrained(whole.folder.model_folder)
    z = loaded.prior_law().sample((5,))
    with torch.no_grad():
        assert torch.equal(loaded.prior_law().log_prob(z), whole.model.eval().prior_law().log_prob(z))
        assert loaded.prior.network.head.weight.abs().max() > 0
    assert loaded.sample(3).shape == (3, 6)


def test_the_encoder_has_no_gradient_through_it_and_the_prior_has():
    model = VAE.build((6,), 8, posterior="vector-quantized:5", prior="autoregressive", options={"hidden": [8]})
    draw = model.draw(torch.rand(9, 6).round())
    rate = tw.objectives.recipe("vq-vae").players[0].objective.parts[1].term(draw)
    rate.mean().backward()
    assert model.prior.network.head.bias.grad.abs().max() > 0
    assert all(weight.grad is None for weight in [*model.encoder.parameters(), *model.decoder.parameters()])


def test_a_block_of_codewords_has_it_and_what_is_none_is_refused():
    tokens = {"name": "tokens", "latent": 6, "posterior": "vector-quantized", "shape": [3], "prior": "autoregressive"}
    model = VAE.build((5,), code=[tokens, {"name": "style", "latent": 2}], options={"hidden": [8]}).eval()
    account = tw.measure(model, torch.rand(150, 5).round())
    assert account.by_dimension["rate_by_block"].value[0] == pytest.approx(3 * math.log(64), rel=1e-5)
    assert model.sample(2).shape == (2, 5)
    with pytest.raises(Refused, match=r"over codewords, and codes of the posterior 'categorical' are none.*posterior="):
        VAE.build((5,), 6, posterior="categorical", prior="autoregressive")
    with pytest.raises(Refused, match="a multiple of its heads; got 6 and 4"):
        VAE.build((5,), 6, posterior="finite-scalar", prior="autoregressive", prior_options={"width": 6})


def test_where_nothing_teaches_it_a_recipe_of_codewords_is_advised():
    model = VAE.build((6,), 8, posterior="vector-quantized:5", prior="autoregressive", options={"hidden": [8]})
    game = tw.objectives.recipe("wae-mmd")
    game.players[0].objective(model.draw(torch.rand(9, 6).round())).total.backward()
    said = diagnose_idle_weights(model, game)
    assert said.startswith("The prior learns") and "such as vq-vae or fsq." in said and "flow" not in said
