"""The block of a code that observes what stands beside x: a category that is known of some examples.

Of these the block's law in training is a point at what is known, and blocks given it are given that. A value that a
user gives, {"labels": 3}, is a point wherever it stands: in what is encoded, and in codes that are decoded or drawn.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.side import Side, SideVariable
from termwise.errors import Refused, UnknownName, in_short
from termwise.models.block_law import LawOfBlocks
from termwise.models.blocks import Block, BlockFamily
from termwise.models.categories import Categories, ObservedCategories
from termwise.models.side_input import SideInput, SideValues, listed, values_for

Observe = Callable[[Categories], Distribution]
"""What makes of the law of a block what it is where some of its values are known."""

ANY = "side"
"""What a block observes that names no variable: the one that stands beside x."""


@dataclass(frozen=True)
class Observed:
    """What a block observes, and where.

    Attributes:
        variable: The variable beside x.
        start: The first number of the block in z.
        before: How many variables beside x a model's networks take, which stand before it.

    Example:
        >>> observed = Observed(SideVariable("kind", ("a", "b"), partly=True), start=1, before=0)
        >>> observed.written(torch.zeros(2, 3), observed.values({"kind": "b"}, 2))
        tensor([[0., 0., 1.],
                [0., 0., 1.]])
    """

    variable: SideVariable
    start: int
    before: int

    @property
    def numbers(self) -> slice:
        """The block's numbers in z."""
        return slice(self.start, self.start + len(self.variable.categories))

    def law(self, posterior: Distribution) -> Categories:
        """q(y|x), the law of the block."""
        assert isinstance(posterior, LawOfBlocks)
        places = [part.start for part in posterior.slices]
        found = posterior.links[places.index(self.start)]
        assert isinstance(found, Categories)
        return found

    def config(self) -> dict[str, Any]:
        """What a saved model says of it, as JSON can hold it."""
        return {"name": self.variable.name, "categories": list(self.variable.categories)}

    def values(self, side: SideValues | None, count: int) -> Tensor | None:
        """The place of each example's category, nan where it is not known, shape (count,); None where nothing is.

        Args:
            side: By name, None or nan where it is not known; a `Side`; or values in the order of the model's variables,
                shape (count, V).
            count: How many examples.

        Raises:
            UnknownName: There is no such category.
            BadData: They are not one for all, or one an example.
        """
        if isinstance(side, Side):
            side = side.as_known([self.variable]).values if self.variable.name in side.names else None
        elif isinstance(side, Tensor):
            side = side[:, self.before : self.before + 1] if side.dim() == 2 else None
        elif side is not None:
            return self._named(side[self.variable.name], count) if self.variable.name in side else None
        return None if side is None or not side.shape[1] else side[:, 0]

    def _named(self, given: Any, count: int) -> Tensor:
        """Categories by name, one for all or one an example, and what is not known."""
        several = listed(given)
        if several is None:
            several = [given] * count
        known = [not _is_missing(one) for one in several]
        somewhere = self.variable.categories[0]  # which is then blotted out
        filled = [one if there else somewhere for one, there in zip(several, known, strict=True)]
        whole = SideInput([replace(self.variable, partly=False)]).values_of({self.variable.name: filled}, count)[:, 0]
        return whole.where(torch.tensor(known), torch.nan)

    def others(self, side: SideValues | None) -> SideValues | None:
        """What is given of other variables; None where nothing is.

        Raises:
            UnknownName: There are none.
        """
        if isinstance(side, Tensor):
            return side if self.before else None
        if isinstance(side, Side):
            names = [name for name in side.names if name != self.variable.name]
            return side.chosen(names) if names else None
        rest = {name: of for name, of in (side or {}).items() if name != self.variable.name}
        if rest and not self.before:
            raise UnknownName("variable beside x", next(iter(rest)), [self.variable.name])
        return rest or None

    def written(self, z: Tensor, values: Tensor | None) -> Tensor:
        """Codes z, shape (B, D), in which the block is what is known, where it is."""
        if values is None:
            return z
        z = z.clone()
        known = ~values.isnan()
        places = values[known].long().to(z.device)
        z[known.to(z.device), self.numbers] = torch.eye(len(self.variable.categories)).to(z)[places]
        return z

    def drawn(self, prior: Distribution, z: Tensor, side: SideValues | None) -> Tensor:
        """Codes z of a prior, shape (B, D), in which the block is what is given, and what is given that drawn anew."""
        values = self.values(side, len(z))
        if values is None:
            return z
        z = self.written(z, values)
        changed: set[int] = set()
        assert isinstance(prior, LawOfBlocks)
        for place, (link, part) in enumerate(zip(prior.links, prior.slices, strict=True)):
            if part.start == self.start:
                changed.add(place)
            elif not isinstance(link, Distribution) and changed.intersection(link.given):
                given = torch.cat([z[:, prior.slices[one]] for one in link.given], -1)
                z[:, part] = link.at(given).sample()
                changed.add(place)
        return z


def observing(values: Tensor | None, pinned: bool) -> Observe | None:
    """What makes a block's law of the encoder's own and of what is known, shape (B,); None where nothing is."""
    return None if values is None else partial(ObservedCategories, values=values, pinned=pinned)


def _is_missing(value: Any) -> bool:
    """Whether a value says that nothing is known: None, nan, or what a data frame has for it."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


class _TakesSide(Protocol):
    """A model that takes what stands beside x, in its networks or in a block."""

    side: SideInput | None
    observed: Observed | None


def taken_by(model: _TakesSide, side: SideValues | None, count: int, *parts: str) -> Tensor | None:
    """Values beside `count` examples, shape (count, V), where one of these parts of a model takes them."""
    others = side if model.observed is None else model.observed.others(side)
    return values_for(model.side, others, count, *parts)


def seen_by(model: _TakesSide, side: SideValues | None, count: int) -> Tensor | None:
    """What is known of what a block of a model's code observes, shape (count,); None where nothing is."""
    return None if model.observed is None else model.observed.values(side, count)


def parted(
    side: Side | SideInput | Sequence[SideVariable] | None, to: Sequence[str] | None, family: object
) -> tuple[SideInput | None, Observed | None]:
    """What a model's networks take beside x, and what a block of its code observes.

    Args:
        side: All that stands beside x.
        to: The parts of the model that take it, but for what is observed; those of `SideInput` where left out.
        family: The posterior's.

    Raises:
        Refused: A block observes what is not there, or is no category of as many values.
    """
    observes = family.observed if isinstance(family, BlockFamily) else None
    if observes is None or isinstance(side, SideInput):
        return SideInput.of(side, to), None
    name, start = observes
    variables = () if side is None else tuple(side.variables if isinstance(side, Side) else side)
    one = _named(name, variables)
    assert isinstance(family, BlockFamily)
    count = next(block.latent for block in family.code if block.observes)
    if len(one.categories) != count:
        raise Refused(
            f"A block observes {one.name}, of {len(one.categories)} categories, and has {count} numbers. Say latent = "
            f"{len(one.categories)}, or leave it out."
        )
    rest = [variable for variable in variables if variable.name != one.name]
    if to and not rest:
        raise Refused(f"{one.name} is what a block of the code observes, and no network takes it: leave side_to out.")
    others: Any = side.chosen([variable.name for variable in rest]) if isinstance(side, Side) and rest else rest or None
    taken = SideInput.of(others, to)
    before = 0 if taken is None else len(taken.variables)
    return taken, Observed(replace(one, partly=True), start, before)


def of_observed(
    code: Sequence[Block | Mapping[str, Any]], side: Side | SideInput | Sequence[SideVariable] | None
) -> list[Block | Mapping[str, Any]]:
    """Blocks, or their tables, of which one that observes has the name, and as many numbers as there are categories.

    Example:
        >>> of_observed([{"name": "label", "observes": "side"}], [SideVariable("kind", ("a", "b", "c"))])
        [{'latent': 3, 'name': 'label', 'observes': 'kind'}]

    Raises:
        Refused: What it observes is not there.
    """
    if isinstance(side, SideInput):
        return list(code)
    variables = () if side is None else tuple(side.variables if isinstance(side, Side) else side)
    found: list[Block | Mapping[str, Any]] = []
    for block in code:
        if isinstance(block, Block):
            one = block if not block.observes else replace(block, observes=_named(block.observes, variables).name)
            found.append(one)
        elif isinstance(block, Mapping) and block.get("observes"):
            variable = _named(str(block["observes"]), variables)
            found.append({"latent": len(variable.categories), **block, "observes": variable.name})
        else:
            found.append(block)
    return found


def _named(name: str, variables: Sequence[SideVariable]) -> SideVariable:
    """The variable that a block observes: of this name; or the one that there is, rather one known of some alone."""
    categories = [one for one in variables if not one.is_number]
    named = [one for one in categories if one.name == name]
    if not named and name == ANY:
        named = [one for one in categories if one.partly] or categories
    if len(named) != 1:
        there = ", ".join(one.name for one in categories) or "none"
        which = "the one category beside x" if name == ANY else in_short(name)
        example = (categories[0].name if categories else "labels") if name == ANY else name
        raise Refused(
            f"A block of the code observes {which}, and categories beside x are: {there}. Say which it is, observes = "
            f"{example!r} in its [[model.code]] table, and have it beside x: side = ['{example}:partly'] of the data, "
            f"where it is known of some examples; ['{example}:10-each'], to hide it of all but ten of each that train."
        )
    return named[0]
