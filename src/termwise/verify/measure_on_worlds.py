"""The instrument itself: `measure` on worlds whose truth is known, from samples."""

from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.measuring import measure
from termwise.verify.check import Check, check
from termwise.worlds import LinearGaussian, MarkovWorld, World, random_world

EXAMPLES = 5000
STANDARD_ERRORS = 4.0
ROUNDING = 1e-9
"""Nats that a reading which no example changes may be off by."""


def checks(seed: int) -> list[Check]:
    """Each term of a linear-Gaussian world, of a discrete one, and of one of codewords."""
    gaussian = LinearGaussian.random(seed, latent=3, dimension=5, mutual_information=1.0)
    worlds: dict[str, World] = {
        "gaussian": gaussian,
        "discrete": random_world(seed),
        "codewords": MarkovWorld.random(seed),
    }
    return [one for kind, world in worlds.items() for one in readings(kind, world, seed)]


def readings(kind: str, world: World, seed: int) -> list[Check]:
    """A check for each reading that the world knows the truth of."""
    account = measure(world, Dataset(kind, InMemory(world.data(EXAMPLES, seed))), seed=seed)
    truth = world.truth()
    checks_of_terms = []
    for name in (name for name in account if name in truth):
        reading = account[name]
        assert isinstance(reading.value, float) and isinstance(reading.stderr, float)
        checks_of_terms.append(
            check(
                f"measured-{kind}-{name.replace('_', '-')}",
                "the instrument",
                f"{name}, measured on {EXAMPLES:,} examples of a {kind} world; and its truth",
                reading.value,
                truth[name],
                allowed=STANDARD_ERRORS * reading.stderr + ROUNDING,
                note=f"allowed: {STANDARD_ERRORS:g} standard errors",
                sampled=True,
                own_terms=True,
            )
        )
    return checks_of_terms
