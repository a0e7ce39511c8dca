"""What a meter costs a plain loop: `Meter.update`, as a share of the step of an MLP VAE that it stands in.

    python benchmarks/meter.py [--steps 300]

Each step, and each update in it, is timed by the processor's clock, so that others on the machine do not count; a share
is the median update's of the median step's. The last line says what one `compute` costs, in steps.
"""

import argparse
import statistics
import time

import torch
from torch import nn
from torch.distributions import Independent, Normal
from torch.nn.functional import binary_cross_entropy_with_logits

import termwise as tw

N, BATCH, PIXELS, LATENT = 60_000, 128, 784, 20


def main() -> None:
    """Print a line for each way to update."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    count = parser.parse_args().steps
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.rand(8 * BATCH, PIXELS).round()
    encoder = nn.Sequential(nn.Linear(PIXELS, 400), nn.ReLU(), nn.Linear(400, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, 400), nn.ReLU(), nn.Linear(400, PIXELS))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    ways = ("pair", "pair, index", "law", "law, index")
    meters = {how: tw.Meter(dataset_size=N) for how in ways}
    steps: list[float] = []
    updates: dict[str, list[float]] = {how: [] for how in ways}
    for step in range(count):
        start = time.process_time()
        batch = x[step % 8 * BATCH :][:BATCH]
        mean, log_variance = encoder(batch).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        log_likelihood = -binary_cross_entropy_with_logits(decoder(z), batch, reduction="none").sum(1)
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        optimizer.zero_grad()
        (rate - log_likelihood).mean().backward()
        optimizer.step()
        steps.append(time.process_time() - start)
        law = Independent(Normal(mean, (0.5 * log_variance).exp(), validate_args=False), 1)
        index = torch.randperm(N)[:BATCH]
        for how in ways[step % 4 :] + ways[: step % 4]:  # whoever comes first finds a cold cache
            start = time.process_time()
            posterior = law if "law" in how else (mean, log_variance)
            meters[how].update(posterior, z, log_likelihood, index if "index" in how else None)
            updates[how].append(time.process_time() - start)
    whole = statistics.median(steps)
    print(f"MLP {PIXELS}-400-{LATENT}, batches of {BATCH}, Adam, CPU, one thread, a step of {1e3 * whole:.1f} ms")
    for how in ways:
        print(f"{how:12} {statistics.median(updates[how]) / whole:.1%} of a step")
    meter = meters["pair, index"]
    for index in torch.arange(N - N % BATCH).split(BATCH):  # a whole epoch
        meter.update((mean, log_variance), z, log_likelihood, index)
    start = time.process_time()
    account = meter.compute()
    print(f"one compute() of {account.data['n']:,} posteriors: {(time.process_time() - start) / whole:.0f} steps")


if __name__ == "__main__":
    main()
