"""What log q(z) and its gradient cost of normals, beside code of before, and of mixed blocks, beside their features.

    python benchmarks/components.py [--before CHECKOUT] [--components 32768] [--codes 128] [--rounds 7] [--threads 1]

A code of ten normal numbers and a category of ten has 30 features, as fifteen normal numbers have: its product is
as large. CHECKOUT is another checkout of termwise (`git worktree add`), whose product for normals takes turns with this
one's; each has a process of its own. Milliseconds are medians of rounds, ratios medians of the rounds' ratios.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch
from stepping import table

HERE = Path(__file__).resolve()
NORMALS, CATEGORIES = 10, 10
CASES = ("10 normals", "15 normals", "10 normals and a category of 10")


def timed(case: str, count: int, codes: int, gradient: bool) -> float:
    """Seconds of one pass."""
    from termwise.terms.aggregate.mixture import Gaussians, LogWeights, log_density

    torch.manual_seed(0)
    size = 15 if case == CASES[1] else NORMALS
    mean, spread = torch.randn(count, size), torch.exp(3 * (torch.rand(count, size) - 1))
    components, z = Gaussians(mean, spread), mean[:codes] + spread[:codes] * torch.randn(codes, size)
    if case == CASES[2]:
        from termwise.terms.aggregate.block_components import BlockComponents
        from termwise.terms.aggregate.discrete_components import CategoryComponents

        log_probs = torch.randn(count, 1, CATEGORIES).mul(2).log_softmax(-1)
        own = torch.distributions.Categorical(logits=log_probs[:codes, 0]).sample()
        z = torch.cat([z, torch.nn.functional.one_hot(own, CATEGORIES)], 1)
        components = BlockComponents([components, CategoryComponents(log_probs)])
    z.requires_grad_(gradient)
    began = time.perf_counter()
    value = log_density(z, components, LogWeights.uniform(count))
    if gradient:
        value.sum().backward()
    return time.perf_counter() - began


class Worker:
    """A process that times passes by one checkout's code, when asked."""

    def __init__(self, source: Path, given: argparse.Namespace) -> None:
        options = [f"--{name}={getattr(given, name)}" for name in ("components", "codes", "threads")]
        paths = os.pathsep.join([str(source), str(HERE.parent)])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--worker", *options],
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, case: str, gradient: bool) -> float:
        """Of one pass."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(CASES.index(case), int(gradient), file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--components", type=int, default=32_768)
    parser.add_argument("--codes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        torch.set_num_threads(given.threads)
        for line in sys.stdin:
            case, gradient = map(int, line.split())
            print(timed(CASES[case], given.components, given.codes, bool(gradient)), flush=True)
        return
    now = Worker(HERE.parent.parent / "src", given)
    contenders = {case: (now, case) for case in CASES}
    if given.before is not None:
        contenders["10 normals, before"] = (Worker(given.before / "src", given), CASES[0])
    rows = []
    for gradient in (False, True):
        taken = {name: [] for name in contenders}
        for lap in range(given.rounds + 1):
            for name, (worker, case) in contenders.items():
                seconds = worker.seconds(case, gradient)
                if lap:  # the first warms up
                    taken[name].append(seconds)
        for name, beside in (("10 normals", "10 normals, before"), (CASES[2], "15 normals"), (CASES[2], "10 normals")):
            if beside in taken:
                ratio = median(one / other for one, other in zip(taken[name], taken[beside], strict=True))
                times = [f"{1000 * median(taken[of]):.1f}" for of in (name, beside)]
                rows.append(["with its gradient" if gradient else "log q(z)", name, beside, *times, f"{ratio:.2f}"])
    print(table(["", "of", "beside", "ms", "ms beside", "ratio"], rows))


if __name__ == "__main__":
    main()
