"""The appendix on KL: what factorises when p or q does. Here p is q(z), or the product of its marginals; q a prior."""

import torch

from termwise.verify import noise
from termwise.verify.check import Check, check
from termwise.verify.decomposition import dimension_wise
from termwise.worlds import Grid, random_world


def checks(seed: int) -> list[Check]:
    """The two items of the appendix, with p of a random world's codes."""
    world = random_world(seed)
    grid, law = world.grid, world.log_aggregate
    marginals = noise.closed_marginals(world)
    product = grid.product(marginals)
    line = Grid(grid.reach, grid.step, dimension=1)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(line.axis)
    reversed_kl = torch.stack([line.mean(normal - one, normal.double()) for one in marginals]).sum()
    dependence = grid.mean(law - product, law)
    return [
        check(
            "kl-both-products",
            "KL appendix, 1",
            "KL(p || q) = sum_j KL(p(z_j) || q(z_j)), both products",
            grid.mean(product - world.log_prior, product),
            dimension_wise(grid, marginals),
        ),
        check(
            "kl-one-product",
            "KL appendix, 2",
            "KL(p||q) = KL(p||prod_j p(z_j)) + sum_j KL(p(z_j)||q(z_j)), q a product; printed: KL(q(z_j)||p(z_j))",
            grid.mean(law - world.log_prior, law),
            dependence + dimension_wise(grid, marginals),
            printed=dependence + reversed_kl,
        ),
    ]
