"""Adaptive contrast: (12), (13), Algorithm 2 with exact densities, and the moments of a noise basis.

z_bar = (z - mu) / sigma with mu, sigma the moments of q(z|x); T*(x, z_bar) = log q_bar(z_bar|x) - log N(z_bar; 0, I).
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from termwise.models.draw import Draw
from termwise.terms.references.moments import Reference
from termwise.verify import noise
from termwise.verify.adversarial import fixed_law, gradient, implicit_law, movable
from termwise.verify.check import CLOSED_FORM, Check, check
from termwise.worlds import DiscreteWorld, Grid, implicit_world, random_world
from termwise.worlds.random_worlds import SeededRandom


def checks(seed: int) -> list[Check]:
    """The checks of the reference r, of Algorithm 2's step 11 and of the noise basis."""
    world = implicit_world(seed)
    return [reference(world), *algorithm(world), *library_reference(seed), noise_basis()]


def moments_by_noise(z: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the noise of codes, shape (G, N, 2): each (N, 2), with their gradient."""
    mean = noise.expectation(z.movedim(0, -1))
    variance = noise.expectation((z - mean).square().movedim(0, -1))
    return mean, variance.sqrt()


def reference(world: DiscreteWorld) -> Check:
    """(12), (13), r normal with the moments of q: T* = log q - log r is played by the noise, the ELBO on the grid."""
    z = noise.codes(world)
    mean, scale = moments_by_noise(z)
    r = Independent(Normal(mean, scale), 1)
    critic = (implicit_law(world).hidden_log_prob(z) - r.log_prob(z)).T
    rest = noise.log_decoded(world, z) + (world.prior_law().log_prob(z) - r.log_prob(z)).T
    return check(
        "elbo-by-reference",
        "(12), (13)",
        "ELBO = E_e[-T* + log p(x|z) + log p(z) - log r(z|x)], T* = log q - log r, for every x",
        world.elbo(),
        noise.expectation(rest - critic),
    )


def algorithm(world: DiscreteWorld) -> list[Check]:
    """Step 11: which of its forms has the ELBO's gradient; and the ELBO's value, less (D/2) log 2 pi.

    The mean of |z_bar|^2 is D, whatever phi is, so that no gradient sees what becomes of it: the value does.
    """
    moving, phi = movable(world)
    z = noise.codes(moving)
    mean, scale = moments_by_noise(z)
    code = (z - mean) / scale
    still = (z - mean.detach()) / scale.detach()
    log_det = scale.log().sum(1)
    decoded = noise.log_decoded(moving, z)
    log_prior = moving.prior_law().log_prob
    fixed, centre, unit = fixed_law(moving), mean.detach(), scale.detach()

    def normalised(code: Tensor) -> Tensor:
        """-T*(x, z_bar) + 1/2 |z_bar|^2, up to a constant, T*'s parameters fixed: shape (N, G)."""
        log_q_bar = fixed.hidden_log_prob(centre + unit * code) + unit.log().sum(1)
        critic = log_q_bar - Normal(0.0, 1.0).log_prob(code).sum(-1)
        return (-critic + 0.5 * code.square().sum(-1)).T

    def gradient_of(value: Tensor, log_scale: Tensor | float) -> Tensor:
        return gradient((noise.expectation(value) + log_scale).sum(), phi)

    def step(value: Tensor, log_scale: Tensor | float) -> Tensor:
        """The gradient, and the value of every example."""
        values = noise.expectation(value) + log_scale + 0.5 * z.shape[-1] * math.log(2 * math.pi)
        return torch.cat([gradient_of(value, log_scale), values])

    prior, elbo = log_prior(z).T, moving.elbo()
    slope = gradient(elbo.sum(), phi)
    truth = torch.cat([slope, elbo])
    corrected = step(normalised(code) + decoded + prior, log_det)
    return [
        check(
            "algorithm-2-step-11",
            "Algorithm 2, step 11",
            "-T + log p(x|z) + |z_bar|^2/2 + sum_j log sigma_j + log p(z), its value and its gradient; printed: log "
            "p(z_bar), no sum",
            truth,
            corrected,
            printed=step(normalised(code) + decoded + log_prior(code).T, 0.0),
        ),
        check(
            "algorithm-2-log-sigma",
            "Algorithm 2, step 11",
            "without the sum where mu and sigma carry no gradient; printed: without it where they do",
            slope,
            gradient_of(normalised(still) + decoded + prior, 0.0),
            printed=gradient_of(normalised(code) + decoded + prior, 0.0),
        ),
        check(
            "algorithm-2-prior",
            "Algorithm 2, step 11",
            "log p at the un-normalised z; printed: at z_bar",
            truth,
            corrected,
            printed=step(normalised(code) + decoded + log_prior(code).T, log_det),
        ),
        check(
            "algorithm-2-phi",
            "Algorithm 2, step 11",
            "z_bar carries phi, inside of T too; printed: z_bar of theta, which phi does not move",
            truth,
            corrected,
            printed=step(normalised(code.detach()) + decoded + prior, log_det),
        ),
    ]


def library_reference(seed: int) -> list[Check]:
    """`Reference` itself, of normal posteriors, whose moments are their parameters: the gradient of either form."""
    law = random_world(seed).infer(random_world(seed).examples)[0]
    mean, scale = phi = [part.clone().requires_grad_() for part in (law.mean, law.stddev)]
    world = replace(random_world(seed), encode=lambda x: Independent(Normal(mean, scale), 1))
    draw, noises = Draw(world, world.examples), SeededRandom(seed).normal(*law.mean.shape)

    def slope(fixed: bool, z: Tensor) -> Tensor:
        return gradient(Reference(fixed=fixed).log_prob(z, draw).sum(), phi)

    code = mean + scale * noises
    return [
        check(
            "algorithm-2-reference-moving",
            "Algorithm 2, step 11",
            "grad log r(z|x) = -grad sum_j log sigma_j at every code, by Reference(fixed=False)",
            -gradient(scale.log().sum(), phi),
            slope(fixed=False, z=code),
            allowed=CLOSED_FORM,
            note="allowed: rounding",
            own_terms=True,
        ),
        check(
            "algorithm-2-reference-fixed",
            "Algorithm 2, step 11",
            "grad log r(z|x) = -(z - mu) / sigma^2 grad z at every code, by Reference(fixed=True)",
            torch.cat([(-noises / scale).flatten(), (-noises.square() / scale).flatten()]),
            slope(fixed=True, z=code),
            allowed=CLOSED_FORM,
            note="allowed: rounding",
            own_terms=True,
        ),
    ]


def noise_basis() -> Check:
    """z = sum_i v_i(e_i) a_i with v_1 = tanh e + e^2/4, v_2 = e + e^3/5: its variance, on the grid of both."""
    amount = torch.tensor([0.7, 0.2], dtype=torch.float64)
    line = Grid(noise.NOISE.reach, noise.NOISE.step, dimension=1)

    def basis(e: Tensor) -> Tensor:
        first, second = e.unbind(-1)
        return torch.stack([torch.tanh(first) + 0.25 * first.square(), second + 0.2 * second.pow(3)], dim=-1)

    values = basis(line.axis.unsqueeze(1).expand(-1, 2)).T
    log_weights = Normal(0.0, 1.0).log_prob(line.axis)
    variance = line.mean(values.square(), log_weights) - line.mean(values, log_weights).square()
    z = basis(noise.NOISE.nodes) @ amount
    return check(
        "noise-basis-variance",
        "noise basis",
        "Var z = sum_i Var[v_i] a_i^2; printed: a_i, not squared",
        noise.expectation(z.square()) - noise.expectation(z).square(),
        variance @ amount.square(),
        printed=variance @ amount,
    )
