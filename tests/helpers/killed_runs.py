"""Kill a training, resume it, and hold what it leaves against a training that was left alone."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from termwise.training import RunFolder

COMMAND = (sys.executable, "-c", "from termwise.cli import main; main()", "train")


def killed(arguments: list[str], folder: Path, when: Callable[[], bool], patience: float = 120.0) -> bool:
    """Begin a training, or go on with it, and kill it as soon as `when` says; False where it ended before."""
    resume = ["--resume"] if (folder / "config.toml").exists() else []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*COMMAND, *arguments, "--out", str(folder), *resume], **quiet)
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        if when():
            process.kill()
            process.wait()
            return True
        time.sleep(0.001)
    process.kill()
    _, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"The training ended with status {process.returncode}: {errors}")
    return False


def after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have gone by."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun >= seconds


def never() -> bool:
    return False


def position(folder: Path) -> str:
    """How far a run came."""
    if not (folder / "config.toml").exists():
        return "not begun"
    if not (folder / "checkpoints" / "last.pt").exists():
        return "no checkpoint"
    state = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    epochs = RunFolder(folder).config().training.epochs
    written = (folder / "metrics.jsonl").stat().st_size > state["metrics_length"]
    parts = [f"step {state['step']}", "finished" * (state["epoch"] >= epochs), "metrics ahead" * written]
    parts += [f"{path.name} half written" for path in folder.rglob("*.part")]
    return ", ".join(part for part in parts if part)


def differences(left: Path, right: Path) -> list[str]:
    """What two run folders do not share: files by their bytes, the checkpoint by its tensors and numbers."""
    names = {path.relative_to(one) for one in (left, right) for path in one.rglob("*") if path.is_file()}
    found = []
    for name in sorted(names):
        one, other = left / name, right / name
        if not (one.exists() and other.exists()):
            found.append(f"{name} is in one folder only")
        elif name.suffix == ".pt":
            states = (torch.load(path, weights_only=True) for path in (one, other))
            found += [f"{name}: {key}" for key in unlike(*states)]
        elif one.read_bytes() != other.read_bytes():
            found.append(f"{name}: bytes")
    return found


def unlike(one: Any, other: Any, path: str = "state") -> Iterator[str]:
    """The paths at which two nested states differ, bit by bit."""
    if type(one) is not type(other):
        yield path
    elif isinstance(one, torch.Tensor):
        if one.dtype != other.dtype or not torch.equal(one, other):
            yield path
    elif isinstance(one, dict):
        if one.keys() != other.keys():
            yield path
        for key in (key for key in one if key in other):
            yield from unlike(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        if len(one) != len(other):
            yield path
        for position, pair in enumerate(zip(one, other, strict=False)):
            yield from unlike(*pair, f"{path}.{position}")
    elif one != other:
        yield path
