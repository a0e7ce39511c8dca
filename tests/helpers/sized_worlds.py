"""Worlds of every kind at any size: a model, its examples, and the exact value of every term, in nats.

table   x in S states, q(k|s) tables of P positions of K categories: sums over all K^P codes
mixed   a category and D numbers, side by side or the numbers given it: sums over k of integrals over a grid
normal  linear-Gaussian codes of D dimensions, diagonal or full
levels  linear-Gaussian codes of L levels
words   P codewords of K that are a Markov chain
"""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from termwise.account import glossary
from termwise.account.reading import Reading
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.worlds import LinearGaussian, LinearGaussianLevels, MarkovWorld

ROUNDING = 1e-5
"""Nats by which float32 codes and grids may be off."""
OF_POPULATION = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl")


@dataclass
class Sized:
    """A world of some size.

    Attributes:
        model: What is measured.
        x: N examples.
        truth: By the readings' names.
        by_block: The same of readings by block, or by dimension.
        groups: The groups whose links are among the truth.
        of_points: Whether q(z) of the N examples is exactly that of the truth, each state being there as often.
        chi2: E q(z|x)/q(z) - 1, jointly and by dimension: N points are off by half of it over N, in nats.
    """

    model: Any
    x: Tensor
    truth: dict[str, float]
    by_block: dict[str, list[float]] = field(default_factory=dict)
    groups: Any = None
    of_points: bool = False
    chi2: tuple[float, float] = (0.0, 0.0)

    def off(self, account: Any, errors: float = 4.0) -> list[str]:
        """What of an account is further from the truth than so many standard errors."""
        found = []
        for name, value in self.truth.items():
            population = not self.of_points and name in OF_POPULATION
            reading = account[glossary.of_population(name) if population else name]
            if not _near(reading, value, errors):
                found.append(f"{name}: {reading.value:.5f} +- {reading.stderr}, the truth is {value:.5f}")
        for name, values in self.by_block.items():
            read = account.by_dimension[name]
            assert len(read.value) == len(values), name
            each = zip(read.value, read.stderr, values, strict=True)
            for j, (value, stderr, true) in enumerate(each):
                if abs(value - true) >= errors * stderr + ROUNDING:
                    found.append(f"{name} {j}: {value:.5f} +- {stderr:.5f}, the truth is {true:.5f}")
        return found


def _near(reading: Reading, value: float, errors: float) -> bool:
    return reading.stderr is None or abs(reading.value - value) < errors * reading.stderr + ROUNDING


class States:
    """x is one of S states, which come equally often."""

    generates = False

    def __init__(self, states: int) -> None:
        self.states = states

    def examples(self, count: int) -> Tensor:
        """As many as are a multiple of the states, shape (N, 1)."""
        return torch.arange(float(self.states)).repeat(max(1, count // self.states)).unsqueeze(1)

    def generate(self, z: Tensor, context: Any) -> Any:
        raise NotImplementedError


class Table(States):
    """Each state has a table of P positions of K categories; the surer, the more one category has of each."""

    def __init__(self, seed: int, states: int, positions: int, categories: int, sure: float = 2.0) -> None:
        super().__init__(states)
        generator = torch.Generator().manual_seed(seed)
        self.logits = sure * torch.randn(states, positions, categories, generator=generator)

    def infer(self, x: Tensor) -> tuple[Any, None]:
        return Categories(self.logits[x[:, 0].long()]), None

    def prior_law(self) -> Any:
        return Categories(torch.zeros(self.logits.shape[1:]))

    def truth(self) -> tuple[dict[str, float], dict[str, list[float]]]:
        log_probs = self.logits.double().log_softmax(-1)  # (S, P, K)
        positions, categories = log_probs.shape[1:]
        codes = torch.tensor(list(itertools.product(range(categories), repeat=positions)))
        whole = sum(log_probs[:, p, codes[:, p]] for p in range(positions))  # (S, codes)
        q, marginals = whole.exp().mean(0), log_probs.exp().mean(0)
        each = [_kl(marginals[p], torch.full((categories,), 1 / categories)) for p in range(positions)]
        information = _kl(whole.exp(), q) / self.states
        of_positions = [_kl(log_probs[:, p].exp(), marginals[p]) / self.states for p in range(positions)]
        rate = positions * math.log(categories) + float((log_probs.exp() * log_probs).sum()) / self.states
        truth = {
            "rate": rate,
            "index_code_mi": information,
            "marginal_kl": rate - information,
            "total_correlation": rate - information - sum(each),
            "dimension_wise_kl": sum(each),
        }
        by = {"index_code_mi_by_dimension": of_positions, "dimension_wise_kl_by_dimension": each}
        return truth, by


class Mixed(States):
    """A category of K and D numbers, told by the state: side by side, or the numbers given the category."""

    def __init__(self, seed: int, states: int, categories: int, numbers: int, given: bool, sure: float = 2.0) -> None:
        super().__init__(states)
        generator = torch.Generator().manual_seed(seed)
        self.categories, self.numbers, self.given = categories, numbers, given
        shape = (states, categories if given else 1, numbers)
        self.logits = sure * torch.randn(states, categories, generator=generator)
        self.mean = 1.5 * torch.randn(shape, generator=generator)
        self.scale = 0.5 + 0.5 * torch.rand(shape, generator=generator)

    def infer(self, x: Tensor) -> tuple[Any, None]:
        s = x[:, 0].long()
        kind = Categories(self.logits[s].unsqueeze(1))
        if not self.given:
            return BlockLaw([kind, _normal(self.mean[s, 0], self.scale[s, 0])], ("kind", "size")), None
        features = torch.cat([self.mean[s].flatten(1), self.scale[s].flatten(1)], 1)
        return ChainedLaw([kind, Conditional(self._of_kind, [0], self.numbers, features)], ("kind", "size")), None

    def _of_kind(self, kind: Tensor, features: Tensor | None) -> Any:
        assert features is not None
        mean, scale = (
            torch.einsum("...k,...kd->...d", kind, of.unflatten(-1, (self.categories, self.numbers)))
            for of in features.chunk(2, -1)
        )
        return _normal(mean, scale)

    def prior_law(self) -> Any:
        numbers = _normal(torch.zeros(self.numbers), torch.ones(self.numbers))
        return BlockLaw([Categories(torch.zeros(1, self.categories)), numbers], ("kind", "size"))

    def truth(self) -> tuple[dict[str, float], dict[str, list[float]]]:
        line = torch.linspace(-9, 9, 2001 if self.numbers == 1 else 361, dtype=torch.float64)
        step = float(line[1] - line[0])
        shape = (self.states, self.categories, self.numbers)
        mean, scale = (of.double().expand(shape).unsqueeze(-1) for of in (self.mean, self.scale))
        lines = Normal(mean, scale).log_prob(line).exp() * step  # (S, K, D, G): mass at the nodes
        space = lines[:, :, 0] if self.numbers == 1 else lines[:, :, 0, :, None] * lines[:, :, 1, None, :]
        space = space.flatten(2)  # (S, K, G^D)
        table = self.logits.double().softmax(1)
        joint = table.unsqueeze(2) * space
        q, kinds = joint.mean(0), table.mean(0)
        one = Normal(0.0, 1.0).log_prob(line).exp() * step
        at = one if self.numbers == 1 else (one[:, None] * one).flatten()
        of_kind = _kl(table, kinds) / self.states
        numbers = q.sum(0)  # of all numbers together
        of_line = [(table[:, :, None] * lines[:, :, d]).sum(1).mean(0) for d in range(self.numbers)]
        product = of_line[0] if self.numbers == 1 else (of_line[0][:, None] * of_line[1]).flatten()
        uniform = torch.full((self.categories,), 1 / self.categories, dtype=torch.float64)
        each = [_kl(kinds, uniform), *(_kl(of, one) for of in of_line)]
        information = _kl(joint, q) / self.states
        of_numbers = [
            _kl((table[:, :, None] * lines[:, :, d]).sum(1), of_line[d]) / self.states for d in range(self.numbers)
        ]
        size = _kl(joint.sum(1), numbers) / self.states
        truth = {
            "rate": _kl(joint, uniform.unsqueeze(1) * at) / self.states,
            "index_code_mi": information,
            "marginal_kl": _kl(q, uniform.unsqueeze(1) * at),
            "total_correlation": _kl(q, kinds.unsqueeze(1) * product),
            "dimension_wise_kl": sum(each),
            "group_correlation": _kl(q, kinds.unsqueeze(1) * numbers),
            "within_group_correlation": _kl(numbers, product),
        }
        by_block = [of_kind, information - of_kind if self.given else size]
        return truth, {"index_code_mi_by_block": by_block, "index_code_mi_by_dimension": [of_kind, *of_numbers]}


def _normal(mean: Tensor, scale: Tensor) -> Any:
    return Independent(Normal(mean, scale, validate_args=False), 1, validate_args=False)


def _kl(left: Tensor, right: Tensor) -> float:
    """sum left log left/right of masses, summed over all before the last axes of the right, too."""
    return float((torch.xlogy(left, left) - torch.xlogy(left, right)).sum())


def table(seed: int, count: int, states: int, positions: int, categories: int, sure: float = 2.0) -> Sized:
    model = Table(seed, states, positions, categories, sure)
    return Sized(model, model.examples(count), *model.truth(), of_points=True)


def mixed(
    seed: int, count: int, states: int, categories: int, numbers: int, given: bool = False, sure: float = 2.0
) -> Sized:
    model = Mixed(seed, states, categories, numbers, given, sure)
    return Sized(model, model.examples(count), *model.truth(), groups="blocks", of_points=True)


def normal(seed: int, count: int, dimensions: int, nats: float = 1.0, diagonal: bool = True) -> Sized:
    world = LinearGaussian.random(seed, dimensions, dimensions + 2, nats, diagonal)
    truth = world.truth()
    aggregate = world.encoder @ world.covariance @ world.encoder.T + world.posterior_covariance
    by_dimension = (aggregate.diagonal() / world.posterior_covariance.diagonal() - 1).sum()
    names = ("distortion", "rate", "elbo", *OF_POPULATION)
    return Sized(
        world,
        world.data(count, seed),
        {name: truth[name] for name in names},
        chi2=(math.exp(2 * nats) - 1, float(by_dimension)),
    )


def levels(seed: int, count: int, sizes: tuple[int, ...], nats: float = 1.0) -> Sized:
    world = LinearGaussianLevels.random(seed, sizes, mutual_information=nats)
    truth, names = world.truth(), ("distortion", "rate", "elbo", "index_code_mi", "marginal_kl")
    by_level = world.truth_by_level()
    return Sized(world, world.data(count, seed), {name: truth[name] for name in names}, by_level)


def words(seed: int, count: int, codewords: int, positions: int) -> Sized:
    world = MarkovWorld.random(seed, codewords, positions)
    truth = world.truth()
    pooled = world.marginals.mean(0)
    names = ("distortion", "rate", "elbo", *OF_POPULATION)
    perplexity = math.exp(-float(torch.xlogy(pooled, pooled).sum()))
    return Sized(world, world.data(count, seed), {**{name: truth[name] for name in names}, "perplexity": perplexity})
