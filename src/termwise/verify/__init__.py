"""The theory as experiments: worlds against equations, and against the instrument.

A family is a function of a seed that gives checks, and a row of `CHECK_FAMILIES`.
"""

from collections.abc import Callable, Sequence

from termwise.errors import UnknownName
from termwise.models.data_pass import Progress
from termwise.values import Seed, checked
from termwise.verify import (
    adaptive_contrast,
    adversarial,
    codes_of_blocks,
    decomposition,
    equilibrium,
    generative_adversarial,
    importance_weights,
    info_vae,
    information_bound,
    kl_appendix,
    measure_on_worlds,
    rate_and_distortion,
    side_information,
    stationary_points,
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
    "importance weights": importance_weights.checks,
    "blocks and groups": codes_of_blocks.checks,
    "side information": side_information.checks,
    "stationary points": stationary_points.checks,
    "rate and distortion": rate_and_distortion.checks,
    "instrument": measure_on_worlds.checks,
}
"""Functions of a seed that give checks, by the name of their family, in the order of the notes."""


CHECK_NAMES: dict[str, tuple[str, ...]] = {
    "decomposition": (
        "evidence",
        "evidence-bimodal",
        "evidence-gaussian",
        "evidence-optimum",
        "elbo",
        "mutual-information",
        "disentangled",
        "groups",
        "disentangled-dependent-prior",
    ),
    "information bound": (
        "bound-on-information",
        "bound-from-below",
        "bound-needs-weight",
    ),
    "Info-VAE": (
        "info-vae",
        "info-vae-proof-line-1",
        "info-vae-proof-sign",
    ),
    "KL appendix": (
        "kl-both-products",
        "kl-one-product",
    ),
    "adversarial": (
        "critic-optimum",
        "f-divergence",
        "elbo-by-critic",
        "critic-unlimited",
        "critic-gradient",
        "critic-gradient-proof",
        "gradient-at-fixed-critic",
    ),
    "equilibrium": (
        "equilibrium-critic",
        "best-response",
        "best-response-not-strict",
    ),
    "adaptive contrast": (
        "elbo-by-reference",
        "algorithm-2-step-11",
        "algorithm-2-log-sigma",
        "algorithm-2-prior",
        "algorithm-2-phi",
        "algorithm-2-reference-moving",
        "algorithm-2-reference-fixed",
        "noise-basis-variance",
    ),
    "trained critics": (
        "trained-critic-implicit-correlation",
        "trained-critic-implicit-slope",
        "trained-critic-implicit-residual",
        "trained-critic-normal-correlation",
        "trained-critic-normal-slope",
        "trained-critic-normal-residual",
        "critic-gradient-sampled",
        "trained-critic-gradient",
    ),
    "trained games": (
        "equilibrium-trained-posterior",
        "equilibrium-trained-critic",
        "algorithm-2-trained-fixed",
        "algorithm-2-trained-moving",
    ),
    "VAE-GAN": (
        "squared-error",
        "gan-sign-discriminator",
        "gan-sign-decoder",
    ),
    "importance weights": (
        "iwae-one-code",
        "iwae-rises",
        "iwae-order",
        "stl-gradient-one-code",
        "dreg-gradient",
    ),
    "blocks and groups": (
        "measured-blocks-index-code-mi",
        "measured-blocks-marginal-kl",
        "measured-blocks-total-correlation",
        "measured-blocks-group-correlation",
        "measured-groups-group-correlation",
        "measured-groups-within-group-correlation",
        "measured-groups-group-wise-kl",
        "measured-level-1-rate",
        "measured-level-2-rate",
        "measured-level-1-index-code-mi",
        "measured-level-2-index-code-mi",
        "vamp-optimum",
        "vamp-optimum-rate",
    ),
    "side information": (
        "measured-beside-conditional-index-code-mi-given-side",
        "measured-beside-conditional-side-information",
        "side-linkage-conditional",
        "measured-beside-discrete-index-code-mi-given-side",
        "measured-beside-discrete-side-information",
        "side-linkage-discrete",
        "measured-beside-independent",
        "index-code-mi-given-side-full",
        "side-information-full",
        "side-linkage-full",
        "index-code-mi-given-side-bank",
        "side-information-bank",
        "side-linkage-bank",
        "conditional-density-minibatch-stratified",
        "side-information-kernel",
        "side-information-kernel-independent",
    ),
    "stationary points": (
        "three-entropies",
        "three-entropies-sigma",
        "three-entropies-codes",
    ),
    "rate and distortion": (
        "rate-distortion-quarter",
        "rate-distortion-one",
        "rate-distortion-four",
        "rate-distortion-excess",
    ),
    "instrument": (
        "measured-gaussian-distortion",
        "measured-gaussian-rate",
        "measured-gaussian-elbo",
        "measured-gaussian-index-code-mi",
        "measured-gaussian-marginal-kl",
        "measured-gaussian-total-correlation",
        "measured-gaussian-dimension-wise-kl",
        "measured-discrete-distortion",
        "measured-discrete-rate",
        "measured-discrete-elbo",
        "measured-discrete-index-code-mi",
        "measured-discrete-marginal-kl",
        "measured-discrete-total-correlation",
        "measured-discrete-dimension-wise-kl",
        "measured-codewords-distortion",
        "measured-codewords-rate",
        "measured-codewords-elbo",
        "measured-codewords-index-code-mi",
        "measured-codewords-marginal-kl",
        "measured-codewords-total-correlation",
        "measured-codewords-dimension-wise-kl",
    ),
}
"""The checks of each family, so that one can be asked for before any is run."""


@checked
def verify(seed: Seed = 0, progress: Progress | None = None, names: Sequence[str] = ()) -> list[Check]:
    """Every check, its worlds and samples drawn from `seed`; networks that have to be trained take a minute or less.

    Args:
        seed: Of the worlds, of what is sampled in them, and of the networks.
        progress: Called with the family at hand, and with the share of them that are done.
        names: Checks, or families, to run alone; all where left out.

    Raises:
        UnknownName: There is no such check, and no such family.

    Example:
        All of them take half a minute; one family, much less:

        >>> [check.name for check in verify(names=["KL appendix"]) if check.passed]
        ['kl-both-products', 'kl-one-product']
    """
    known = {one for family, checks in CHECK_NAMES.items() for one in (family, *checks)}
    for name in names:
        if name not in known:
            raise UnknownName("check", name, known)
    wanted = {family: _wanted(family, names) for family in CHECK_FAMILIES}
    families = [family for family, checks in wanted.items() if checks]
    found: list[Check] = []
    for place, family in enumerate(families):
        if progress is not None:
            progress(family, place / len(families))
        found += (one for one in CHECK_FAMILIES[family](seed) if not names or one.name in wanted[family])
    return found


def _wanted(family: str, names: Sequence[str]) -> tuple[str, ...]:
    """The checks of a family that are asked for: all of them where nothing is named, or the family is."""
    checks = CHECK_NAMES.get(family, (family,))
    return checks if not names or family in names else tuple(one for one in checks if one in names)
