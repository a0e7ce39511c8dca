"""AIS and BDMC against models whose log p(x) is known: is what is certified true?

    python benchmarks/log_likelihood.py [--seed 0] [--examples 64] [--latents 2 8 32] [--noises 0.1 0.3 1]

One row a world: linear-Gaussian of 2 to 32 latents and noise 0.1 to 1, with a diagonal posterior too wide and off
centre; and two binary worlds with codes in the plane, the second with two modes a posterior, whose log p(x) is a
quadrature. `truth` is the mean log p(x) of the data, `AIS` the default's error against it, and `lower` and `upper` are
BDMC's bounds less the simulated data's own true mean, each with its standard error.

Ends with status 1 where a certified AIS is off by more than the tolerance of 0.1 nats, or where a bound lies on the
wrong side by more than four standard errors.
"""

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from stepping import table
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

import termwise as tw
from termwise.measuring.log_likelihood import log_likelihood
from termwise.models.drawable import Drawable
from termwise.worlds import LinearGaussian

TOLERANCE = 0.1
ALLOWED = 4  # standard errors


@dataclass(frozen=True)
class Case:
    """A model, examples (N, *shape), and log p(x) of any examples, (N,)."""

    name: str
    model: Drawable
    x: Tensor
    log_evidence: Callable[[Tensor], Tensor]


def linear(latent: int, noise: float, examples: int, seed: int) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    size = 2 * latent
    decoder, offset = drawn(size, latent) / math.sqrt(latent), drawn(size)
    precision = torch.eye(latent).double() + decoder.T @ decoder / noise**2
    variance = 1.5 / precision.diagonal()
    encoder = torch.linalg.solve(precision, decoder.T) / noise**2
    centre = 0.5 * variance.sqrt() * drawn(latent) - encoder @ offset
    covariance = decoder @ decoder.T + noise**2 * torch.eye(size)
    world = LinearGaussian(offset, covariance, encoder, centre, variance.diag(), decoder, offset, noise)
    law = MultivariateNormal(offset, covariance)
    return Case(f"linear, {latent}, {noise:g}", world, world.data(examples, seed), lambda x: law.log_prob(x.double()))


def binary(mirrored: bool, examples: int, seed: int) -> Case:
    generator = torch.Generator().manual_seed(seed)
    inward = 1.5 * torch.randn(2, 16, generator=generator)
    outward = torch.randn(16, 6, generator=generator) * (1.5 if mirrored else 1.0)
    side = torch.arange(-7, 7.01, 0.05, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)

    def decode(z: Tensor) -> Tensor:
        if mirrored:
            z = torch.stack([2 * (z[:, 0].square() + 0.09).sqrt() - 2, z[:, 1]], 1)
        return torch.tanh(z @ inward.to(z.dtype)) @ outward.to(z.dtype)

    logits = decode(grid)
    constant = Normal(0.0, 1.0).log_prob(grid).sum(1) - torch.nn.functional.softplus(logits).sum(1)

    def log_joint(x: Tensor) -> Tensor:
        return x.double() @ logits.T + constant + 2 * math.log(0.05)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = log_joint(x).softmax(1)
        mean = posterior @ grid
        return mean.float(), (posterior @ grid.square() - mean.square()).log().float()

    probability = decode(torch.randn(examples, 2, generator=generator)).sigmoid()
    x = (torch.rand(examples, 6, generator=generator) < probability).float()
    name = "grid, two modes" if mirrored else "grid, one mode"
    model = tw.adapt(encode, decode, likelihood="bernoulli-logits")
    return Case(name, model, x, lambda x: torch.logsumexp(log_joint(x), 1))


def error(found: Tensor, truth: Tensor) -> tuple[float, float]:
    """The mean of found less truth, and its standard error."""
    difference = found - truth
    return float(difference.mean()), float(difference.std()) / len(difference) ** 0.5


def row(case: Case, seed: int) -> tuple[list[str], list[str]]:
    """A row of the table, and what is wrong in it."""
    whole = tw.load_data(case.x)
    start = time.perf_counter()
    found = log_likelihood(case.model, whole.subset(torch.arange(len(whole))), tolerance=TOLERANCE, seed=seed)
    seconds = time.perf_counter() - start
    certificate = found.certificate
    assert certificate is not None
    truth, simulated = case.log_evidence(case.x), case.log_evidence(certificate.x)
    ais = error(found.per_example["log_likelihood"], truth)
    lower, upper = error(certificate.lower, simulated), error(certificate.upper, simulated)
    wrong = []
    if certificate.reached and abs(ais[0]) > TOLERANCE:
        wrong.append(f"{case.name}: certified, and AIS is off by {ais[0]:.3f} nats")
    if lower[0] > ALLOWED * lower[1] or upper[0] < -ALLOWED * upper[1]:
        wrong.append(f"{case.name}: the bounds {lower[0]:.3f} and {upper[0]:.3f} do not bracket")
    cells = [f"{value:+.3f} ± {stderr:.3f}" for value, stderr in (ais, lower, upper)]
    gap = f"{certificate.gap:.3f} ± {certificate.stderr:.3f}"
    said = "yes" if certificate.reached else "no"
    return [
        case.name,
        f"{float(truth.mean()):.3f}",
        *cells,
        gap,
        said,
        f"{certificate.temperatures}",
        f"{seconds:.0f}",
    ], wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="AIS and BDMC against known log p(x)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=64)
    parser.add_argument("--latents", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--noises", type=float, nargs="+", default=[0.1, 0.3, 1.0])
    given = parser.parse_args()
    worlds = itertools.product(given.latents, given.noises)
    cases = [linear(latent, noise, given.examples, given.seed) for latent, noise in worlds]
    cases += [binary(mirrored, given.examples, given.seed) for mirrored in (False, True)]
    rows, faults = [], []
    for case in cases:
        cells, wrong = row(case, given.seed)
        rows.append(cells)
        faults += wrong
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    head = ["world", "truth", "AIS", "lower", "upper", "BDMC's gap", "certified", "temperatures", "seconds"]
    print(table(head, rows))
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
