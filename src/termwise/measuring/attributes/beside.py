"""Attributes as values beside x: an edit encodes with the value that an example has, and decodes with another.

A model whose decoder takes an attribute beside x needs no vector for it: with m_n the posterior's mean, s_n what stands
beside x_n, and s' the same with attribute j the other way about, the edit is g(m_n, s').
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.models.data_pass import values_beside
from termwise.models.drawable import Drawable, decoder_is_told, side_variables

BY_SIDE = "side"
"""What edits by values beside x are called, among the ways to edit."""


@dataclass(frozen=True, eq=False)
class AttributesBeside:
    """Which variable beside x says each attribute, and by which values.

    Attributes:
        names: The A attributes'.
        places: Of the variables that say them, among those that the model takes.
        having: The value of an example with each.
        lacking: Values of examples without each, from which those are taken in turn whose attribute is taken away.

    Example:
        >>> hat = AttributesBeside(("hat",), (1,), (1.0,), (torch.tensor([0.0]),))
        >>> code = (torch.zeros(2, 3), torch.tensor([[5.0, 0.0], [6.0, 1.0]]))
        >>> hat.turned(code, 0, torch.tensor([False, True]), 1.0)[1]
        tensor([[5., 1.],
                [6., 0.]])
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    having: tuple[float, ...]
    lacking: tuple[Tensor, ...]

    method = BY_SIDE

    def how(self, strength: float) -> str:
        """In words, how edits are made; of what strength is no matter."""
        return "another value beside x"

    def turned(self, code: tuple[Tensor, Any], j: int, has: Tensor, strength: float) -> tuple[Tensor, Any]:
        """Codes and values beside x, shape (B, V), with attribute j where it is not, and without it where it is."""
        z, beside = code
        other = torch.where(has, self._without(j, len(z)).to(beside), self.having[j])
        return z, self._with(beside, j, other)

    def added(self, code: tuple[Tensor, Any], j: int, strength: float) -> tuple[Tensor, Any]:
        """The same with attribute j; without it, where the strength is below 0."""
        z, beside = code
        column = torch.full_like(beside[:, 0], self.having[j]) if strength >= 0 else self._without(j, len(z))
        return z, self._with(beside, j, column)

    def made_from(self, code: tuple[Tensor, Any], has: Tensor) -> tuple[Tensor, Any]:
        """The same: the values beside x are those of the attributes that are asked for."""
        return code

    def _without(self, j: int, count: int) -> Tensor:
        return self.lacking[j][torch.arange(count) % len(self.lacking[j])]

    def _with(self, beside: Tensor, j: int, column: Tensor) -> Tensor:
        changed = beside.clone()
        changed[:, self.places[j]] = column.to(beside)
        return changed


def attributes_beside(model: Drawable, train: Dataset) -> AttributesBeside | None:
    """How a model's decoder is told the attributes of `train`; None where it is not told some.

    A variable says an attribute where all examples that have it have one value, which no other has; one of its name
    comes first.

    Example:
        >>> import termwise as tw
        >>> from termwise.measuring.attributes import with_attributes
        >>> digits = tw.load_data("digits", test=0.2).with_side("labels")
        >>> train, _, _ = with_attributes(digits.train, digits.test, names=["0", "7"])
        >>> attributes_beside(tw.VAE.build(train.shape, 2, side=digits.side), train).having
        (0.0, 7.0)
    """
    attributes = train.attributes
    beside = values_beside(model, train) if decoder_is_told(model) else None
    if beside is None or attributes is None:
        return None
    named = [variable.name for variable in side_variables(model)]
    places, having, lacking = [], [], []
    for j, name in enumerate(train.attribute_names):
        has = attributes[:, j].bool()
        for place in sorted(range(len(named)), key=lambda place: named[place] != name):
            one, others = beside[has, place], beside[~has, place]
            if bool((one == one[0]).all()) and not bool((others == one[0]).any()):
                places.append(place)
                having.append(float(one[0]))
                lacking.append(others[:1] if bool((others == others[0]).all()) else others)
                break
        else:
            return None
    return AttributesBeside(train.attribute_names, tuple(places), tuple(having), tuple(lacking))
