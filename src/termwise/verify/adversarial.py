"""Adversarial variational Bayes at its non-parametric optimum, where T* is known: (7) to (11), Propositions 1 and 2.

The posteriors are implicit, and their density is known to the world alone. `trained_critic` and `trained_game` hold
critics and players that had to learn against worlds of the same kind.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from termwise.verify import noise
from termwise.verify.check import Check, check
from termwise.worlds import DiscreteWorld, TriangularMap, implicit_world, random_world

WIDEST = 60.0
"""The logits that a critic is searched in."""


def checks(seed: int) -> list[Check]:
    """The checks of the two-player game, and of Propositions 1 and 2."""
    world = implicit_world(seed)
    return [
        critic(world),
        f_divergence(seed),
        elbo_by_critic(world),
        limited_critic(world),
        *no_gradient_through_critic(world),
        gradient_at_fixed_critic(world),
    ]


def implicit_law(world: DiscreteWorld) -> TriangularMap:
    """q(z|x_n) of every example."""
    law = world.infer(world.examples)[0]
    assert isinstance(law, TriangularMap)
    return law


def fixed_law(world: DiscreteWorld) -> TriangularMap:
    """q(z|x_n) of every example as a constant, which no gradient reaches: what the best critic knows."""
    return TriangularMap(*(part.detach() for part in implicit_law(world).parameters))


def movable(world: DiscreteWorld) -> tuple[DiscreteWorld, list[Tensor]]:
    """The same world, and the parameters phi of its implicit posteriors, which can be differentiated by."""
    phi = [part.clone().requires_grad_() for part in implicit_law(world).parameters]
    return replace(world, encode=lambda x: TriangularMap(*phi)), phi


def gradient(value: Tensor, phi: list[Tensor]) -> Tensor:
    """d value / d phi, all in one row; zero where there is no dependence."""
    parts = torch.autograd.grad(value, phi, allow_unused=True, retain_graph=True)
    filled = [torch.zeros_like(p) if g is None else g for p, g in zip(phi, parts, strict=True)]
    return torch.cat([one.flatten() for one in filled])


def optimum(rises: Tensor, falls: Tensor, second_of_critic: bool = False) -> Tensor:
    """Where a log sigma(T) + b log(1 - sigma(T)) is highest in [-60, 60], by bisection of its slope in T.

    Args:
        rises: a.
        falls: b.
        second_of_critic: Whether the second log is of sigma(T), as (A.1) prints it.
    """
    low, high = torch.full_like(rises, -WIDEST), torch.full_like(rises, WIDEST)
    for _ in range(80):
        middle = 0.5 * (low + high)
        up, down = torch.sigmoid(-middle), torch.sigmoid(middle)
        slope = rises * up + falls * up if second_of_critic else rises * up - falls * down
        low, high = torch.where(slope > 0, middle, low), torch.where(slope > 0, high, middle)
    return low


def critic(world: DiscreteWorld) -> Check:
    """(7), (8), (A.1): the best critic at every node, found without knowing what it should be."""
    truth = world.log_posterior - world.log_prior
    within = truth.abs() < WIDEST / 2
    q, p = world.log_posterior[within].exp(), world.log_prior.expand_as(truth)[within].exp()
    return check(
        "critic-optimum",
        "(7), (8), (A.1)",
        "the best T is log q(z|x) - log p(z), for every x and z; printed: (A.1) has log sigma(T) twice",
        truth[within],
        optimum(q, p),
        printed=optimum(q, p, second_of_critic=True),
        note="allowed: quadrature's, though this is a bisection; as printed T runs off without bound",
    )


def f_divergence(seed: int) -> Check:
    """The density ratio e^T in the f-divergence of f(r) = r log r."""
    world = random_world(seed)
    critic_logit = world.log_posterior - world.log_prior
    return check(
        "f-divergence",
        "f-divergence",
        "int f(r) p dz = KL(q || p), f(r) = r log r, r = sigma(T) / (1 - sigma(T)) at the best T",
        noise.closed_rate(world),
        world.grid.mean(critic_logit.exp() * critic_logit, world.log_prior),
    )


def elbo_by_critic(world: DiscreteWorld) -> Check:
    """(9), by the noise: what the game needs is samples and T alone."""
    z = noise.codes(world)
    return check(
        "elbo-by-critic",
        "(9)",
        "ELBO = E_e[-T*(x, z(x,e)) + log p(x|z(x,e))], for every x",
        world.elbo(),
        noise.expectation(-best_critic(world, z) + noise.log_decoded(world, z)),
    )


def limited_critic(world: DiscreteWorld) -> Check:
    """The best critic that is affine in z, by ascent of (7): what it plays is not the ELBO."""
    z = noise.codes(world)
    posterior, prior = (
        F.pad(z, (1, 0), value=1.0),
        F.pad(noise.NOISE.nodes, (1, 0), value=1.0),
    )  # the prior is the noise's
    slope = torch.zeros(z.shape[1], 3, dtype=torch.float64, requires_grad=True)
    ascent = torch.optim.LBFGS([slope], max_iter=30, line_search_fn="strong_wolfe")

    def affine(features: Tensor) -> Tensor:
        return (slope * features).sum(-1).T  # (N, G)

    def loss() -> float:
        ascent.zero_grad()
        value = noise.expectation(F.softplus(-affine(posterior)) + F.softplus(affine(prior.unsqueeze(1)))).sum()
        value.backward()
        return value.item()

    ascent.step(loss)
    decoded = noise.log_decoded(world, z)
    return check(
        "critic-unlimited",
        "Propositions 1 to 3, what they need",
        "ELBO = E_q[-T + log p(x|z)] with the best of all T; printed: by the best affine one, as if any would do",
        world.elbo(),
        noise.expectation(decoded - best_critic(world, z)),
        printed=noise.expectation(decoded - affine(posterior)),
    )


def best_critic(world: DiscreteWorld, z: Tensor) -> Tensor:
    """T*(x_n, z) of codes, shape (G, N, 2): shape (N, G); its parameters are constants."""
    return (fixed_law(world).hidden_log_prob(z) - world.prior_law().log_prob(z)).T


def no_gradient_through_critic(world: DiscreteWorld) -> list[Check]:
    """Proposition 2: at fixed z the gradient of T* vanishes on average over q(z|x), not for every z, nor over q(z)."""
    moving, phi = movable(world)
    log_q, fixed = moving.log_posterior, moving.log_posterior.detach()
    average = gradient(world.grid.mean(log_q, fixed).sum(), phi)
    zero = torch.zeros_like(average)
    at_one_node = gradient(log_q[:, len(world.grid.nodes) // 2].sum(), phi)
    over_aggregate = gradient(world.grid.mean(log_q, world.log_aggregate).sum(), phi)
    return [
        check(
            "critic-gradient",
            "Proposition 2, (A.4)",
            "E_q(z|x)[grad_phi T*] = 0, for every x; printed: grad_phi T* = 0 inside the expectation",
            zero,
            average,
            printed=at_one_node,
        ),
        check(
            "critic-gradient-proof",
            "Proposition 2, proof",
            "the average is over q(z|x); printed: over q(z)",
            zero,
            average,
            printed=over_aggregate,
        ),
    ]


def gradient_at_fixed_critic(world: DiscreteWorld) -> Check:
    """(10): the gradient that the game follows is the ELBO's own."""
    moving, phi = movable(world)
    z = noise.codes(moving)
    played = noise.expectation(-best_critic(moving, z) + noise.log_decoded(moving, z)).sum()
    return check(
        "gradient-at-fixed-critic",
        "(10)",
        "grad_phi ELBO = grad_phi E_e[-T*(x, z_phi) + log p(x|z_phi)], T*'s parameters fixed",
        gradient(moving.elbo().sum(), phi),
        gradient(played, phi),
    )
