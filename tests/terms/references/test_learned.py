"""References that are learned: the density of each, who moves it, and how near it comes to a known posterior."""

import copy
import math
from functools import cache

import pytest
import torch
from torch.distributions import MultivariateNormal

from termwise.errors import Refused, UnknownName
from termwise.models import VAE
from termwise.models.draw import Draw
from termwise.objectives import distortion, link, solo
from termwise.terms import Critic, Link, MonteCarlo
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.laws import PosteriorLaw
from termwise.terms.link import by_example
from termwise.terms.references.learned import REFERENCE_FAMILIES, LearnedReference, MixtureOfNormals
from termwise.worlds import implicit_world

D, B = 3, 6
PLAYER = "reference of posterior"


def log_normal(z, mean, log_scale):
    return (-0.5 * ((z - mean) / log_scale.exp()).square() - log_scale - 0.5 * math.log(2 * math.pi)).sum(-1)


def by_hand(family, network, x, z):
    """log r(z|x), written out; the flow's by its base and the Jacobian of its map."""
    features = network.body(x)
    if family == "normal":
        return log_normal(z, *(features / torch.tensor([1.0] * D + [2.0] * D)).chunk(2, 1))
    if family == "full-normal":
        factor = torch.diag_embed(features[:, D : 2 * D].exp())
        factor[:, [1, 2, 2], [0, 0, 1]] = features[:, 2 * D :]
        return MultivariateNormal(features[:, :D], factor @ factor.mT).log_prob(z)
    if family == "mixture":
        k = network.family.components
        parts = features[:, k:].view(len(z), k, 2 * D)
        each = log_normal(z.unsqueeze(1), network.family.start + parts[..., :D], parts[..., D:])
        return torch.logsumexp(features[:, :k].log_softmax(1) + each, 1)
    u, jacobian = (by(lambda codes: network(x).base(codes)[0]) for by in (lambda f: f(z), lambda f: jacobians(f, z)))
    return log_normal(u, torch.zeros(()), torch.zeros(())) + torch.linalg.slogdet(jacobian)[1]


def jacobians(f, z):
    full = torch.autograd.functional.jacobian(f, z, create_graph=True)  # (B, D, B, D)
    return full.diagonal(dim1=0, dim2=2).movedim(-1, 0)


class Seated:
    """A model, a learned reference with random weights beside its critic, and a draw, all in float64."""

    def __init__(self, family):
        torch.manual_seed(5)
        self.model = VAE.build((5,), D, posterior="noise-input", options={"hidden": [7]}).double()
        self.reference = LearnedReference(family, (8,))
        near = AdaptiveContrast(self.reference, Critic((9,), "softplus"))
        walk = (link("posterior", self.reference, near), link(self.reference, "prior", MonteCarlo()))
        self.game = solo(distortion() + walk[0] + walk[1])
        self.draw = Draw(self.model, torch.rand(B, 5, dtype=torch.float64).round())
        self.game.build(self.draw)
        self.network, self.critic = self.game.networks[PLAYER].double(), near.critic.double()
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        self.players = {player.name: player for player in self.game.players}

    def gradients(self):
        parts = {"model": self.model, "reference": self.network, "critic": self.critic}
        return {name: [parameter.grad for parameter in part.parameters()] for name, part in parts.items()}


@pytest.fixture(params=REFERENCE_FAMILIES)
def family(request):
    return request.param


def test_its_player_gets_the_gradient_of_the_written_formula_and_no_other_gets_any(family):
    seated = Seated(family)
    move = seated.players[PLAYER].objective(seated.draw)
    move.total.backward()
    found = seated.gradients()
    written = -by_hand(family, seated.network, seated.draw.x, seated.draw.z.detach()).mean()
    torch.testing.assert_close(move.total.detach(), written.detach())
    wanted = torch.autograd.grad(written, list(seated.network.parameters()))
    for one, other in zip(found["reference"], wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-10)
    assert max(float(one.abs().max()) for one in wanted) > 1e-3
    assert found["model"] == [None] * len(found["model"]) and found["critic"] == [None] * len(found["critic"])


def test_the_autoencoder_gets_the_gradient_of_the_written_formula_and_the_reference_none(family):
    """E[T(x, z_bar) + log r(z|x) - log p(z) - log p(x|z)], of which r's and T's parameters are constants."""
    seated = Seated(family)
    seated.players["autoencoder"].objective(seated.draw).total.backward(retain_graph=True)
    found = seated.gradients()
    assert found["reference"] == [None] * len(found["reference"])
    assert found["critic"] == [None] * len(found["critic"])

    draw, z = seated.draw, seated.draw.z
    network = copy.deepcopy(seated.network).requires_grad_(False)
    law = network(draw.x)
    if family == "full-normal":
        bar = torch.linalg.solve(law.scale_tril, (z - law.mean).unsqueeze(-1)).squeeze(-1)
    else:
        bar = law.base(z)[0] if family == "flow" else (z - law.mean) / law.variance.sqrt()
    logit = seated.critic.body(torch.cat([draw.x, bar], 1)).squeeze(1)
    log_r, log_p = by_hand(family, network, draw.x, z), -0.5 * z.square().sum(1)
    written = (logit + log_r - log_p - draw.likelihood.log_prob(draw.x)).mean()
    wanted = torch.autograd.grad(written, list(seated.model.parameters()))
    for one, other in zip(found["model"], wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-10)


def test_the_critic_learns_from_codes_of_both_laws_and_the_reference_stands_still(family):
    seated = Seated(family)
    critic = seated.players["critic of reference kl"]
    critic.objective(seated.draw).total.backward()
    found = seated.gradients()
    near = seated.players["autoencoder"].objective.parts[1].term
    left, right = near.estimator.samples(near.left, near.right, seated.draw)
    x, bars = seated.draw.x, [seated.reference.standardised(z.detach(), seated.draw) for z in (left, right)]
    logits = [seated.critic.body(torch.cat([x, bar], 1)) for bar in bars]
    written = -(torch.sigmoid(logits[0]).log() + torch.sigmoid(-logits[1]).log()).mean()
    for one, other in zip(found["critic"], torch.autograd.grad(written, list(seated.critic.parameters())), strict=True):
        torch.testing.assert_close(one, other)
    assert found["model"] == [None] * len(found["model"]) and found["reference"] == [None] * len(found["reference"])


def test_the_reference_is_seated_by_its_name_and_moves_before_the_critic():
    seated = Seated("normal")
    names = [PLAYER, "critic of reference kl", "autoencoder"]
    assert [player.name for player in seated.game.turns] == names
    assert [part.term.name for part in seated.players[PLAYER].objective.parts] == ["reference_cross_entropy"]
    near = AdaptiveContrast(LearnedReference(moves=3), optimizer={"learning_rate": 0.02})
    first, critic = near.adversaries("reference_kl", PosteriorLaw(), near.reference)
    assert (first.moves, first.optimizer, critic.moves) == (3, {"learning_rate": 0.02}, 1)
    own = LearnedReference(optimizer={"learning_rate": 0.5}).adversary({"learning_rate": 0.02})
    assert own.optimizer == {"learning_rate": 0.5}


def test_the_walk_by_way_of_it_is_the_rate_whatever_it_has_learnt(family):
    """Of a posterior with a density, link by link; the links' sum telescopes."""
    torch.manual_seed(0)
    draw = Draw(VAE.build((5,), D, options={"hidden": [7]}), torch.rand(B, 5))
    reference = LearnedReference(family)
    reference.network.build(draw)
    walk = Link("posterior", reference, MonteCarlo()), Link(reference, "prior", MonteCarlo())
    total = sum(by_example(one(draw)) for one in walk)
    torch.testing.assert_close(total, by_example(Link("posterior", "prior", MonteCarlo())(draw)), rtol=0, atol=1e-4)
    assert by_example(walk[0](draw)).abs().max() > 0.1


def test_a_mixtures_coordinates_are_its_mean_and_its_scale():
    torch.manual_seed(0)
    draw = Draw(VAE.build((5,), D, options={"hidden": [7]}), torch.rand(4, 5))
    reference = LearnedReference("mixture", components=4)
    reference.network.build(draw)
    z = reference.distribution(draw).sample((40_000,))
    bar = torch.stack([reference.standardised(one, draw) for one in z[:1]])
    torch.testing.assert_close(bar[0], (z[0] - z.mean(0)) / z.std(0), rtol=0, atol=0.06)


WORLD = implicit_world(0)
STEPS = 300


@cache
def gap(name):
    """KL(q || r) averaged over x, by codes of q and its hidden density, of a reference after it has learned."""
    x = WORLD.examples.double()
    torch.manual_seed(0)
    learner = LearnedReference(name, (32,)).adversary()
    learner.build(Draw(WORLD, x))
    learner.network.double()
    adam = torch.optim.Adam(learner.network.parameters(), lr=0.01, fused=True)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    ((_, fit),) = learner.terms
    for _ in range(STEPS):
        adam.zero_grad()
        fit(Draw(WORLD, x.repeat(10, 1))).mean().backward()
        adam.step()
        falling.step()
    with torch.no_grad():
        posterior = WORLD.infer(x)[0]
        z = posterior.rsample((500,))  # (500, N, 2)
        return float((posterior.hidden_log_prob(z) - learner.network(x).log_prob(z)).mean())


@pytest.mark.slow
def test_the_richer_a_reference_the_nearer_it_comes_to_a_skewed_and_bent_posterior():
    """The standard error of each is about 0.004."""
    assert gap("full-normal") < gap("normal") - 0.02
    assert -0.01 < gap("mixture") < gap("full-normal")
    assert -0.01 < gap("flow") < 0.6 * gap("full-normal")


def test_a_learned_normal_has_the_posteriors_moments():
    """Its gap is that of the normal with q's own mean and variances, which no normal undercuts."""
    torch.manual_seed(1)
    posterior = WORLD.infer(WORLD.examples.double())[0]
    z = posterior.rsample((20_000,))
    best = log_normal(z, z.mean(0), z.std(0).log())
    assert gap("normal") == pytest.approx(float((posterior.hidden_log_prob(z) - best).mean()), abs=0.03)


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda: LearnedReference("nromal"), UnknownName, "Did you mean 'normal'"),
        (lambda: LearnedReference(components=3), Refused, "'normal' cannot be built with options"),
        (lambda: LearnedReference("mixture", components=1), Refused, "2 components or more; got 1"),
        (lambda: LearnedReference("flow", bins=1), Refused, "from 2 to 100 bins"),
        (lambda: LearnedReference(moves=0), Refused, "moves=0"),
        (lambda: LearnedReference().network(torch.zeros(2, 5)), Refused, "no network yet"),
        (lambda: MixtureOfNormals(2, 0), Refused, "2 components or more"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(make, error, reason):
    with pytest.raises(error, match=reason):
        make()
