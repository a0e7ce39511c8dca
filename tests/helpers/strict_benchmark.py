"""`benchmarks/gpu.py` on the strict device, in a process of its own.

python -m helpers.strict_benchmark --data digits ...
"""

import sys
from pathlib import Path

import lightning_fabric

from helpers.strict_device import NAME, register
from helpers.strict_jobs import on_the_strict_device

if __name__ == "__main__":
    register()
    lightning_fabric.Fabric = on_the_strict_device(lightning_fabric.Fabric)  # type: ignore[assignment, misc]
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    import gpu

    sys.argv += ["--device", NAME]
    gpu.main()
