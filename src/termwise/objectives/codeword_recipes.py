"""Named objectives of codes that are codewords; each says the posterior that it is of, where nobody says another."""

from termwise.objectives.game import Game, solo
from termwise.objectives.objective import Weighted, distortion, rate
from termwise.schedules import Weight
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.quantization import QuantizationError

VQ_MODEL = {
    "latent": 32,
    "posterior": "vector-quantized",
    "posterior_options": {"codewords": 32, "positions": 8},
    "prior": "uniform",
}
"""Eight positions of 32 codewords of four numbers: 27.7 nats."""
FSQ_MODEL = {"latent": 16, "posterior": "finite-scalar", "posterior_options": {"levels": [5, 5]}, "prior": "uniform"}
"""Eight positions of 25 codewords of two numbers: 25.8 nats."""


def vq_vae(commitment: Weight = 0.25, codebook: Weight = 1.0) -> Game:
    """Neural Discrete Representation Learning, VQ-VAE (van den Oord et al., 2017, eq. 3).

    The rate is P log K whatever is learned. The codebook's own error is 0 where codewords are moving averages, as they
    are unless posterior_options = {codebook = "gradient"}.
    """
    of_rounding = commitment * Weighted(QuantizationError("commitment")) + codebook * Weighted(
        QuantizationError("codebook")
    )
    return solo(distortion() + rate(ClosedOrSampled()) + of_rounding)


def fsq() -> Game:
    """Finite Scalar Quantization: VQ-VAE Made Simple (Mentzer et al., 2024): nothing beside distortion and rate."""
    return solo(distortion() + rate(ClosedOrSampled()))
