"""The ELBO as a sum of three entropies (Damm et al., 2023), at a stationary point and beside it.

At the maximum likelihood of probabilistic PCA, fitted to the very examples that are measured, every derivative of the
ELBO is 0. With sigma a factor c off, the likelihood's part of the gap is D/2 (1 - 1 / c^2); with codes a factor c too
large, encoder and decoder agreeing on it, the code's part is k/2 (1 - c^2). Both are exact, for on these examples

    E sum_i (x_i - mu_i(z))^2 = D s^2,        E z_j^2 = 1.
"""

import math

import torch
from torch import Tensor, nn

from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.measuring import measure
from termwise.models import VAE
from termwise.models.likelihoods import NormalLikelihood
from termwise.verify.check import Check, check
from termwise.worlds import LinearGaussian
from termwise.worlds.random_worlds import SeededRandom

EXAMPLES, DIMENSION, LATENT = 2000, 6, 2
STANDARD_ERRORS = 4.0
SIGMA_OFF, CODES_OFF = 1.25, 1.5
"""By what factors sigma and codes are off, beside the stationary point."""


def checks(seed: int) -> list[Check]:
    """The gap at the stationary point, with another sigma, and with codes of another size."""
    random = SeededRandom(seed)
    x = (
        random.normal(EXAMPLES, LATENT) @ random.normal(LATENT, DIMENSION) + 0.5 * random.normal(EXAMPLES, DIMENSION)
    ).float()
    cases = {
        "three-entropies": (1.0, 1.0, "0 at the maximum likelihood of probabilistic PCA"),
        "three-entropies-sigma": (SIGMA_OFF, 1.0, f"D/2 (1 - 1/c^2) with sigma a factor c = {SIGMA_OFF:g} off"),
        "three-entropies-codes": (1.0, CODES_OFF, f"k/2 (1 - c^2) with codes a factor c = {CODES_OFF:g} off"),
    }
    return [_gap(name, x, sigma, codes, what, seed) for name, (sigma, codes, what) in cases.items()]


def _gap(name: str, x: Tensor, sigma: float, codes: float, what: str, seed: int) -> Check:
    account = measure(pca_model(x, LATENT, sigma, codes), Dataset("pca", InMemory(x)), seed=seed)
    gap = account["stationarity_gap"]
    assert isinstance(gap.value, float) and isinstance(gap.stderr, float)
    return check(
        name,
        "three entropies",
        f"ELBO - (E H[q(z|x)] - H[p(z)] - E H[p(x|z)]), measured; and {what}",
        gap.value,
        0.5 * DIMENSION * (1 - sigma**-2) + 0.5 * LATENT * (1 - codes**2),
        allowed=STANDARD_ERRORS * gap.stderr,
        note=f"allowed: {STANDARD_ERRORS:g} standard errors",
        sampled=True,
        own_terms=True,
    )


def pca_model(x: Tensor, latent: int, sigma: float = 1.0, codes: float = 1.0) -> VAE:
    """A VAE of linear layers and a learned sigma, at the maximum likelihood of probabilistic PCA of x, shape (N, D).

    Args:
        x: The examples.
        latent: k, below D.
        sigma: A factor that sigma is off by.
        codes: A factor that codes are off by, in the encoder, and the other way in the decoder: p(x|z) stays.
    """
    centred = x.double() - x.double().mean(0)
    world = LinearGaussian.probabilistic_pca(x.double().mean(0), centred.T @ centred / len(x), latent)
    model = VAE(
        nn.Linear(x.shape[1], 2 * latent),
        nn.Linear(latent, x.shape[1]),
        shape=(x.shape[1],),
        latent=latent,
        likelihood=NormalLikelihood("learned"),
    )
    encoder, decoder, likelihood = model.encoder, model.decoder, model.likelihood
    assert isinstance(encoder, nn.Linear) and isinstance(decoder, nn.Linear)
    assert isinstance(likelihood, NormalLikelihood)
    log_variance = (codes**2 * world.posterior_covariance.diagonal()).log()
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([codes * world.encoder, torch.zeros_like(world.encoder)]))
        encoder.bias.copy_(torch.cat([codes * world.offset, log_variance]))
        decoder.weight.copy_(world.decoder / codes)
        decoder.bias.copy_(world.decoder_offset)
        likelihood.raw.fill_(math.log(math.expm1(sigma * world.sigma - likelihood.FLOOR)))
    return model
