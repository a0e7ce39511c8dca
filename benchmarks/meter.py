"""What a meter costs a plain loop: steps of an MLP VAE with `Meter.update` in them, and without.

    python benchmarks/meter.py [--steps 200] [--rounds 15] [--threads 1]

Loops take turns, a few hundred steps each, and a ratio is the median of the rounds' own. The last line says what one
`compute` of all that is held costs, in steps.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.distributions import Independent, Normal
from torch.nn.functional import binary_cross_entropy_with_logits

import termwise as tw

N, BATCH, PIXELS, LATENT = 60_000, 128, 784, 20


def loop(how: str, seed: int = 0) -> tuple[Callable[[int], None], tw.Meter]:
    """So many steps of a loop, whose meter is told of its batches in one of four ways, or of none."""
    torch.manual_seed(seed)
    x = torch.rand(8 * BATCH, PIXELS).round()
    encoder = nn.Sequential(nn.Linear(PIXELS, 400), nn.ReLU(), nn.Linear(400, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, 400), nn.ReLU(), nn.Linear(400, PIXELS))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    meter = tw.Meter(dataset_size=N)

    def steps(count: int) -> None:
        for step in range(count):
            batch = x[step % 8 * BATCH :][:BATCH]
            mean, log_variance = encoder(batch).chunk(2, 1)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            log_likelihood = -binary_cross_entropy_with_logits(decoder(z), batch, reduction="none").sum(1)
            rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
            loss = (rate - log_likelihood).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            index = (torch.arange(BATCH) * 7919 + step * 104_729) % N if "index" in how else None
            if "law" in how:
                law = Independent(Normal(mean, (0.5 * log_variance).exp(), validate_args=False), 1)
                meter.update(law, z, log_likelihood, index)
            elif how != "no meter":
                meter.update((mean, log_variance), z, log_likelihood, index)

    return steps, meter


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ways = ("no meter", "pair", "pair, index", "law", "law, index")
    loops = {how: loop(how) for how in ways}
    seconds: dict[str, list[float]] = {how: [] for how in ways}
    for _ in range(options.rounds):
        for how, (steps, _) in loops.items():
            start = time.perf_counter()
            steps(options.steps)
            seconds[how].append(time.perf_counter() - start)
    print(f"MLP {PIXELS}-400-{LATENT}, batches of {BATCH}, Adam, CPU, {options.threads} thread(s)")
    for how in ways[1:]:
        ratios = [with_it / without - 1 for with_it, without in zip(seconds[how], seconds["no meter"], strict=True)]
        print(f"{how:12} {statistics.median(ratios):+.1%} of a step")
    step = statistics.median(seconds["no meter"]) / options.steps
    meter = loops["pair, index"][1]
    start = time.perf_counter()
    account = meter.compute()
    print(f"one compute() of {account.data['n']:,} posteriors: {(time.perf_counter() - start) / step:.0f} steps")


if __name__ == "__main__":
    main()
