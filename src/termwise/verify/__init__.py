"""The theory as experiments: worlds against equations, and against the instrument.

A family is a function of a seed that gives checks, and a row of `CHECK_FAMILIES`.
"""

from collections.abc import Callable

from termwise.models.data_pass import Progress
from termwise.values import Seed, checked
from termwise.verify import (
    adaptive_contrast,
    adversarial,
    decomposition,
    equilibrium,
    generative_adversarial,
    info_vae,
    information_bound,
    kl_appendix,
    measure_on_worlds,
    trained_critic,
    trained_game,
)
from termwise.verify.check import Check, Scatter

__all__ = ["CHECK_FAMILIES", "Check", "Scatter", "verify"]

CHECK_FAMILIES: dict[str, Callable[[int], list[Check]]] = {
    "decomposition": decomposition.checks,
    "information bound": information_bound.checks,
    "Info-VAE": info_vae.checks,
    "KL appendix": kl_appendix.checks,
    "adversarial": adversarial.checks,
    "equilibrium": equilibrium.checks,
    "adaptive contrast": adaptive_contrast.checks,
    "trained critics": trained_critic.checks,
    "trained games": trained_game.checks,
    "VAE-GAN": generative_adversarial.checks,
    "instrument": measure_on_worlds.checks,
}
"""Functions of a seed that give checks, by the name of their family, in the order of the notes."""


@checked
def verify(seed: Seed = 0, progress: Progress | None = None) -> list[Check]:
    """Every check, its worlds and samples drawn from `seed`; networks that have to be trained take a minute or less.

    Args:
        seed: Of the worlds, of what is sampled in them, and of the networks.
        progress: Called with the family at hand, and with the share of them that are done.

    Example:
        All of them take half a minute; one family, much less:

        >>> [check.name for check in CHECK_FAMILIES["KL appendix"](0) if check.passed]
        ['kl-both-products', 'kl-one-product']
    """
    checks: list[Check] = []
    for place, (name, family) in enumerate(CHECK_FAMILIES.items()):
        if progress is not None:
            progress(name, place / len(CHECK_FAMILIES))
        checks += family(seed)
    return checks
