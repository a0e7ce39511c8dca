"""The processes of a distributed training, and what each of them has seen put together."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributions import Distribution, Independent, Normal

from termwise.meter.kept_rows import NewestRows
from termwise.models.data_parallel import rank_and_ranks
from termwise.models.distributions import innermost

NORMAL = "normal"
"""What stands for a law of normals, whose tensors say all."""


@dataclass(frozen=True)
class RankShare:
    """What one process has seen, as it is sent to the others.

    Attributes:
        rows: On the CPU.
        law: Of which kind the posteriors are: as `packed` gives it.
        words: The numbers of words, of the columns beside x.
        updates: How many batches it was told of.
    """

    rows: NewestRows
    law: Any
    words: Mapping[str, Mapping[str, int]]
    updates: int


def gathered(share: RankShare) -> list[RankShare]:
    """The shares of all processes, in order of their rank; every process must ask."""
    found: list[Any] = [None] * rank_and_ranks()[1]
    distributed.all_gather_object(found, share)
    return found


def packed(law: Distribution | None) -> Any:
    """The kind of a law as it can be saved and sent; None of a pair, or where it cannot, for it holds a function."""
    if law is None:
        return None
    if isinstance(innermost(law), Normal):
        return NORMAL
    try:
        pickle.dumps(law)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return law


def unpacked(law: Any, tensors: Mapping[str, Tensor]) -> Distribution | None:
    """The law of that kind, of no examples; `tensors` are rows of some."""
    if isinstance(law, str):
        loc, scale = (tensors[name][:0] for name in ("law 0", "law 1"))
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
    found: Distribution | None = law
    return found


def on(rows: NewestRows, device: torch.device | str) -> NewestRows:
    """The same rows on a device."""
    tensors = {name: of.to(device) for name, of in rows.tensors.items()}
    return NewestRows(rows.example.to(device), rows.stamp.to(device), tensors)
