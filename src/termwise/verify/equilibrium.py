"""Proposition 3: what holds where neither player can do better; (A.5) to (A.7)."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from termwise.verify import noise
from termwise.verify.adversarial import best_critic
from termwise.verify.check import CLOSED_FORM, Check, check
from termwise.worlds import Grid, LinearGaussian, implicit_world
from termwise.worlds.random_worlds import SeededRandom


def checks(seed: int) -> list[Check]:
    """The critic at the equilibrium, and two lines of the proof."""
    return [equilibrium(seed), best_response(seed), not_strict()]


def equilibrium(seed: int) -> Check:
    """Proposition 3 where p(z|x) is known in closed form, and the data's law is not the model's."""
    world = LinearGaussian.random(seed, latent=2, dimension=4)
    best = LinearGaussian.probabilistic_pca(world.mean, world.covariance, latent=2)
    x = best.data(200, seed).double()
    z = SeededRandom(seed).normal(200, 2)
    decoded = best.generate(z).log_prob(x)
    return check(
        "equilibrium-critic",
        "Proposition 3",
        "q = p(z|x) gives T* = log p(x,z) / (p_theta(x) p(z)), for every x and z; printed: p(x), which is the data's",
        best.infer(x)[0].log_prob(z) - best.prior_law().log_prob(z),
        decoded - best.log_likelihood(x),
        printed=decoded - MultivariateNormal(best.mean, best.covariance).log_prob(x),
        allowed=CLOSED_FORM,
        note="allowed: rounding",
    )


def best_response(seed: int) -> Check:
    """(A.6) and (A.7): with T* of one posterior held fixed, another one is worth its ELBO and its distance."""
    mine, other = implicit_world(seed), implicit_world(seed + 1)
    challenger = replace(mine, encode=other.encode)
    z = noise.codes(challenger)
    value = noise.expectation(-best_critic(mine, z) + noise.log_decoded(challenger, z))
    q = challenger.log_posterior
    return check(
        "best-response",
        "(A.6), (A.7)",
        "E_q'[log p(x|z) + log p(z) - log q*(z|x)] = ELBO(q') + KL(q' || q*), for every x",
        value,
        challenger.elbo() + challenger.grid.mean(q - mine.log_posterior, q),
    )


def not_strict() -> Check:
    """Two parameters of one law: a mixture with its components exchanged. The KL of the proof can be zero.

    Held component by component, which is what the parameters say, the KL is above 0, in closed form: they differ.
    """
    order = torch.tensor([1, 0])
    mean = torch.tensor([[-1.0, 0.0], [1.0, 0.5]], dtype=torch.float64)
    share = torch.tensor([0.3, 0.7], dtype=torch.float64)

    width = 0.5

    def law(mean: Tensor, share: Tensor) -> MixtureSameFamily:
        return MixtureSameFamily(Categorical(share), Independent(Normal(mean, torch.full_like(mean, width)), 1))

    apart = (mean - mean[order]).square().sum(1) / (2 * width**2)
    by_component = share @ ((share / share[order]).log() + apart)

    grid = Grid()
    p, q = law(mean, share).log_prob(grid.nodes), law(mean[order], share[order]).log_prob(grid.nodes)
    return check(
        "best-response-not-strict",
        "Proposition 3, proof",
        "phi' != phi* with KL(q_phi' || q_phi*) = 0: the proof may say >= 0, and needs no more; printed: > 0, as it is "
        "by component",
        0.0,
        grid.mean(p - q, p),
        printed=by_component,
        note="allowed: quadrature; the components of a mixture exchanged",
    )
