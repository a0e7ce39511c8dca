"""A link: two laws and how they are compared; and the distortion. These are the terms of which objectives are made."""

import re
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.aggregate.memory import Memory
from termwise.terms.laws import STOPS, Law, law
from termwise.terms.reference import ReferenceLaw

LINK_NAMES = {
    ("posterior", "prior"): "rate",
    ("posterior", "aggregate"): "index_code_mi",
    ("aggregate", "prior"): "marginal_kl",
    ("aggregate", "marginals"): "total_correlation",
    ("marginals", "prior"): "dimension_wise_kl",
    ("posterior", "reference"): "reference_kl",
    ("reference", "prior"): "reference_to_prior",
}
"""What the field calls the links between the stops of a walk."""


def link_name(left: str, right: str, quantity: str) -> str:
    """What a quantity of this link is called: the field's name where it is the KL, such as marginal_mmd2 else."""
    name = LINK_NAMES[left, right]
    if quantity == "KL":
        return name
    return f"{name.removesuffix('_kl')}_{re.sub(r'[^a-z0-9]+', '_', quantity.lower().replace('^', ''))}"


class Estimator(Protocol):
    """How a link is estimated."""

    name: str
    quantity: str
    unit: str

    @property
    def label(self) -> str:
        """What readings call it."""
        ...

    def check(self, left: Law, right: Law) -> None:
        """Raise Refused where this pair cannot be estimated in this way, naming what would do."""
        ...

    def bias(self, link: str) -> str:
        """In which way a link of this name is off."""
        ...

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Values by example (B,), by example and dimension (B, D), or for the batch ()."""
        ...


@runtime_checkable
class WithReference(Protocol):
    """An estimator that brings the reference r(z|x) at which its link ends: a walk's other links start from it."""

    reference: ReferenceLaw


class Term(Protocol):
    """Anything that a draw has a value of, to be minimised."""

    name: str

    @property
    def unit(self) -> str:
        """Nats, where it is one of the ELBO's."""
        ...

    @property
    def label(self) -> str:
        """How it is estimated."""
        ...

    @property
    def bias(self) -> str:
        """In which way the estimate is off."""
        ...

    @property
    def memory(self) -> Memory | None:
        """What it remembers of q(z), if anything."""
        ...

    def __call__(self, draw: Draw) -> Tensor:
        """Values by example (B,), by example and dimension (B, D), or for the batch ()."""
        ...


class Link:
    """One step of a walk: log left/right, in expectation.

    Args:
        left: The law nearer to the posterior, or its name, one of `STOPS`.
        right: The law nearer to the prior, or its name.
        estimator: How the two are compared; it brings the memory of q(z), where it has one.
    """

    def __init__(self, left: str | Law, right: str | Law, estimator: Estimator) -> None:
        start, end = (one if isinstance(one, str) else one.name for one in (left, right))
        for name in (start, end):
            if name not in STOPS:
                raise Refused(f"A walk stops at {', '.join(STOPS)}; got {name!r}.")
        if (start, end) not in LINK_NAMES:
            known = "; ".join(f"{a} -> {b}" for a, b in LINK_NAMES)
            raise Refused(f"There is no link {start} -> {end}. The links are: {known}.")
        self.name = link_name(start, end, estimator.quantity)
        remembers = "aggregate" in (start, end) or "marginals" in (start, end)
        self.memory: Memory | None = getattr(estimator, "aggregate", None) if remembers else None
        self.left, self.right = (law(one, self.memory) if isinstance(one, str) else one for one in (left, right))
        self.estimator = estimator
        estimator.check(self.left, self.right)

    @property
    def unit(self) -> str:
        """The estimator's."""
        return self.estimator.unit

    @property
    def label(self) -> str:
        """The estimator's."""
        if self.memory is None and self.estimator.name == "monte-carlo":
            return "Monte Carlo"
        return self.estimator.label

    @property
    def bias(self) -> str:
        """That of the estimator on this link."""
        return self.estimator.bias(self.name)

    def __call__(self, draw: Draw) -> Tensor:
        """The link's values on a draw."""
        return self.estimator(self.left, self.right, draw)

    def under(self, estimator: Estimator) -> "Link":
        """The same link, estimated in another way."""
        left, right = (one if one.name == "reference" else one.name for one in (self.left, self.right))
        return Link(left, right, estimator)


class Distortion:
    """E_q[-log p(x|z)], at one code for every example: unbiased."""

    name, unit, label, bias = "distortion", "nats", "Monte Carlo", "unbiased"
    memory = None

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        return -draw.likelihood.log_prob(draw.x)


def by_example(values: Tensor) -> Tensor:
    """Summed over dimensions, where there are any: shape (B,), or ()."""
    return torch.sum(values, dim=1) if values.dim() == 2 else values
