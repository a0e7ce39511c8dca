"""How fuzzed commands, files, configurations and calls end, counted: `python tests/fuzz/count.py SEEDS FIRST`."""

import collections
import re
import sys
import tempfile
import time
from pathlib import Path

import torch

from helpers.fuzzed import SURFACES, make_run


def main(seeds: int = 5, first: int = 0, *names: str) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as root:
        beside = Path(root) / "beside"
        beside.mkdir()
        make_run(beside)
        for name in names or SURFACES:
            started, kinds = time.monotonic(), collections.Counter()
            room = Path(root) / name
            room.mkdir()
            for story, end in SURFACES[name].ends(beside, range(first, first + seeds), room):
                kinds[end.kind] += 1
                if not end.good:
                    said = re.sub(r"\n", "\n    ", end.words[-900:])
                    print(f"\n{end.kind} | {story}\n    {said}", flush=True)
            spent = time.monotonic() - started
            print(f"\nTOTAL {name}: {sum(kinds.values())} in {spent:.0f} s; {dict(kinds.most_common())}", flush=True)


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:3]), *sys.argv[3:])
