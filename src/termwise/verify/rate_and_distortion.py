"""One decoder's whole curve by annealing (Huang, Cao and Grosse, 2020), where it is known in closed form.

In a linear-Gaussian world p(z) p(x|z)^b is a normal in z for any b, and log Z_b = -rate - b distortion is known of each
example, at every beta = 1 / b. Chains are held against it on the same examples; they may lack what BDMC says, on
examples of its own. At the maximum likelihood of probabilistic PCA the posterior is exact, so that its encoder lies on
the curve, at beta = 1.
"""

from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.measuring.rate_distortion import rate_distortion
from termwise.verify.check import Check, check
from termwise.worlds import LinearGaussian

EXAMPLES, SIMULATED = 100, 60
BETAS = {0.25: "quarter", 1.0: "one", 4.0: "four"}
TEMPERATURES = 60
STANDARD_ERRORS = 4.0


def checks(seed: int) -> list[Check]:
    """log Z_b at three values of beta, and the excess of an exact encoder."""
    some = LinearGaussian.random(seed, latent=2, dimension=4)
    world = LinearGaussian.probabilistic_pca(some.mean, some.covariance, latent=2)
    x = world.data(EXAMPLES, seed)
    curve = rate_distortion(
        world,
        Dataset("pca", InMemory(x)),
        betas=list(BETAS),
        temperatures=TEMPERATURES,
        simulated=SIMULATED,
        seed=seed,
    )
    lower, gap = curve.by_dimension["log_partition_by_beta"], curve.by_dimension["bdmc_gap_by_beta"]
    assert gap.stderr is not None
    found = [
        check(
            f"rate-distortion-{BETAS[beta]}",
            "rate and distortion",
            f"log integral of p(z) p(x|z)^(1/beta) at beta = {beta:g}, annealed on {EXAMPLES} examples; and known",
            lower.value[place],
            float(world.rate_distortion(beta, x)["log_partition"].mean()),
            allowed=max(gap.value[place], 0.0) + STANDARD_ERRORS * gap.stderr[place],
            note=f"allowed: BDMC's gap, and {STANDARD_ERRORS:g} standard errors of it",
            sampled=True,
            own_terms=True,
        )
        for place, beta in enumerate(BETAS)
    ]
    above = curve["excess_rate"]
    assert above.stderr is not None
    found.append(
        check(
            "rate-distortion-excess",
            "rate and distortion",
            "how far the encoder of an exact posterior is above its decoder's curve; and 0",
            above.value,
            0.0,
            allowed=STANDARD_ERRORS * above.stderr + found[1].allowed,
            note=f"allowed: what log Z_1 may lack, and {STANDARD_ERRORS:g} standard errors of the codes",
            sampled=True,
            own_terms=True,
        )
    )
    return found
