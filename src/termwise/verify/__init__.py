"""The theory as experiments: worlds against equations, and against the instrument.

A family is a function of a seed that gives checks, and a row of `FAMILIES`.
"""

from collections.abc import Callable

from termwise.verify import (
    adaptive_contrast,
    adversarial,
    decomposition,
    equilibrium,
    generative_adversarial,
    info_vae,
    information_bound,
    instrument,
    kl_appendix,
)
from termwise.verify.check import Check

__all__ = ["FAMILIES", "Check", "verify"]

FAMILIES: dict[str, Callable[[int], list[Check]]] = {
    "decomposition": decomposition.checks,
    "information bound": information_bound.checks,
    "Info-VAE": info_vae.checks,
    "KL appendix": kl_appendix.checks,
    "adversarial": adversarial.checks,
    "equilibrium": equilibrium.checks,
    "adaptive contrast": adaptive_contrast.checks,
    "VAE-GAN": generative_adversarial.checks,
    "instrument": instrument.checks,
}
"""Families of checks, in the order of the notes."""


def verify(seed: int = 0) -> list[Check]:
    """Every check, its worlds and samples drawn from `seed`."""
    return [check for family in FAMILIES.values() for check in family(seed)]
