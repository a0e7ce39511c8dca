"""How often the intervals and brackets of an account hold the truth, over random worlds whose answers are known.

    python benchmarks/interval_coverage.py --worlds 1000
    python benchmarks/interval_coverage.py --worlds 1000 --bent
    python benchmarks/interval_coverage.py --worlds 300 --side
    python benchmarks/interval_coverage.py --worlds 300 --side uneven      # also: many, several, discrete

A world is linear-Gaussian (2 to 64 latents, diagonal or full posteriors) or clustered: x from a mixture of normals, so
that q(z) is a mixture too, with posteriors of many widths; its truth is by Monte Carlo over 400,000 fresh codes. With
`--bent` all are bananas: one latent is near the square of another, so that the values that a reading averages are
skewed. With `--side` a category of two or three stands beside x, of which the code tells from nothing to nearly all (1
to 16 latents), and the readings of q(z|s) are held, too: `uneven`, one of three categories has 2 to 8 % of 500 to 2,000
examples; `many`, every group has 8 to 60 or so; `several`, a coin that x knows nothing of stands beside the category;
`discrete`, s is a function of a discrete x. A 95% interval should hold the truth in 95% of the worlds within the 1%
limits of a binomial, a bracket in nearly all: of fewer than 300 worlds it is chance that is seen. Status 1 where one
does not.
"""

import argparse
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import binom
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

import termwise as tw
from termwise.data import Side
from termwise.worlds import ConditionalLinearGaussian, DiscreteWorld, LinearGaussian, random_world

LINKS = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")
TERM = {name: name for name in ("distortion", "rate", "elbo")}
TERM |= {"population_mi": "index_code_mi"} | {f"population_{name}": name for name in LINKS[1:]}
TERM |= {"population_mi_given_side": "index_code_mi_given_side", "population_side_information": "side_information"}
TRUTH_CODES = 400_000
BENT_CODES = 100_000
CHUNK = 20_000


@dataclass(frozen=True)
class Clusters:
    """x = (u, s), u from a mixture of normals, s its cluster's widths: q(z|x) = N(u, diag s^2).

    So q(z) is a mixture of as many normals as there are clusters, none of them alike.
    """

    centres: Tensor  # (C, D)
    spread: Tensor  # (C, D), of u
    width: Tensor  # (C, D), of the posterior

    @classmethod
    def random(cls, seed: int, latent: int, widest: float) -> "Clusters":
        """Six clusters; the posteriors about as wide as `widest`."""
        generator = torch.Generator().manual_seed(seed)

        def normal() -> Tensor:
            return torch.randn(6, latent, generator=generator, dtype=torch.float64)

        return cls(1.2 * normal(), 0.4 * (0.4 * normal()).exp(), widest * (0.4 * normal()).exp())

    def data(self, count: int, seed: int) -> Tensor:
        """Examples, shape (count, 2 D)."""
        generator = torch.Generator().manual_seed(seed)
        c = torch.randint(len(self.centres), (count,), generator=generator)
        u = torch.randn(count, self.centres.shape[1], generator=generator, dtype=torch.float64)
        return torch.cat([self.centres[c] + self.spread[c] * u, self.width[c]], 1).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """q(z|x)."""
        mean, scale = x.chunk(2, dim=1)
        return Independent(Normal(mean, scale), 1), None

    generates = False

    def generate(self, z: Tensor, context: None) -> Distribution:
        """There is no decoder."""
        raise NotImplementedError

    def prior_law(self) -> Distribution:
        """N(0, I)."""
        zero = torch.zeros(self.centres.shape[1])
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def truth(self) -> dict[str, float]:
        """The population's terms, by Monte Carlo over the exact q(z)."""
        scale = (self.spread.square() + self.width.square()).sqrt()
        weights = Categorical(torch.ones(len(scale), dtype=torch.float64))
        joint = MixtureSameFamily(weights, Independent(Normal(self.centres, scale), 1))
        marginals = [MixtureSameFamily(weights, Normal(self.centres[:, j], scale[:, j])) for j in range(scale.shape[1])]
        generator = torch.Generator().manual_seed(0)
        sums = torch.zeros(3, dtype=torch.float64)
        for _ in range(TRUTH_CODES // CHUNK):
            c = torch.randint(len(scale), (CHUNK,), generator=generator)
            noise = torch.randn(CHUNK, scale.shape[1], generator=generator, dtype=torch.float64)
            z = self.centres[c] + scale[c] * noise
            apart = sum(law.log_prob(z[:, j]) for j, law in enumerate(marginals))
            prior = Normal(0.0, 1.0).log_prob(z).sum(1)
            sums += torch.stack([joint.log_prob(z).sum(), apart.sum(), prior.sum()]) / TRUTH_CODES
        log_q, log_q_j, log_p = sums.tolist()
        own = float((-0.5 * (1 + math.log(2 * math.pi)) - self.width.log()).sum(1).mean())
        return {
            "rate": own - log_p,
            "index_code_mi": own - log_q,
            "marginal_kl": log_q - log_p,
            "total_correlation": log_q - log_q_j,
            "dimension_wise_kl": log_q_j - log_p,
        }


@dataclass(frozen=True)
class Banana:
    """x = (u, bend (u^2 - 1) + e / 4), u and e normal, and q(z|x) = N(x, width^2 I): a bent q(z)."""

    bend: float
    width: float

    def data(self, count: int, seed: int) -> Tensor:
        """Examples, shape (count, 2)."""
        u, e = torch.randn(2, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return torch.stack([u, self.bend * (u**2 - 1) + e / 4], 1).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """q(z|x)."""
        return Independent(Normal(x, torch.full_like(x, self.width)), 1), None

    generates = False

    def generate(self, z: Tensor, context: None) -> Distribution:
        """There is no decoder."""
        raise NotImplementedError

    def prior_law(self) -> Distribution:
        """N(0, I)."""
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    @cache  # noqa: B019
    def truth(self) -> dict[str, float]:
        """The population's terms: q(z) by a sum over u, averaged over fresh codes; the rest in closed form."""
        u = torch.linspace(-6.5, 6.5, 601, dtype=torch.float64)
        log_u = Normal(0.0, 1.0).log_prob(u) + math.log(float(u[1] - u[0]))
        wide = math.hypot(0.25, self.width)
        generator = torch.Generator().manual_seed(0)
        log_q = log_q_2 = 0.0
        for _ in range(BENT_CODES // 2000):
            v, e, f = torch.randn(3, 2000, 1, generator=generator, dtype=torch.float64)
            first = Normal(u, self.width).log_prob(v + self.width * e)
            second = log_u + Normal(self.bend * (u**2 - 1), wide).log_prob(self.bend * (v**2 - 1) + wide * f)
            log_q += float((first + second).logsumexp(1).sum()) / BENT_CODES
            log_q_2 += float(second.logsumexp(1).sum()) / BENT_CODES
        variance = 1 + self.width**2
        log_q_j = log_q_2 - 0.5 * (math.log(2 * math.pi * variance) + 1)
        log_p = -math.log(2 * math.pi) - 0.5 * (variance + 2 * self.bend**2 + wide**2)
        own = -(1 + math.log(2 * math.pi)) - 2 * math.log(self.width)
        return {
            "rate": own - log_p,
            "index_code_mi": own - log_q,
            "marginal_kl": log_q - log_p,
            "total_correlation": log_q - log_q_j,
            "dimension_wise_kl": log_q_j - log_p,
        }


def bent_world(seed: int) -> tuple[Banana, Tensor]:
    """A banana and data, both drawn from a seed."""
    random = np.random.default_rng(seed)
    banana = Banana(float(random.choice([0.5, 1.0, 2.0])), float(random.choice([0.1, 0.3, 1.0])))
    return banana, banana.data(int(1000 * 4 ** random.uniform()), seed + 10**6)


def world_beside(seed: int) -> tuple[ConditionalLinearGaussian, tw.Dataset]:
    """A world with a category beside x, and data, both drawn from a seed."""
    random = np.random.default_rng(seed)
    latent, count = int(2 ** random.uniform(0, 4.02)), int(1000 * 4 ** random.uniform())
    apart = float(random.choice([0.0, random.uniform(0.1, 2.5)], p=[0.1, 0.9]))
    nats = random.uniform(0.1, math.log(count) - 2.5)
    one = ConditionalLinearGaussian.random(seed, latent, int(random.choice([2, 3])), apart, nats)
    data = tw.load_data(one.data(count, seed + 10**6), test=0.0)
    return one, data.with_side({"kind": one.side(count, seed + 10**6)})


def uneven_beside(seed: int) -> tuple[ConditionalLinearGaussian, tw.Dataset]:
    """The same, of few examples, one of three categories rare."""
    random = np.random.default_rng(seed)
    latent, count = int(2 ** random.uniform(0, 3.02)), int(500 * 4 ** random.uniform())
    one = ConditionalLinearGaussian.random(seed, latent, 3, random.uniform(0.1, 2.5), random.uniform(0.1, 2.0))
    rare = random.uniform(0.02, 0.08)
    one = replace(one, shares=torch.tensor([0.7 - rare, 0.3, rare], dtype=torch.float64))
    data = tw.load_data(one.data(count, seed + 10**6), test=0.0)
    return one, data.with_side({"kind": one.side(count, seed + 10**6)})


def many_beside(seed: int) -> tuple[ConditionalLinearGaussian, tw.Dataset]:
    """The same, of few examples, each of two categories dealt into groups of 8 to 60 or so of which x knows nothing."""
    random = np.random.default_rng(seed)
    latent, count = int(2 ** random.uniform(0, 3.02)), int(500 * 4 ** random.uniform())
    one = ConditionalLinearGaussian.random(seed, latent, 2, random.uniform(0.1, 2.5), random.uniform(0.1, 2.0))
    size, kinds = int(random.integers(8, 61)), one.side(count, seed + 10**6)
    dealt = torch.zeros_like(kinds)
    for rows in ((kinds == kind).nonzero().squeeze(1) for kind in (0, 1)):
        dealt[rows] = (torch.arange(len(rows)) // size).clamp(max=max(len(rows) // size - 1, 0))
    data = tw.load_data(one.data(count, seed + 10**6), test=0.0)
    return one, data.with_side({"group": 2 * dealt + kinds})


def several_beside(seed: int) -> tuple[ConditionalLinearGaussian, tw.Dataset]:
    """The same, a coin that x knows nothing of beside the category."""
    one, data = world_beside(seed)
    coin = torch.rand(len(data), generator=torch.Generator().manual_seed(seed)) < 0.3
    assert data.side is not None
    return one, data.with_side(data.side.beside(Side.of({"coin": coin})))


def discrete_beside(seed: int) -> tuple["Beside", tw.Dataset]:
    """A world of 16 states, of which a class of two to four is a function, and data."""
    random = np.random.default_rng(seed)
    one, classes = random_world(seed), int(random.integers(2, 5))
    kinds = torch.from_numpy(random.permutation(np.arange(len(one.examples)) % classes))
    count = int(1000 * 4 ** random.uniform())
    x = one.data(count, seed + 10**6)
    of_x = kinds[(x.long() << torch.arange(x.shape[1])).sum(1)]
    return Beside(one, kinds), tw.load_data(x, test=0.0).with_side({"kind": of_x})


@dataclass(frozen=True)
class Beside:
    """A discrete world with a function of x beside it."""

    world: DiscreteWorld
    kinds: Tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def truth(self) -> dict[str, float]:
        """The world's terms, and those of the function."""
        return self.world.truth() | self.world.truth_beside(self.kinds)


def world(seed: int) -> tuple[LinearGaussian | Clusters, Tensor]:
    """A world and data, both drawn from a seed."""
    random = np.random.default_rng(seed)
    latent, count = int(2 ** random.uniform(1, 6.02)), int(1000 * 4 ** random.uniform())
    if random.uniform() < 0.3:
        clustered = Clusters.random(seed, latent, widest=float(0.6 ** random.uniform(0, 4)))
        return clustered, clustered.data(count, seed + 10**6)
    nats = random.uniform(0.1, math.log(count) - 1.5)
    gaussian = LinearGaussian.random(seed, latent, latent + 2, nats, diagonal=bool(random.uniform() < 0.7))
    return gaussian, gaussian.data(count, seed + 10**6)


@dataclass(frozen=True)
class Held:
    """One reading of one world: whether its interval and its bracket hold the truth, and how they compare."""

    interval: bool
    bracket: bool
    error: float  # in standard errors; nan where the population is out of sight, and the interval is the bracket
    wider: float  # bracket over interval
    drawn: float = math.nan  # what any reading is off by for these examples, in standard errors; nan where not known


def off_for_the_draw(one: ConditionalLinearGaussian, count: int, seed: int) -> float:
    """By how much the mean of E_q(z|x)[-log q(z|s)] over examples drawn is over the population's, in closed form."""
    centres, covariance = one.given_side()
    at = one.data(count, seed).double() @ one.flat.encoder.T + one.flat.offset - centres[one.side(count, seed)]
    precision = torch.linalg.inv(covariance)
    expected = (precision @ (covariance - one.flat.posterior_covariance)).trace()
    return 0.5 * float(((at @ precision * at).sum(1) - expected).mean())


WORLDS = {
    "random": world,
    "bent": bent_world,
    "side": world_beside,
    "uneven": uneven_beside,
    "many": many_beside,
    "several": several_beside,
    "discrete": discrete_beside,
}


def held(seed: int, kind: str = "random") -> dict[str, Held]:
    """Every reading that a world has a truth for."""
    torch.set_num_threads(1)
    model, x = WORLDS[kind](seed)
    truth, account = model.truth(), tw.measure(model, x, seed=seed)
    found = {}
    for name, reading in account.readings.items():
        term = TERM.get(name)
        if term not in truth:
            continue
        low, high = reading.interval
        lower, upper = (low, high) if reading.lower is None else (reading.lower, reading.upper)
        error = math.nan if reading.stderr is None else (reading.value - truth[term]) / reading.stderr
        found[name] = Held(
            low <= truth[term] <= high, lower <= truth[term] <= upper, error, (upper - lower) / (high - low)
        )
        if term == "index_code_mi_given_side" and isinstance(model, ConditionalLinearGaussian) and reading.stderr:
            drawn = off_for_the_draw(model, len(x), seed + 10**6) / reading.stderr
            found[name] = replace(found[name], drawn=drawn)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first world")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--bent", dest="kind", action="store_const", const="bent", help="bananas alone")
    beside = ("side", "uneven", "many", "several", "discrete")
    kinds.add_argument("--side", dest="kind", nargs="?", const="side", choices=beside, help="with a category beside x")
    parser.set_defaults(kind="random")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    began = time.perf_counter()
    with ProcessPoolExecutor(given.processes) as pool:
        each = list(pool.map(partial(held, kind=given.kind), range(given.seed, given.seed + given.worlds), chunksize=4))
    table = Table(title=f"{given.worlds} {given.kind} worlds, {time.perf_counter() - began:.0f} s")
    table.add_column("reading", no_wrap=True)
    heads = (
        "in sight",
        "interval holds",
        "1% limits",
        "bracket holds",
        "mean error, s.e.",
        "spread",
        "bracket/interval",
    )
    for head in heads:
        table.add_column(head, justify="right")
    good = True
    for name in dict.fromkeys(name for one in each for name in one):
        readings = [one[name] for one in each if name in one]
        seen = [reading for reading in readings if not math.isnan(reading.error)]
        holds = np.mean([reading.interval for reading in seen])
        bracket = np.mean([reading.bracket for reading in readings])
        low, high = (1 - binom.ppf(q, len(seen), 0.05) / len(seen) for q in (0.995, 0.005))
        good &= bool(low <= holds <= high and (bracket >= 0.98 or name in ("distortion", "rate", "elbo")))
        errors = np.array([reading.error for reading in seen if abs(reading.error) < 30])
        ratio = np.median([reading.wider for reading in seen])
        bounded = name.startswith("population")
        table.add_row(
            name.removeprefix("population_"),
            f"{len(seen)} of {len(readings)}",
            f"{holds:.1%}" if low <= holds <= high else f"[red]{holds:.1%}",
            f"{low:.1%} to {high:.1%}",
            f"{bracket:.1%}" if bounded else "",
            f"{errors.mean():+.2f}",
            f"{errors.std():.2f}",
            f"{ratio:.1f}" if bounded else "",
        )
    Console(width=120).print(table)
    print("interval, bracket: how often they hold the truth; error, spread: of the value, in standard errors;")
    print("wider: the bracket against the interval, median")
    known = [reading for one in each for reading in one.values() if not math.isnan(reading.drawn)]
    if known:
        drawn = np.array([reading.drawn for reading in known])
        rest = np.array([reading.error for reading in known]) - drawn
        print(
            f"mi_given_side, in s.e.: the draw of x alone is off by {drawn.mean():+.2f}, spread {drawn.std():.2f};",
            end=" ",
        )
        print(f"the rest is {rest.mean():+.2f}, spread {rest.std():.2f}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
