"""Which examples train, validate and test: disjoint positions, the same for the same seed."""

from collections.abc import Mapping

import torch
from torch import Tensor

from termwise.errors import BadData

TEST_FRACTION = 0.2


def divide(
    n: int, own: Mapping[str, Tensor], *, validation: float, test: float | None, seed: int, where: str
) -> dict[str, Tensor]:
    """Positions by split, each sorted.

    Args:
        n: The number of examples.
        own: The splits that the source has itself, which are kept: "train", perhaps "test" and "validation"; or none.
        validation: The fraction of the training part that is carved off it.
        test: The fraction that tests; None for the source's own part, or a fifth.
        seed: Of the random choice.
        where: What to call the source in errors.
    """
    for name, fraction in (("validation", validation), ("test", test)):
        if fraction is not None and not 0.0 <= fraction < 1.0:
            raise BadData(f"{where}: expected {name} to be a fraction, 0 <= {name} < 1, got {fraction}.")
    if "test" in own and test is not None:
        raise BadData(
            f"{where} has a test part of its own ({len(own['test'])} examples): leave test={test} out to use it."
        )
    if "validation" in own and validation > 0:
        raise BadData(
            f"{where} has a validation part of its own ({len(own['validation'])} examples): leave "
            f"validation={validation} out to use it."
        )
    generator = torch.Generator().manual_seed(seed)
    parts = dict(own) if own else {"train": torch.arange(n)}
    for name, fraction in (("test", TEST_FRACTION if test is None else test), ("validation", validation)):
        if name not in own:
            carved, rest = _carve(parts["train"], fraction, generator, where)
            parts = {**parts, "train": rest, name: carved} if len(carved) else {**parts, "train": rest}
    return parts


def _carve(positions: Tensor, fraction: float, generator: torch.Generator, where: str) -> tuple[Tensor, Tensor]:
    """A random `fraction`, one example at least, and the rest."""
    n = len(positions)
    count = max(1, round(fraction * n)) if fraction > 0 else 0
    if count >= n:
        raise BadData(
            f"{where}: expected enough examples to split, got {n}: a fraction of {fraction} leaves none to train on."
        )
    shuffled = positions[torch.randperm(n, generator=generator)]
    return shuffled[:count].sort().values, shuffled[count:].sort().values
