"""What the trained checks lean on, held to closed forms; and that a wrong critic or posterior would be seen."""

import pytest
import torch
from torch.distributions import Independent, Normal
from torch.distributions.kl import kl_divergence

from termwise.models import VAE
from termwise.objectives import distortion, link, rate
from termwise.terms import Critic, DensityRatio, MonteCarlo
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.references.moments import Reference
from termwise.training import Trainer
from termwise.verify import trained_critic
from termwise.verify.trained_game import (
    CODE_LINE,
    NOISES,
    distance,
    distance_of_best_normal,
    falling,
    log_posterior,
    play,
    two_sided,
)
from termwise.worlds import DiscreteWorld, implicit_world, random_world
from termwise.worlds.random_worlds import bernoulli


def best(world):
    """T* itself, as a critic."""
    law = world.infer(world.examples)[0]

    def logit(z, x):
        log_q = getattr(law, "hidden_log_prob", law.log_prob)(z.double().unsqueeze(1))  # (B, N)
        which = (x.double() @ torch.tensor([1.0, 2.0]).double()).long().unsqueeze(1)
        return log_q.gather(1, which).squeeze(1) - world.prior_law().log_prob(z.double())

    return logit


@pytest.mark.parametrize("make", [implicit_world, random_world])
def test_the_critic_s_statistics_are_perfect_for_the_best_critic_and_fail_for_wrong_ones(make):
    world = make(3, pixels=2)
    right = best(world)

    def residuals(critic):
        return [one.residual for one in trained_critic.ratio("kind", world, critic, 3)]

    assert max(residuals(right)) < 1e-4  # single precision
    log_q_alone = residuals(lambda z, x: right(z, x) + world.prior_law().log_prob(z.double()))
    without_x = residuals(lambda z, x: right(z, x.roll(1, 0)))
    for wrong in (log_q_alone, without_x):
        assert wrong[0] > trained_critic.CORRELATION_ERROR and wrong[2] > trained_critic.RESIDUAL_ERROR
    assert residuals(lambda z, x: 1.1 * right(z, x))[1] == pytest.approx(0.1, abs=1e-3)
    assert residuals(lambda z, x: right(z, x) + 0.2)[2] == pytest.approx(0.2, abs=1e-3)


def test_the_gradient_by_the_best_critic_is_the_rate_s_and_by_half_of_it_is_half():
    world = implicit_world(3, pixels=2)
    right = best(world)
    for factor, error in ((1.0, 0.0), (0.5, 0.5)):
        found = trained_critic.gradient_at_trained_critic(world, lambda z, x, f=factor: f * right(z, x))
        assert found.residual == pytest.approx(error, abs=1e-4)


def test_sixty_moves_of_a_critic_tell_most_of_the_ratio_and_of_its_gradient(monkeypatch):
    monkeypatch.setattr(trained_critic, "STEPS", 60)
    world = implicit_world(3, pixels=2)
    critic = trained_critic.trained(world, 3)
    assert trained_critic.ratio("kind", world, critic, 3)[0].residual < 0.3  # 1 - its correlation
    assert trained_critic.gradient_at_trained_critic(world, critic).residual < 0.7  # 2 of one with the other sign


def test_a_slope_that_is_not_zero_on_average_is_beyond_what_is_allowed():
    world = implicit_world(3, pixels=2)
    one = trained_critic.no_gradient(world, 3)
    assert one.passed and one.residual > 0.5  # the largest of 36 normal numbers
    assert 4 < one.allowed < 5.5


def still(mean, scale, slope):
    """A one-dimensional world with normal posteriors of these moments, and the true posterior of one slope."""
    return DiscreteWorld(
        examples=torch.tensor([[0.0], [1.0]]),
        encode=lambda x: Independent(Normal(mean.expand(len(x), 1), scale.expand(len(x), 1)), 1),
        decode=lambda z: bernoulli(slope * z),
        grid=CODE_LINE,
    )


def test_the_distance_is_the_kl_and_none_from_the_true_posterior():
    world = still(torch.tensor([0.4]).double(), torch.tensor([0.7]).double(), 0.0)  # p(z|x) = p(z)
    law, prior = world.infer(world.examples)[0], world.prior_law()
    assert distance(world, world.log_posterior).tolist() == pytest.approx(kl_divergence(law, prior).tolist(), abs=1e-6)
    assert distance(world, world.log_true_posterior).abs().max() < 1e-9


def test_the_best_normal_finds_a_normal_posterior_and_misses_two_modes():
    assert distance_of_best_normal(still(torch.zeros(1), torch.ones(1), 0.0)).abs().max() < 1e-6
    world = two_sided(5)
    means, scales = torch.linspace(-2, 2, 41).double(), torch.linspace(0.3, 1.5, 25).double()
    tried = torch.stack(
        [distance(world, Normal(m, s).log_prob(CODE_LINE.axis).expand(8, -1)) for m in means for s in scales]
    ).amin(0)
    found = distance_of_best_normal(world)
    assert (found <= tried + 1e-9).all() and (found > tried - 0.01).all() and found.max() > 0.25


@pytest.mark.parametrize("estimator", ["kl", "adaptive contrast"])
def test_fifty_rounds_bring_a_posterior_most_of_the_way_from_where_it_starts(monkeypatch, estimator):
    world, rounds, reference = two_sided(0), 50, Reference()
    options = {"moves": 4, "optimizer": falling(1e-2, rounds)}
    if estimator == "kl":
        objective = distortion() + rate(DensityRatio("kl", Critic((32, 32)), **options))
    else:
        near = AdaptiveContrast(reference, Critic((32, 32)), **options)
        objective = distortion() + link("posterior", reference, near) + link(reference, "prior", MonteCarlo())
    start = []

    def begin(trainer):
        start.append(float(world.weights @ distance(world, log_posterior(trainer.model, world, seed=0))))
        return played(trainer)

    played = Trainer.run
    monkeypatch.setattr(Trainer, "run", begin)
    head = {"noise": 8, "hidden": (32, 32), "sigma": 0.1}
    model = play(world, objective, "noise-input+normal", head, rounds, seed=0)
    assert float(world.weights @ distance(world, log_posterior(model, world, seed=0))) < start[0] / 4


def test_data_of_the_equilibrium_are_the_model_s_own():
    world = two_sided(5)
    assert torch.allclose(world.weights.log(), world.log_evidence)


def test_the_density_of_an_implicit_posterior_integrates_to_one_and_has_its_moments():
    world = two_sided(0)
    torch.manual_seed(0)
    model = VAE.build((3,), 1, posterior="noise-basis+normal", posterior_options={"sigma": 0.1, "start": 0.5})
    log_q = log_posterior(model, world, seed=0)
    assert world.grid.log_integral(log_q).abs().max() < 1e-6
    with torch.no_grad():
        law = model.encode(world.examples)
        exact, spread = law.mean.squeeze(1), law.variance.squeeze(1)
    mean = world.grid.mean(CODE_LINE.axis, log_q)
    variance = world.grid.mean(CODE_LINE.axis.square(), log_q) - mean.square()
    assert ((mean - exact).abs() < 4.5 * (spread / NOISES).sqrt()).all()
    assert ((variance / spread).log().abs() < 4.5 * (2 / NOISES) ** 0.5 * 1.5).all()  # tails no heavier than a normal's


def test_what_lies_far_out_is_kept_on_the_grid_and_far_from_the_true_posterior():
    world = two_sided(0)
    model = VAE.build((3,), 1, posterior="noise-input+normal", posterior_options={"noise": 2, "sigma": 0.1})
    with torch.no_grad():
        model.family.inner.head.layers[-1].bias.fill_(100.0)
    log_q = log_posterior(model, world, seed=0)
    assert world.grid.log_integral(log_q).abs().max() < 1e-6 and distance(world, log_q).min() > 5
