"""The Info-VAE form: L = KL(q(z) || p(z)) + E_q(z) KL(q(x|z) || p(x|z)) + H(p_hat)."""

from termwise.verify import noise
from termwise.verify.check import Check, check
from termwise.worlds import random_world


def checks(seed: int) -> list[Check]:
    """The form, and two lines of its proof."""
    world = random_world(seed)
    grid, q = world.grid, world.log_aggregate
    weights, log_weights = world.weights, world.weights.log()
    index = world.log_posterior + log_weights.unsqueeze(1) - q  # log q(x|z), (N, G)
    conditional = grid.mean((index.exp() * (index - world.log_decoded)).sum(0), q)
    marginal = grid.mean(q - world.log_prior, q)
    loss = weights @ (noise.distortion_by_noise(world) + noise.closed_rate(world))
    entropy = -weights @ log_weights
    log_ratio = world.log_decoded + world.log_prior - world.log_posterior - log_weights.unsqueeze(1)
    joint = weights @ grid.mean(-log_ratio, world.log_posterior)  # KL(q(x,z) || p(x,z))
    return [
        check(
            "info-vae",
            "Info-VAE",
            "L = KL(q(z)||p(z)) + E_q(z) KL(q(x|z)||p(x|z)) + H(p_hat); printed: the middle term alone",
            loss,
            marginal + conditional + entropy,
            printed=conditional,
        ),
        check(
            "info-vae-proof-line-1",
            "Info-VAE, proof",
            "-L = E_p_hat E_q[log p(x,z)/q(x,z) + log p_hat(x)]; printed: log p_theta(x)",
            -loss,
            -joint - entropy,
            printed=-joint + weights @ world.log_evidence,
        ),
        check(
            "info-vae-proof-sign",
            "Info-VAE, proof",
            "-L + H(p_hat) = -KL(q(z)||p(z)) - E KL(q(x|z)||p(x|z)); printed: the minus signs are lost",
            -loss + entropy,
            -marginal - conditional,
            printed=marginal + conditional,
        ),
    ]
