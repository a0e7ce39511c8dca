"""Dataclasses of tensors, such as those of several batches, put together field by field."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from torch import Tensor

RecordT = TypeVar("RecordT")


def map_fields(combine: Callable[[list[Tensor]], Tensor], records: Sequence[RecordT]) -> RecordT:
    """One dataclass of tensors made of several of its kind, each field combined; a dataclass in a field likewise.

    Args:
        combine: Takes a field's tensors, one of each record, and gives the tensor of the new one; such as `torch.cat`.
        records: One or more dataclasses of one kind, whose fields are tensors or dataclasses of tensors.

    Example:
        >>> import torch
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Codes:
        ...     mean: torch.Tensor
        >>> map_fields(torch.cat, [Codes(torch.zeros(2)), Codes(torch.ones(1))])
        Codes(mean=tensor([0., 0., 1.]))
    """
    values = {one.name: [getattr(record, one.name) for record in records] for one in fields(records[0])}  # type: ignore[arg-type]
    return type(records[0])(**{name: _combined(combine, parts) for name, parts in values.items()})


def _combined(combine: Callable[[list[Tensor]], Tensor], parts: list[Any]) -> Any:
    return combine(parts) if isinstance(parts[0], Tensor) else map_fields(combine, parts)
