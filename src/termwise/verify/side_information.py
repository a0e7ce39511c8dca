"""What stands beside x: the links through q(z|s), by the instrument and by the estimators of a training.

    I(x; z) = I(x; z|s) + I(z; s),     side_information = sum_s p_s KL(q(z|s) || q(z))

for every example, whatever s. Of a `ConditionalLinearGaussian` both are known by quadrature, and of s that is a
function of a discrete x they are sums of integrals on a grid. Between normals N(a_s, A) under the kernel
exp(-|a - b|^2 / 2 h^2) it is E k = |1 + 2 A / h^2|^(-1/2) exp(-1/2 (a_s - a_t)' (h^2 + 2 A)^(-1) (a_s - a_t)).
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from termwise.account.account import Account
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.measuring import measure
from termwise.models.data_pass import DataPass
from termwise.models.randomness import own_randomness
from termwise.terms.aggregate.full import Full
from termwise.terms.aggregate.minibatch import MinibatchStratified
from termwise.terms.aggregate.table import AGGREGATES
from termwise.terms.kernel import RBF, Kernel
from termwise.terms.link import Link
from termwise.terms.monte_carlo import MonteCarlo
from termwise.verify.check import CLOSED_FORM, Check, check
from termwise.worlds import ConditionalLinearGaussian, World, random_world

LINKAGE = "I(x; z) = I(x; z|s) + I(z; s)"
EXAMPLES = 2000
BATCH, FEW = 500, 50
MEMORIES = ("full", "bank")
SPLIT = ("posterior", "conditional"), ("conditional", "aggregate")
LINKS = ("index_code_mi_given_side", "side_information")
STANDARD_ERRORS = 4.0
BANDWIDTH = 2.0


def checks(seed: int) -> list[Check]:
    """Worlds whose x have another mean for each of three categories, or the same; and a discrete one."""
    told, untold = normal_world(seed), normal_world(seed, separation=0.0)
    discrete = random_world(seed)
    kinds = torch.arange(len(discrete.examples)) % 3
    x = discrete.data(EXAMPLES, seed)
    of_x = kinds[(x.long() << torch.arange(x.shape[1])).sum(1)]
    beside = discrete.truth_beside(kinds)
    return [
        *instrument("conditional", told, _beside(told, seed), told.truth(), seed),
        *instrument("discrete", discrete, _dataset(x, of_x), {**discrete.truth(), **beside}, seed),
        *independent(untold, seed),
        *by_training(told, seed),
        from_a_batch(told, seed),
        *by_kernel(told, untold, seed),
    ]


def normal_world(seed: int, separation: float = 1.5) -> ConditionalLinearGaussian:
    """A world of normals with three categories beside x."""
    return ConditionalLinearGaussian.random(seed, categories=3, separation=separation, mutual_information=1.0)


def _dataset(x: Tensor, side: Tensor) -> Dataset:
    return Dataset("beside", InMemory(x)).with_side({"kind": side})


def _beside(world: ConditionalLinearGaussian, seed: int) -> Dataset:
    return _dataset(world.data(EXAMPLES, seed), world.side(EXAMPLES, seed))


def _sampled(name: str, statement: str, value: float, truth: float, stderr: float) -> Check:
    return check(
        name,
        LINKAGE,
        statement,
        value,
        truth,
        allowed=STANDARD_ERRORS * stderr,
        note=f"allowed: {STANDARD_ERRORS:g} standard errors",
        sampled=True,
        own_terms=True,
    )


def _summed(name: str, statement: str, whole: Tensor, parts: Tensor) -> Check:
    how: dict[str, Any] = {"allowed": CLOSED_FORM, "note": "allowed: float64", "sampled": True, "own_terms": True}
    return check(name, LINKAGE, statement, whole, parts, **how)


def instrument(kind: str, world: World, data: Dataset, truth: Mapping[str, float], seed: int) -> list[Check]:
    """The readings of a world's links through q(z|s); and that they sum, for every example."""
    account = measure(world, data, seed=seed)
    words = f"measured on {EXAMPLES:,} examples of a {kind} world"
    found = [_of_account(f"measured-beside-{kind}", name, words, account, truth[name]) for name in LINKS]
    values = account.per_example
    return [
        *found,
        _summed(
            f"side-linkage-{kind}",
            f"index-code MI of every example, {words}; and MI given side + side information",
            values["index_code_mi"],
            values["index_code_mi_given_side"] + values["side_information"],
        ),
    ]


def _of_account(prefix: str, name: str, words: str, account: Account, truth: float) -> Check:
    reading = account[name]
    assert isinstance(reading.value, float) and isinstance(reading.stderr, float)
    name_of_check = f"{prefix}-{name.replace('_', '-')}"
    return _sampled(name_of_check, f"{name}, {words}; and its truth", reading.value, truth, reading.stderr)


def independent(world: ConditionalLinearGaussian, seed: int) -> list[Check]:
    """Of a category that x knows nothing of, the code knows nothing: what few points make of it is taken out."""
    reading = measure(world, _beside(world, seed), seed=seed)["population_side_information"]
    assert isinstance(reading.value, float) and reading.interval is not None
    low, high = reading.interval
    return [
        _sampled(
            "measured-beside-independent",
            "population_side_information of a category that x knows nothing of; and 0",
            reading.value,
            0.0,
            (high - low) / (2 * 1.96),
        )
    ]


def by_training(world: ConditionalLinearGaussian, seed: int) -> list[Check]:
    """The links as a training has them, from each memory of q(z): against the truth, and against each other."""
    truth, found = world.truth(), []
    every = DataPass(world, _beside(world, seed), batch_size=BATCH, dtype=torch.float64)
    for name in MEMORIES:
        memory = AGGREGATES.build(name)
        memory.prepare(every)
        kl = MonteCarlo(memory)
        links = [Link(*ends, kl) for ends in (*SPLIT, ("posterior", "aggregate"))]
        with own_randomness(seed):
            values = torch.cat([torch.stack([link(draw).double() for link in links]) for draw in every()], 1)
        words = f"over {EXAMPLES:,} examples in batches of {BATCH}, {name} aggregate"
        for link, of in zip(links[:2], values[:2], strict=True):
            check_name = f"{link.name.replace('_', '-')}-{name}"
            statement = f"{link.name} {words}; and its truth"
            stderr = float(of.std()) / math.sqrt(EXAMPLES)
            found.append(_sampled(check_name, statement, float(of.mean()), truth[link.name], stderr))
        statement = f"index-code MI of every code {words}; and MI given side + side information"
        found.append(_summed(f"side-linkage-{name}", statement, values[2], values[0] + values[1]))
    return found


def from_a_batch(world: ConditionalLinearGaussian, seed: int) -> Check:
    """The density of q(z|s) from the few of a batch that have the same s, on average that of all who have."""
    every = DataPass(world, _beside(world, seed), dtype=torch.float64)
    full, few = Full(), MinibatchStratified()
    full.prepare(every)
    with own_randomness(seed):
        draws = [every.at(some) for some in torch.randperm(EXAMPLES).split(FEW)]
        ratios = [few.conditional_log_density(d.z, d) - full.conditional_log_density(d.z, d) for d in draws]
    values = torch.cat(ratios).exp()
    return _sampled(
        "conditional-density-minibatch-stratified",
        f"q(z|s) from batches of {FEW} by that of all {EXAMPLES:,} examples, on average; and 1",
        float(values.mean()),
        1.0,
        float(values.std()) / math.sqrt(EXAMPLES),
    )


def by_kernel(told: ConditionalLinearGaussian, untold: ConditionalLinearGaussian, seed: int) -> list[Check]:
    """The MMD between groups, by batches: of normals in closed form, and 0 of groups that are alike."""
    found = []
    for name, world in (("", told), ("-independent", untold)):
        data = _beside(world, seed)
        link = Link("conditional", "aggregate", Kernel(RBF(BANDWIDTH)))
        every = DataPass(world, data, batch_size=100)
        assert data.side is not None
        shares = data.side.groups()[0].bincount().double() / len(data)
        with own_randomness(seed):
            order = torch.randperm(len(data))
            values = torch.stack([link(every.at(some)) for some in order.split(100)]).double()
        found.append(
            _sampled(
                f"side-information-kernel{name}",
                f"side information MMD^2 over batches of 100{', s independent of x' if name else ''}; and its truth",
                float(values.mean()),
                mmd2_between(world, shares),
                float(values.std()) / math.sqrt(len(values)),
            )
        )
    return found


def mmd2_between(world: ConditionalLinearGaussian, shares: Tensor) -> float:
    """sum_s p_s MMD^2(q(z|s), q(z)) under a normal kernel, in closed form."""
    centres, covariance = world.given_side()
    wide = torch.eye(len(covariance), dtype=torch.float64) + 2 * covariance / BANDWIDTH**2
    apart = (centres.unsqueeze(1) - centres) / BANDWIDTH  # (categories, categories, k)
    alike = (-0.5 * (apart @ torch.linalg.inv(wide) * apart).sum(2)).exp() / wide.det().sqrt()
    return max(float(shares @ alike.diagonal() - shares @ alike @ shares), 0.0)
