"""Equations (1) to (4): the gap, the two terms, and the rate's walk from the posterior to the prior."""

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from termwise.verify import noise
from termwise.verify.check import CLOSED_FORM, Check, check
from termwise.worlds import DiscreteWorld, Grid, LinearGaussian, bimodal_world, random_world

PRIOR_CORRELATION = 0.6
"""Of the two dimensions of a prior that is no product."""


def checks(seed: int) -> list[Check]:
    """The checks of equations (1) to (4)."""
    world = random_world(seed)
    return [
        *evidence(seed, world),
        *closed_forms(seed),
        elbo_by_terms(world),
        mutual_information(world),
        disentangled(world),
        grouped(seed),
        dependent_prior(seed),
    ]


def evidence(seed: int, smooth: DiscreteWorld) -> list[Check]:
    """(1), for every x: the ELBO by the noise and a closed form, the gap by the true posterior on the grid."""
    checks_of_worlds = []
    for name, world in (("evidence", smooth), ("evidence-bimodal", bimodal_world(seed))):
        elbo = -(noise.distortion_by_noise(world) + noise.closed_rate(world))
        q = world.log_posterior
        gap = world.grid.mean(q - world.log_true_posterior, q)
        statement = "-log p(x) = L(x) - KL(q(z|x) || p(z|x)), for every x"
        checks_of_worlds.append(check(name, "(1)", statement, -world.log_evidence, -elbo - gap))
    return checks_of_worlds


def closed_forms(seed: int) -> list[Check]:
    """(1) where all is Gaussian; and where the gap is none."""
    world = LinearGaussian.random(seed, latent=3, dimension=5, diagonal=False)
    truth = world.truth()
    gaussian = check(
        "evidence-gaussian",
        "(1)",
        "log p(x) - ELBO = KL(q || p(z|x)), averaged over x, in closed form",
        truth["log_likelihood"] - truth["elbo"],
        gap_in_closed_form(world),
        allowed=CLOSED_FORM,
        note="allowed: rounding",
    )
    best = LinearGaussian.probabilistic_pca(world.mean, world.covariance, latent=3).truth()
    optimum = check(
        "evidence-optimum",
        "(1)",
        "ELBO = log p(x) at the optimum of probabilistic PCA, where q(z) = p(z)",
        best["elbo"] - best["marginal_kl"],
        best["log_likelihood"],
        allowed=CLOSED_FORM,
        note="allowed: rounding",
    )
    return [gaussian, optimum]


def gap_in_closed_form(world: LinearGaussian) -> float:
    """E_x KL(N(V x + c, S) || p(z|x)), p(z|x) = N(M^-1 W' (x - b), s^2 M^-1), M = W' W + s^2 I."""
    W, s2 = world.decoder, world.sigma**2
    precision = W.T @ W / s2 + torch.eye(W.shape[1], dtype=torch.float64)  # M / s^2
    exact = torch.linalg.solve(precision, W.T) / s2
    slope = world.encoder - exact
    bias = slope @ world.mean + world.offset + exact @ world.decoder_offset
    moment = slope @ world.covariance @ slope.T + torch.outer(bias, bias) + world.posterior_covariance
    log_det = torch.logdet(precision) + torch.logdet(world.posterior_covariance)
    return 0.5 * float((precision @ moment).trace() - len(W.T) - log_det)


def elbo_by_terms(world: DiscreteWorld) -> Check:
    """(2): the negative ELBO is the distortion and the rate, for every x."""
    return check(
        "elbo",
        "(2)",
        "-E_q[log p(x,z) - log q(z|x)] = distortion + rate, for every x",
        -world.elbo(),
        noise.distortion_by_noise(world) + noise.closed_rate(world),
    )


def mutual_information(world: DiscreteWorld) -> Check:
    """(3): I(x;z) as the information that z gives of the index; the second log of the proof is log q(z)/p(z)."""
    index = world.log_posterior + world.weights.log().unsqueeze(1) - world.log_aggregate  # log q(x|z)
    entropy = -world.weights @ world.weights.log()
    left_open = -world.grid.mean((index.exp() * index).sum(0), world.log_aggregate)  # H(x|z)
    information = entropy - left_open
    marginal = world.grid.mean(world.log_aggregate - world.log_prior, world.log_aggregate)
    zero = world.grid.mean(world.log_aggregate - world.log_aggregate, world.log_aggregate)
    return check(
        "mutual-information",
        "(3), and line 2 of its proof",
        "rate = I(x;z) + KL(q(z) || p(z)); printed: the second log is log q(z)/q(z)",
        world.weights @ noise.closed_rate(world),
        information + marginal,
        printed=information + zero,
    )


def disentangled(world: DiscreteWorld) -> Check:
    """(4), the marginals as mixtures of one-dimensional normals."""
    marginals = noise.closed_marginals(world)
    grid, q = world.grid, world.log_aggregate
    return check(
        "disentangled",
        "(4)",
        "KL(q(z) || p(z)) = TC + sum_j KL(q(z_j) || p(z_j)), the prior a product",
        grid.mean(q - world.log_prior, q),
        grid.mean(q - grid.product(marginals), q) + dimension_wise(grid, marginals),
    )


def grouped(seed: int) -> Check:
    """(4) by way of the groups: what two pairs of dimensions share, and what each pair shares within."""
    groups = [[0, 3], [1, 2]]
    world = LinearGaussian.random(seed, latent=4, diagonal=False)
    whole = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    blocks = torch.zeros_like(whole)
    for group in groups:
        blocks[torch.tensor(group).unsqueeze(1), group] = whole[group][:, group]
    zero = torch.zeros(4, dtype=torch.float64)
    aggregate, product, marginals = (
        MultivariateNormal(zero, covariance) for covariance in (whole, blocks, whole.diagonal().diag())
    )
    return check(
        "groups",
        "(4), with one stop more",
        "TC = KL(q(z) || prod_g q(z_g)) + sum_g KL(q(z_g) || prod_(j in g) q(z_j)), in closed form",
        world.truth(groups)["total_correlation"],
        float(kl_divergence(aggregate, product) + kl_divergence(product, marginals)),
        allowed=CLOSED_FORM,
        note="allowed: rounding",
    )


def dimension_wise(grid: Grid, marginals: list[Tensor]) -> Tensor:
    """sum_j KL(q(z_j) || N(0, 1))."""
    line = Grid(grid.reach, grid.step, dimension=1)
    normal = Normal(0.0, 1.0).log_prob(line.axis)
    return torch.stack([line.mean(one - normal, one) for one in marginals]).sum()


def dependent_prior(seed: int) -> Check:
    """(4) under a prior that is no product: what is left over is E_q log p(z) / prod_j p(z_j)."""
    covariance = torch.tensor([[1.0, PRIOR_CORRELATION], [PRIOR_CORRELATION, 1.0]], dtype=torch.float64)
    prior = MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance)
    world = random_world(seed, prior=prior)
    marginals = noise.closed_marginals(world)
    grid, q = world.grid, world.log_aggregate
    by_parts = grid.mean(q - grid.product(marginals), q) + dimension_wise(grid, marginals)
    product = Normal(0.0, 1.0).log_prob(grid.nodes).sum(1)
    return check(
        "disentangled-dependent-prior",
        "(4), what it needs",
        "KL(q(z) || p(z)) = TC + DW - E_q log p(z)/prod_j p(z_j); printed: without the last",
        grid.mean(q - world.log_prior, q),
        by_parts - grid.mean(world.log_prior - product, q),
        printed=by_parts,
    )
