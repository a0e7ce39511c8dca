"""The density of every code under every group's law: seconds, and error against torch's mixtures in float64.

    python benchmarks/group_aggregates.py [--examples 50000] [--groups 100] [--latent 10] [--some 20]

As for 50,000 cells of 100 samples, at each cell's own code, its own posterior left out; and then the log ratio of half
of the samples over the others, with its error. Torch's `MixtureSameFamily`, a mixture for each sample, is asked for so
many codes (`--some`) under three samples, in float64, and its seconds for all are those times the rest.
"""

import argparse
import time

import torch
from stepping import table
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from termwise.measuring.aggregates import GroupAggregates
from termwise.terms.aggregate.posterior_components import components_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--some", type=int, default=20)
    given = parser.parse_args()
    torch.manual_seed(0)
    mean = torch.randn(given.examples, given.latent)
    scale = (0.2 * torch.randn(given.examples, given.latent) - 1).exp()
    groups, names = torch.randint(given.groups, (given.examples,)), [f"s{s}" for s in range(given.groups)]
    laws = GroupAggregates(components_of(Independent(Normal(mean, scale), 1)), mean.double(), groups, names)
    began = time.perf_counter()
    found = laws.log_density_of_data()
    ours = time.perf_counter() - began
    began, worst = time.perf_counter(), 0.0
    for group in range(3):
        rows = groups == group
        parts = Independent(Normal(mean[rows].double(), scale[rows].double()), 1)
        mixture = MixtureSameFamily(Categorical(torch.ones(int(rows.sum()))), parts)
        others = (~rows).nonzero().squeeze(1)[: given.some]
        worst = max(worst, float((mixture.log_prob(mean[others].double()) - found[others, group]).abs().max()))
    torchs = (time.perf_counter() - began) * given.examples * given.groups / (3 * given.some)
    began = time.perf_counter()
    half = given.groups // 2
    ratio = laws.log_ratio(names[:half], names[half:])
    assert ratio.stderr is not None
    seconds, abundance = time.perf_counter() - began, ratio.log_ratio.abs().mean()
    size = [f"{given.examples:,} x {given.groups}", f"{ours:.1f}", f"{torchs:,.0f}", f"{torchs / ours:.0f}"]
    ratios = [f"{worst:.1e}", f"{seconds:.1f}", f"{float(abundance):.3f}", f"{float(ratio.stderr.mean()):.3f}"]
    head = ["codes x groups", "seconds", "torch's mixtures, s", "ratio", "largest difference, nats"]
    print(table([*head, "log ratio, s", "mean size of it", "mean s.e."], [[*size, *ratios]]))


if __name__ == "__main__":
    main()
