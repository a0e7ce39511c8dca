"""A site of a program, what it says of each example as numbers of a code, and back.

Within the plate of the data a site has a law for each example: batch shape (..., B, ...), with B at the plate's
dimension. Its value is then some numbers of the flat code, shape (B, n), in which a category is one-hot.
"""

import math
from copy import copy
from typing import Any, NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    OneHotCategorical as OneHot,
)

from termwise.errors import Refused
from termwise.models.categories import Categories
from termwise.models.distributions import innermost


class Plate(NamedTuple):
    """One plate that a site stands in: its name, its dimension from the right, and how many it is of."""

    name: str
    dim: int
    size: int


class Site(NamedTuple):
    """One site of a program that was run.

    Attributes:
        name: Its name.
        law: Of its value, batch shape that of its plates; None of one whose law torch does not have.
        value: What it was, in this run.
        log_prob: Its log density there, by the batch of its law, nats.
        observed: Whether the program is told its value.
        plates: Those that it stands in.
        kind: What its law is called, for messages.
        joint: Whether it is there to make others: the auxiliary of a guide that is made automatically.
    """

    name: str
    law: Distribution | None
    value: Tensor
    log_prob: Tensor
    observed: bool
    plates: tuple[Plate, ...]
    kind: str
    joint: bool = False

    def place_in(self, plate: str) -> int | None:
        """The dimension of a plate, from the right; None where the site does not stand in it."""
        return next((one.dim for one in self.plates if one.name == plate), None)

    def by_example(self, plate: str) -> Tensor:
        """Its log density by example, shape (B,), nats."""
        place = self.place_in(plate)
        assert place is not None
        whole = self.log_prob.movedim(len(self.log_prob.shape) + place, 0)
        return whole.reshape(len(whole), -1).sum(1)


class CodeOfSite:
    """How a site that has a value for each example stands in a code.

    Args:
        site: The site, as it was run.
        plate: The plate of the data.

    Raises:
        Refused: Its law is none that a code can have.
    """

    def __init__(self, site: Site, plate: str) -> None:
        place = site.place_in(plate)
        if site.law is None or place is None:
            raise Refused(
                f"The site {site.name!r} has a law that termwise has no form of ({site.kind}). It takes those of torch "
                "that have no transforms: normal, categorical, gamma, beta and the like."
            )
        law = torchs_own(site.law)
        self.name, self._dim = site.name, place
        self.batch, self.event = law.batch_shape, law.event_shape
        self.others = Size(size for at, size in enumerate(self.batch) if at != len(self.batch) + place)
        self.dtype, base = site.value.dtype, innermost(law)
        self.categories = base.logits.shape[-1] if isinstance(base, Categorical | OneHot) else None
        self.size = self.law(site).event_shape.numel()

    def law(self, site: Site, lead: Size | None = None) -> Distribution:
        """The site's law over its numbers of the code: batch shape (B,), or `lead` of as many, event shape (n,)."""
        assert site.law is not None
        law = torchs_own(site.law)
        base, at = innermost(law), len(law.batch_shape) + self._dim
        shape = law.batch_shape + law.event_shape
        lead = Size([law.batch_shape[at]]) if lead is None else lead
        if isinstance(base, Categorical | OneHot):
            logits = base.logits.movedim(at, 0)
            return Categories(logits.reshape(*lead, -1, logits.shape[-1]))
        numbers = {name: of for name in base.arg_constraints if (of := vars(base).get(name)) is not None}
        if not base.event_shape and numbers:
            numbers = {name: of.expand(shape).movedim(at, 0).reshape(*lead, -1) for name, of in numbers.items()}
            return Independent(type(base)(**numbers, validate_args=False), 1, validate_args=False)
        if len(law.batch_shape) == len(law.event_shape) == 1 and isinstance(
            base, MultivariateNormal | LowRankMultivariateNormal
        ):
            root = base.scale_tril.reshape(*lead, *base.scale_tril.shape[-2:])
            return MultivariateNormal(base.loc.reshape(*lead, -1), scale_tril=root, validate_args=False)
        raise Refused(
            f"The site {self.name!r} has a law that no code can have here ({type(law).__name__}): expected one of "
            "numbers, of categories, or a normal with a full covariance."
        )

    def value(self, z: Tensor) -> Tensor:
        """The site's value at its numbers of codes, shape (M, n): as the program has it, of M examples."""
        at = len(self.batch) + self._dim
        if self.categories is None:
            return z.reshape(len(z), *self.others, *self.event).movedim(0, at).to(self.dtype)
        if self.event:
            return z.reshape(len(z), *self.others, self.categories).movedim(0, at).to(self.dtype)
        return z.reshape(len(z), *self.others, self.categories).argmax(-1).movedim(0, at).to(self.dtype)

    def another(self, value: Tensor) -> Tensor:
        """Another value that the site may have, for trying what depends on it."""
        if self.categories is None:
            return value * 1.5 if bool((value != 0).all()) else value + 0.5
        return value.roll(1, -1) if self.event else (value + 1) % self.categories


def torchs_own(law: Distribution) -> Distribution:
    """A law of a package that adds to torch's classes, as torch's own.

    Example:
        >>> torchs_own(torch.distributions.Normal(0.0, 1.0))
        Normal(loc: 0.0, scale: 1.0)
    """
    own = next((kind for kind in type(law).__mro__ if kind.__module__.startswith("torch.distributions.")), None)
    if own in (None, Distribution):
        return law
    made: Any = copy(law)
    made.__class__ = own
    if isinstance(made, Independent):
        made.base_dist = torchs_own(made.base_dist)
    return made


def same_law(one: Distribution, other: Distribution) -> bool:
    """Whether two laws over numbers of a code are of one kind, and have the same parameters.

    Example:
        >>> normal = torch.distributions.Normal(torch.zeros(2), 1.0)
        >>> laplace = torch.distributions.Laplace(torch.zeros(2), 1.0)
        >>> same_law(normal, normal), same_law(normal, laplace)
        (True, False)
    """
    ours, theirs = _numbers(one), _numbers(other)
    alike = type(innermost(one)) is type(innermost(other)) and len(ours) == len(theirs)
    return alike and all(map(_close, ours, theirs))


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def _numbers(law: Distribution) -> list[Tensor]:
    return [of for of in vars(innermost(law)).values() if isinstance(of, Tensor)]


def first_row(law: Distribution) -> Distribution:
    """The law of the first example, as one for all: batch shape ()."""
    if isinstance(law, Categories):
        return Categories(law.log_probs[0])
    if isinstance(law, MultivariateNormal):
        return MultivariateNormal(law.loc[0], scale_tril=law.scale_tril[0], validate_args=False)
    base = innermost(law)
    numbers = {name: of[0] for name in base.arg_constraints if (of := vars(base).get(name)) is not None}
    return Independent(type(base)(**numbers, validate_args=False), 1, validate_args=False)


def in_rows(given: Tensor, features: Tensor | None) -> tuple[Size, Tensor, Tensor | None]:
    """Numbers of shapes (..., G) and (..., F), broadcast against each other, in rows; and of what shape they were."""
    if features is None:
        return given.shape[:-1], given.reshape(-1, given.shape[-1]), None
    lead = torch.broadcast_shapes(given.shape[:-1], features.shape[:-1])
    count = math.prod(lead)
    return (
        lead,
        given.expand(*lead, given.shape[-1]).reshape(count, -1),
        features.expand(*lead, features.shape[-1]).reshape(count, -1),
    )
