"""Records of tensors are put together field by field, whatever is in them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from termwise.models.tensor_dataclasses import map_fields


@dataclass(frozen=True)
class Inner:
    mean: Tensor


@dataclass(frozen=True)
class Outer:
    codes: Inner
    weight: Tensor


def test_every_field_is_combined_also_those_of_a_record_within():
    first = Outer(Inner(torch.zeros(2, 3)), torch.tensor([1.0, 2.0]))
    second = Outer(Inner(torch.ones(1, 3)), torch.tensor([5.0]))
    joined = map_fields(torch.cat, [first, second])
    assert type(joined) is Outer and type(joined.codes) is Inner
    assert joined.codes.mean.tolist() == [[0.0] * 3, [0.0] * 3, [1.0] * 3] and joined.weight.tolist() == [1.0, 2.0, 5.0]


def test_the_records_keep_their_order():
    pair = [Inner(torch.tensor([1.0, 2.0])), Inner(torch.tensor([3.0, 4.0]))]
    chosen = map_fields(lambda parts: torch.where(torch.tensor([True, False]), parts[0], parts[1]), pair)
    assert chosen.mean.tolist() == [1.0, 4.0]
