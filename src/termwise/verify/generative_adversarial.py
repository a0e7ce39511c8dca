"""VAE-GAN: which assumption gives the squared error, and the sign of (6).

One dimension, real x ~ N(1, 1), fake x ~ N(m, 1), D = sigma(T). As corrected,
    L_GAN = -E[log D(real)] - 2 E[log(1 - D(fake))],
half of the fakes being reconstructed and half generated. Updates descend, as the notes write them.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Laplace, Normal
from torch.nn import functional as F

from termwise.verify.check import Check, check
from termwise.verify.noise import NOISE
from termwise.worlds import Grid, random_world

REAL, FAKE = 1.0, -1.0
DATA_LINE = Grid(reach=10.0, step=0.1, dimension=1)
STEPS, RATE = 400, 0.5


def checks(seed: int) -> list[Check]:
    """The squared error, and both players' updates."""
    return [squared_error(seed), discriminator(), generator()]


def squared_error(seed: int) -> Check:
    """(5) makes -log p(x|z) the squared error of x; (4), which speaks of z, does not."""
    sigma = 0.5
    decoder = random_world(seed).decode
    codes = NOISE.nodes[NOISE.nodes.abs().amax(1) < 3]
    image = decoder(codes).mean  # f(z), (G, D)
    x = torch.linspace(-1, 1, image.shape[1], dtype=torch.float64)
    squared = (x - image).square().sum(1) / (2 * sigma**2)

    def without_constant(law: torch.distributions.Distribution) -> Tensor:
        return (law.log_prob(law.mean) - law.log_prob(x)).sum(1)

    assumed = without_constant(Normal(image, sigma))
    return check(
        "squared-error",
        "(5), printed as (4)",
        "-log p(x|z) = |x - f(z)|^2 / 2 s^2 + const under (5); printed: under (4), which leaves p(x|z) free",
        squared,
        assumed,
        printed=without_constant(Laplace(image, sigma)),
        note="allowed: quadrature's, though this is rounding; (4) holds with a Laplace p(x|z) as well",
    )


def gan_loss(weights: Tensor, fake_mean: Tensor) -> Tensor:
    """L_GAN as corrected, of T(x) = w x + c with weights (w, c), by quadrature over the noise of both."""
    e = DATA_LINE.axis
    log_weights = Normal(0.0, 1.0).log_prob(e)
    real, fake = weights[0] * (REAL + e) + weights[1], weights[0] * (fake_mean + e) + weights[1]
    return DATA_LINE.mean(F.softplus(-real) + 2 * F.softplus(fake), log_weights)


def best_weights(fake_mean: Tensor) -> Tensor:
    """The weights (w, c) of log p_real(x) / 2 p_fake(x), the best T."""
    return torch.stack([REAL - fake_mean, (fake_mean.square() - REAL**2) / 2 - math.log(2)])


def discriminator() -> Check:
    """T descends L_GAN from D = 1/2, the fakes at -1: the best is 2 x - log 2."""
    fake_mean = torch.tensor(FAKE, dtype=torch.float64)

    def trained(sign: float) -> Tensor:
        weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for _ in range(STEPS):
            (slope,) = torch.autograd.grad(sign * gan_loss(weights, fake_mean), weights)
            weights = (weights - RATE * slope).detach().requires_grad_()
        return weights

    return check(
        "gan-sign-discriminator",
        "(6)",
        "the discriminator that descends L_GAN ends at log p_real / 2 p_made; printed: of the other sign",
        best_weights(fake_mean),
        trained(1.0),
        printed=trained(-1.0),
        allowed=1e-5,
        note="allowed: 400 steps of descent; of the other sign the steps run away from it",
    )


def generator() -> Check:
    """The decoder descends -L_GAN, here without distortion, D at its best each time: what it makes becomes real."""

    def trained(sign: float) -> Tensor:
        fake_mean = torch.tensor(FAKE, dtype=torch.float64, requires_grad=True)
        for _ in range(STEPS):
            loss = -sign * gan_loss(best_weights(fake_mean.detach()), fake_mean)
            (slope,) = torch.autograd.grad(loss, fake_mean)
            fake_mean = (fake_mean - RATE * slope).detach().requires_grad_()
        return fake_mean

    return check(
        "gan-sign-decoder",
        "(6)",
        "the decoder that descends -L_GAN makes what is real; printed: of the other sign",
        REAL,
        trained(1.0),
        printed=trained(-1.0),
        allowed=1e-5,
        note="allowed: 400 steps of descent; of the other sign it helps the discriminator",
    )
