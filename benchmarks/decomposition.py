"""What the exact aggregate costs, and how exact it is, against the algorithm that the field measures with.

    python benchmarks/decomposition.py --threads 2 --figure benchmarks/decomposition.svg

log q(z) and log q(z_j) of S codes over N posteriors in D dimensions. The published algorithm (Chen et al., 2018,
appendix: the entropies of q(z) and q(z_j), all N components held against some samples at a time) forms a tensor of
shape (N, D, 10) of log densities for every ten codes and takes logsumexp over N. Both see the same posteriors and codes
and take turns; since the published algorithm's cost is proportional to S, it is timed on some of the codes.

Then the error against float64 with every pair written out, for posteriors narrow, wide, spread over four decades and
correlated; what the joint costs beside its matrix product and its exponentials alone; and, with --figure, the cost by
N, S and D, and by N where clusters of components that cannot count are passed over, and where they are not.

    python benchmarks/decomposition.py --million

log q(z) and log q(z_j) of a million codes over a million posteriors, D = 10: time, memory, and the error of some codes.

Ends with status 1 where a target is missed.
"""

import argparse
import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from stepping import table
from torch import Tensor

from termwise.terms.aggregate.clustered import Clusters
from termwise.terms.aggregate.convolution import Convolution
from termwise.terms.aggregate.mixture import Gaussians, LogWeights, log_density

CHUNK = 10
TARGETS = {(10_000, 10_000): 25.0, (60_000, 10_000): 40.0}
"""How many times faster than the published algorithm, at (N, S) and D = 10."""
SECONDS = 2.0
"""For N = S = 60,000, D = 10, on two cores."""
MILLION = 600.0, 4.0
"""Seconds, and GiB, for N = S = 1,000,000, D = 10, on two cores."""
TOLERANCE = 1e-5  # nats, in the mean


@dataclass
class Problem:
    """Posteriors, and codes: one of each of the first S (or, S being greater than N, of some twice)."""

    mean: Tensor
    spread: Tensor
    z: Tensor

    @classmethod
    def of(cls, n: int, s: int, d: int, scale: Callable[[Tensor], Tensor], device: str = "cpu") -> "Problem":
        """`scale` makes standard deviations, or Cholesky factors, of uniform numbers, shape (N, D)."""
        generator = torch.Generator().manual_seed(0)
        mean = torch.randn(n, d, generator=generator)
        spread = scale(torch.rand(n, d, generator=generator))
        of = torch.arange(s) % n
        noise = torch.randn(s, d, generator=generator)
        moved = spread[of] * noise if spread.dim() == 2 else (spread[of] @ noise.unsqueeze(2)).squeeze(2)
        return cls(mean.to(device), spread.to(device), (mean[of] + moved).to(device))


def like_an_encoder(u: Tensor) -> Tensor:
    """Standard deviations from 0.05 to 1."""
    return torch.exp(3 * (u - 1))


def correlated(u: Tensor) -> Tensor:
    """Cholesky factors."""
    generator = torch.Generator().manual_seed(1)
    below = torch.randn(*u.shape, u.shape[1], generator=generator).tril(-1)
    return 0.2 * below + torch.diag_embed(like_an_encoder(u))


KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "like an encoder": like_an_encoder,
    "sigma = 1": torch.ones_like,
    "sigma = 1e-3": lambda u: torch.full_like(u, 1e-3),
    "sigma = 1e-6": lambda u: torch.full_like(u, 1e-6),
    "four decades": lambda u: 10 ** (4 * u - 3),
    "full covariance": correlated,
}


def ours(problem: Problem) -> tuple[Tensor, Tensor]:
    """log q(z), shape (S,), and log q(z_j), shape (S, D), from nothing."""
    components = Gaussians(problem.mean, problem.spread)
    joint = log_density(problem.z, components, LogWeights.uniform(len(components)))
    return joint, Convolution(components).log_density(problem.z)


def published(problem: Problem, codes: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """The same for the first `codes` codes, ten at a time, a diagonal posterior's log densities in one tensor."""
    mean, scale, z = (x.to(dtype).unsqueeze(2) for x in (problem.mean, problem.spread, problem.z[:codes].T))
    z = z.squeeze(2)
    log_n = math.log(len(mean))
    joint, marginals = [], []
    for some in z.split(CHUNK, dim=1):
        standard = (some - mean) / scale  # (N, D, CHUNK)
        pairs = -0.5 * (standard.square() + math.log(2 * math.pi)) - scale.log()
        joint.append(pairs.sum(1).logsumexp(0) - log_n)
        marginals.append(pairs.logsumexp(0).T - log_n)
    return torch.cat(joint), torch.cat(marginals)


def truth(problem: Problem, codes: int) -> tuple[Tensor, Tensor]:
    """In float64, every pair written out."""
    if problem.spread.dim() == 2:
        return published(problem, codes, torch.float64)
    variance = problem.spread.double().square().sum(2)
    _, marginals = published(Problem(problem.mean, variance.sqrt(), problem.z), codes, torch.float64)
    law = torch.distributions.MultivariateNormal(problem.mean.double(), scale_tril=problem.spread.double())
    pairs = [law.log_prob(code) for code in problem.z[:codes].double()]
    return torch.stack(pairs).logsumexp(1) - math.log(len(problem.mean)), marginals


def seconds(run: Callable[[], object], device: str) -> float:
    began = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def race(n: int, s: int, rounds: int, codes: int, device: str) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio; they take turns."""
    problem = Problem.of(n, s, 10, like_an_encoder, device)
    mine, theirs = [], []
    for _ in range(rounds):
        theirs.append(seconds(lambda: published(problem, codes), device) * s / codes)
        mine.append(seconds(lambda: ours(problem), device))
    return median(mine), median(theirs), median(b / a for a, b in zip(mine, theirs, strict=True))


def speed(arguments: argparse.Namespace) -> bool:
    """The races, and the long one; whether every target is met."""
    device = arguments.device
    for of in (ours, lambda problem: published(problem, 20)):
        of(Problem.of(1000, 1000, 10, like_an_encoder, device))
    rows, met = [], True
    for (n, s), target in TARGETS.items():
        if arguments.quick and n > 10_000:
            continue
        mine, theirs, ratio = race(n, s, arguments.rounds, 200 if n <= 10_000 else 60, device)
        rows.append((f"{n:,}", f"{s:,}", f"{theirs:.1f}", f"{mine:.2f}", f"{ratio:.0f} x", f"{target:.0f} x"))
        met &= ratio >= target
    if not arguments.quick:
        whole = Problem.of(60_000, 60_000, 10, like_an_encoder, device)
        taken = seconds(lambda: ours(whole), device)
        rows.append(("60,000", "60,000", "", f"{taken:.2f}", "", f"{SECONDS:.0f} s"))
        met &= taken <= SECONDS
    print(table(("N", "S", "published, s", "termwise, s", "faster", "target"), rows), flush=True)
    return met


def accuracy(n: int, codes: int) -> bool:
    """The table of errors; whether the mean of each is within what is tolerated."""
    rows, met = [], True
    for name, scale in KINDS.items():
        problem = Problem.of(n, n, 10, scale)
        problem.z = problem.z[:: n // codes][:codes]
        errors = [(a - b).abs() for a, b in zip(ours(problem), truth(problem, codes), strict=True)]
        rows.append((name, *(f"{of:.1e}" for error in errors for of in (error.mean(), error.max()))))
        met &= all(bool(error.mean() <= TOLERANCE) for error in errors)
    head = ("posteriors", "log q(z), mean", "worst", "log q(z_j), mean", "worst")
    print(f"\nError against float64, nats; N = {n:,}, {codes} codes, D = 10\n\n{table(head, rows)}", flush=True)
    return met


def limits(n: int, s: int, device: str) -> None:
    """What the joint costs beside its matrix product and its exponentials alone."""
    problem = Problem.of(n, s, 10, like_an_encoder, device)
    components = Gaussians(problem.mean, problem.spread)
    features, slope = components.features(problem.z.double()), components.slope.T.contiguous()
    rows = min(s, 512 if device == "cpu" else 8192)
    columns = min(n, 512 if device == "cpu" else 8192)
    product, exponents = features.new_empty(rows, columns), problem.z.new_zeros(rows, columns)
    times = -(-s // rows) * -(-n // columns)

    def products() -> None:
        for _ in range(times):
            torch.mm(features[:rows], slope[:, :columns], out=product)

    def exponentials() -> None:
        for _ in range(times):
            torch.exp2(exponents, out=exponents).zero_()

    whole = seconds(lambda: log_density(problem.z, components, LogWeights.uniform(n)), device)
    convolved = seconds(lambda: Convolution(components).log_density(problem.z), device)
    rows_of = [
        ("joint", whole),
        ("its products alone", seconds(products, device)),
        ("its exponentials alone", seconds(exponentials, device)),
        ("marginals", convolved),
    ]
    print(f"\nN = {n:,}, S = {s:,}, D = 10\n")
    print(table(("", "s", "ns a pair"), [(a, f"{t:.2f}", f"{1e9 * t / (n * s):.2f}") for a, t in rows_of]), flush=True)


def million(kind: str, n: int, codes: int) -> bool:
    """N = S = n: seconds, memory, and the error of some codes against float64; whether every target is met."""
    problem = Problem.of(n, n, 10, CLUSTERED[kind])
    began = time.perf_counter()

    def progress(done: int, of: int) -> None:
        taken = time.perf_counter() - began
        left = taken * (of - done) / done
        print(f"\r{done:,} of {of:,} codes, {taken:.0f} s, about {left:.0f} s left   ", end="", file=sys.stderr)

    clusters = Clusters(Gaussians(problem.mean, problem.spread))
    joint = clusters.log_density(problem.z, LogWeights.uniform(n), progress=progress)
    between = time.perf_counter()
    marginals = Convolution(clusters.components).log_density(problem.z)
    taken = time.perf_counter() - began
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    errors: tuple[list[float], list[float]] = [], []
    for row in range(0, n, n // codes):
        exact = truth(Problem(problem.mean, problem.spread, problem.z[row : row + 1]), 1)
        for found, wanted, kept in zip((joint, marginals), exact, errors, strict=True):
            kept.append(float((found[row] - wanted[0]).abs().max()))
    head = (
        "posteriors",
        "joint, s",
        "marginals, s",
        "GiB",
        "pairs asked",
        "log q(z), mean",
        "worst",
        "log q(z_j), worst",
    )
    row_of = (
        kind,
        f"{between - began:.0f}",
        f"{taken - (between - began):.0f}",
        f"{gib:.2f}",
        f"{clusters.asked:.1%}",
        f"{sum(errors[0]) / len(errors[0]):.1e}",
        *(f"{max(of):.1e}" for of in errors),
    )
    print(f"\nN = S = {n:,}, D = 10; errors of {len(errors[0])} codes, nats\n\n{table(head, [row_of])}", flush=True)
    seconds_most, gib_most = MILLION
    return taken <= seconds_most and gib <= gib_most and sum(errors[0]) / len(errors[0]) <= TOLERANCE


CLUSTERED: dict[str, Callable[[Tensor], Tensor]] = {
    "like an encoder": like_an_encoder,
    "sigma = 0.1": lambda u: torch.full_like(u, 0.1),
    "sigma = 0.02": lambda u: torch.full_like(u, 0.02),
}
"""Of which the cost by N is drawn with clusters passed over, and without."""
SWEEPS = {
    "N": [(n, 4000, 10) for n in (1000, 3000, 10_000, 30_000, 60_000)],
    "S": [(10_000, s, 10) for s in (1000, 3000, 10_000, 30_000, 60_000)],
    "D": [(10_000, 4000, d) for d in (2, 5, 10, 20, 50)],
}
"""(N, S, D), along one of them."""


def draw_figure(path: Path, device: str) -> None:
    """Seconds against N, S and D."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")
    panels = len(SWEEPS) + 1
    figure, axes = pyplot.subplots(1, panels, figsize=(4.2 * panels, 3.4))
    for place, (axis, (along, sizes)) in enumerate(zip(axes[:-1], SWEEPS.items(), strict=True)):
        lines: dict[str, list[float]] = {"published": [], "joint": [], "marginals": []}
        for n, s, d in sizes:
            problem = Problem.of(n, s, d, like_an_encoder, device)
            components, weights = Gaussians(problem.mean, problem.spread), LogWeights.uniform(n)
            lines["published"].append(seconds(lambda p=problem: published(p, 40), device) * s / 40)
            lines["joint"].append(seconds(lambda p=problem, c=components, w=weights: log_density(p.z, c, w), device))
            lines["marginals"].append(seconds(lambda p=problem, c=components: Convolution(c).log_density(p.z), device))
        for i, (name, times) in enumerate(lines.items()):
            axis.plot([size[place] for size in sizes], times, marker="os^"[i], label=name)
        fixed = ", ".join(f"{name} = {sizes[0][i]:,}" for i, name in enumerate(SWEEPS) if name != along)
        axis.set(xscale="log", yscale="log", xlabel=along, title=fixed)
    draw_clustered(axes[-1])
    axes[0].set_ylabel("seconds")
    for axis in (axes[0], axes[-1]):
        axis.legend(frameon=False, fontsize="small")
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def draw_clustered(axis: Any, codes: int = 16_384) -> None:
    """Seconds of the joint against N, every pair asked, and clusters that cannot count passed over."""
    sizes = (16_384, 65_536, 262_144, 1_048_576)
    for colour, (name, scale) in enumerate(CLUSTERED.items()):
        lines: dict[str, list[float]] = {"every pair": [], "in clusters": []}
        for n in sizes:
            problem, weights = Problem.of(n, codes, 10, scale), LogWeights.uniform(n)
            components = Gaussians(problem.mean, problem.spread)
            clusters = Clusters(components)
            lines["every pair"].append(
                seconds(lambda p=problem, c=components, w=weights: log_density(p.z, c, w), "cpu")
            )
            lines["in clusters"].append(seconds(lambda p=problem, c=clusters, w=weights: c.log_density(p.z, w), "cpu"))
            print(
                f"{name}, N = {n:,}, S = {codes:,}: every pair {lines['every pair'][-1]:.2f} s, in clusters "
                f"{lines['in clusters'][-1]:.2f} s, {clusters.asked:.1%} of the pairs",
                flush=True,
            )
        for (how, times), style in zip(lines.items(), ("-", "--"), strict=True):
            axis.plot(sizes, times, style, color=f"C{colour}", marker="o", label=f"{name}, {how}")
    axis.set(xscale="log", yscale="log", xlabel="N", title=f"log q(z), S = {codes:,}, D = 10")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--quick", action="store_true", help="N = S = 10,000 alone, and fewer codes for the errors")
    parser.add_argument(
        "--million", choices=CLUSTERED, nargs="?", const="like an encoder", help="N = S = 1,000,000 alone"
    )
    parser.add_argument("--size", type=int, default=1_000_000, help="another N = S for --million")
    parser.add_argument("--figure", type=Path, help="an SVG of cost against N, S and D (needs matplotlib)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.million is not None:
        return 0 if million(arguments.million, arguments.size, 200) else 1
    print(f"{arguments.device}, {arguments.threads} threads, D = 10, medians of {arguments.rounds} rounds\n")
    met = speed(arguments)
    met &= accuracy(10_000, 20 if arguments.quick else 200)
    limits(*((10_000, 10_000) if arguments.quick else (60_000, 10_000)), arguments.device)
    if arguments.figure is not None:
        draw_figure(arguments.figure, arguments.device)
    print(f"\nEvery target is met: {'yes' if met else 'NO'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
