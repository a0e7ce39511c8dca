"""A link: two laws and how they are compared; and the distortion. These are the terms of which objectives are made.

`link_names.py` says which links there are, and where each is computed.
"""

from abc import abstractmethod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from termwise.errors import Refused, in_short
from termwise.models.distributions import values_of
from termwise.models.draw import Draw
from termwise.models.drawable import prior_given_side
from termwise.terms.aggregate.memory import Memory, groups_of
from termwise.terms.groups import Groups
from termwise.terms.laws import STOPS, Law, law
from termwise.terms.link_names import LINK_NAMES, link_name
from termwise.terms.references.moments import ReferenceLaw
from termwise.terms.still import End, Still, check_end, held
from termwise.terms.summed_distortion import summed_distortion


@runtime_checkable
class Estimator(Protocol):
    """How the two laws of a link are compared. An estimator of yours is a class with these members, and needs no base.

    It is given to `Link` as it is; a row in `ESTIMATORS` makes it known to configurations too. One that remembers q(z)
    keeps its memory as `aggregate`, and the laws of its links read it; one that needs a critic says so by a method
    `adversaries` (`Adversarial`).

    Attributes:
        name: What a configuration calls it, such as "monte-carlo".
        quantity: What it is an estimate of, "KL" for instance: the links' names say so where it is another.
        unit: Of its values, such as "nats".

    Example:
        >>> class Jeffreys:
        ...     "Half of KL(left || right) + KL(right || left), in closed form."
        ...     name, label, quantity, unit = "jeffreys", "closed form", "Jeffreys", "nats"
        ...     def check(self, left, right):
        ...         if "aggregate" in (left.name, right.name) or "marginals" in (left.name, right.name):
        ...             raise Refused(f"No closed form for {left.name} -> {right.name}. Use MonteCarlo.")
        ...     def bias(self, link):
        ...         return "exact for every x"
        ...     def __call__(self, left, right, draw):
        ...         p, q = left.distribution(draw), right.distribution(draw)
        ...         return (kl_divergence(p, q) + kl_divergence(q, p)) / 2
        >>> from torch.distributions import kl_divergence
        >>> from termwise.models import VAE
        >>> link = Link("posterior", "prior", Jeffreys())
        >>> link.name, link(Draw(VAE.build((4,), 3), torch.rand(5, 4))).shape
        ('rate_jeffreys', torch.Size([5]))
    """

    name: str
    quantity: str
    unit: str

    @property
    @abstractmethod
    def label(self) -> str:
        """What readings call it, such as "Monte Carlo, full aggregate"."""
        ...

    @abstractmethod
    def check(self, left: Law, right: Law) -> None:
        """Raise Refused where this pair of laws cannot be compared in this way, naming what would do."""
        ...

    @abstractmethod
    def bias(self, link: str) -> str:
        """In which way the values are off on a link of this name: "unbiased", "exact for every x", or how."""
        ...

    @abstractmethod
    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """The values on a draw: by example (B,), by example and dimension (B, D), or for the batch ()."""
        ...


@runtime_checkable
class WithReference(Protocol):
    """An estimator that brings the reference r(z|x) at which its link ends: a walk's other links start from it."""

    reference: ReferenceLaw


@runtime_checkable
class Term(Protocol):
    """Anything that a draw has a value of, to be minimised: a link, the distortion, or a term of yours.

    `Weighted(term)` makes a part of an objective of it.

    Attributes:
        name: What it is called in logs and readings, once in an objective.

    Example:
        >>> class CodeNorm:
        ...     "1/2 |z|^2: minus log of a standard normal prior, up to a constant."
        ...     name, unit, label, bias, memory = "code_norm", "nats", "Monte Carlo", "unbiased", None
        ...     def __call__(self, draw):
        ...         return 0.5 * draw.z.square()
        >>> from termwise.models import VAE
        >>> from termwise.objectives import Weighted, distortion
        >>> objective = distortion() + 2.0 * Weighted(CodeNorm())
        >>> objective(Draw(VAE.build((4,), 3), torch.rand(5, 4))).names
        ('distortion', 'code_norm')
    """

    name: str

    @property
    @abstractmethod
    def unit(self) -> str:
        """The unit of its values: "nats" where it is a term of the ELBO."""
        ...

    @property
    @abstractmethod
    def label(self) -> str:
        """How it is estimated, as readings say it."""
        ...

    @property
    @abstractmethod
    def bias(self) -> str:
        """In which way the estimate is off, such as "unbiased"."""
        ...

    @property
    @abstractmethod
    def memory(self) -> Memory | None:
        """What it remembers of q(z), which is saved and shared; None if nothing."""
        ...

    @abstractmethod
    def __call__(self, draw: Draw) -> Tensor:
        """Values by example (B,), by example and dimension (B, D), or for the batch ()."""
        ...


@runtime_checkable
class OfLaws(Protocol):
    """An estimator that not every model's laws will do for, which only a draw shows."""

    def check_laws(self, left: Law, right: Law, draw: Draw) -> None:
        """Raise Refused where it cannot compare these laws of this draw."""
        ...


@runtime_checkable
class AtNoCode(Protocol):
    """An estimator that may compare laws without a code of either, as a closed form does."""

    def at_no_code(self, left: Law, right: Law, draw: Draw) -> bool:
        """Whether the values on this draw depend on no code."""
        ...


OF_AGGREGATE = {"conditional", "aggregate", "groups", "marginals"}
"""The stops that are q(z), or made of its parts or margins: an estimator's memory is theirs."""

OF_THEIR_OWN = ("reference", "groups")
"""The stops of which a name alone does not say which law they are."""


class Link:
    """One step of the walk from the posterior to the prior: two laws, and how they are compared.

    Args:
        left: The law nearer to the posterior, or its name, one of `STOPS`.
        right: The law nearer to the prior, or its name.
        estimator: How the two are compared; it brings the memory of q(z), where it has one.
        stop_gradient: "from" or "to", the end whose law gets no gradient of this link, by its estimator's laws alone.

    Raises:
        Refused: There is no such link, or the estimator cannot compare this pair.

    Example:
        >>> from termwise.terms import Full, MonteCarlo
        >>> link = Link("aggregate", "marginals", MonteCarlo(Full()))
        >>> link.name, link.unit, link.label
        ('total_correlation', 'nats', 'Monte Carlo, full aggregate')
    """

    def __init__(
        self, left: str | Law, right: str | Law, estimator: Estimator, stop_gradient: End | None = None
    ) -> None:
        start, end = (one if isinstance(one, str) else one.name for one in (left, right))
        for name in (start, end):
            if name not in STOPS:
                raise Refused(f"A walk stops at {', '.join(STOPS)}; got {in_short(name)}.")
        if (start, end) not in LINK_NAMES:
            pairs = "; ".join(f"{a} -> {b}" for a, b in LINK_NAMES)
            raise Refused(f"There is no link {start} -> {end}. The links are: {pairs}.")
        check_end(stop_gradient, estimator.name, start)
        self.stop_gradient = stop_gradient
        still = "" if stop_gradient is None else f"_{start if stop_gradient == 'from' else end}_still"
        self._quantity = link_name(start, end, estimator.quantity)
        self.name = f"{self._quantity}{still}"
        remembers = not OF_AGGREGATE.isdisjoint((start, end))
        self.memory: Memory | None = getattr(estimator, "aggregate", None) if remembers else None
        self.left, self.right = self._end(left, on_left=True), self._end(right, on_left=False)
        self.estimator = estimator
        estimator.check(self.left, self.right)

    @property
    def unit(self) -> str:
        """The unit of the values, which is the estimator's: "nats" of a KL."""
        return self.estimator.unit

    @property
    def label(self) -> str:
        """How it is estimated, as readings say it."""
        if self.memory is None and self.estimator.name == "monte-carlo":
            return "Monte Carlo"
        return self.estimator.label

    @property
    def bias(self) -> str:
        """In which way the estimator is off on this link."""
        return self.estimator.bias(self._quantity)

    def check(self, draw: Draw) -> None:
        """Raise Refused where the model's laws, or the data, leave the link no meaning, or its estimator no gradient.

        A prior that is no product over dimensions has no dimension-wise KL: KL(prod_j q(z_j) || p(z)) is then a number,
        but no part of the rate.
        """
        self._check_prior(draw)
        if "conditional" in (self.left.name, self.right.name):
            groups_of(draw)
        if isinstance(self.estimator, OfLaws):
            self.estimator.check_laws(self.left, self.right, draw)

    def __call__(self, draw: Draw) -> Tensor:
        """The link's values on a draw, by example (B,), by example and dimension (B, D), or for the batch ()."""
        self._check_prior(draw)
        if self.stop_gradient is None:
            return self.estimator(self.left, self.right, draw)
        first = self.stop_gradient == "from"
        left, right = Still(self.left) if first else self.left, self.right if first else Still(self.right)
        return self.estimator(left, right, held(draw, self.stop_gradient))

    def of_no_code(self, draw: Draw) -> bool:
        """Whether the values on a draw are of the laws alone, and of none of its codes."""
        if self.stop_gradient == "from":  # codes are constants to it, and no score's reward
            return True
        return isinstance(self.estimator, AtNoCode) and self.estimator.at_no_code(self.left, self.right, draw)

    def _check_prior(self, draw: Draw) -> None:
        if self.right.name != "prior" or "KL" not in self.estimator.quantity:
            return
        if self.left.name in ("aggregate", "groups", "marginals") and prior_given_side(draw.model):
            raise Refused(
                f"There is no {self.name} under a prior that is given what stands beside x: q(z) is one law, and "
                f"p(z|s) another for every s. Take {LINK_NAMES['conditional', 'prior']} (conditional -> prior), which "
                "with index_code_mi_given_side is the rate."
            )
        if self.left.name in ("groups", "marginals") and not self.right.factorises(draw):
            raise Refused(
                f"There is no {self.name} under this prior ({type(draw.prior).__name__}), which is no product over "
                "dimensions. Take the marginal KL (aggregate -> prior) in place of this and of what leads here; or a "
                "prior that is one, such as standard-normal."
            )

    def under(self, estimator: Estimator) -> "Link":
        """The same link, estimated in another way; a reference stays what it is, and so do groups."""
        left, right = (one if one.name in OF_THEIR_OWN else one.name for one in (self.left, self.right))
        return Link(left, right, estimator, self.stop_gradient)

    def _end(self, one: str | Law, on_left: bool) -> Law:
        if isinstance(one, Groups):
            return one.placed(self.memory, on_left)
        return law(one, self.memory) if isinstance(one, str) else one


class Distortion:
    """The distortion E_q[-log p(x|z)], at one code for every example: unbiased.

    Example:
        >>> from termwise.models import VAE
        >>> Distortion()(Draw(VAE.build((4,), 3), torch.rand(5, 4).round())).shape
        torch.Size([5])
    """

    name, unit, label, bias = "distortion", "nats", "Monte Carlo", "unbiased"
    memory = None

    def __call__(self, draw: Draw) -> Tensor:
        """-log p(x|z) at the draw's codes, or summed over categories that learn so, shape (B,), nats."""
        if (summed := summed_distortion(draw)) is not None:
            return summed
        likelihood = draw.likelihood
        with values_of(likelihood, draw.target, "the likelihood"):
            return -likelihood.log_prob(draw.target)


def by_example(values: Tensor) -> Tensor:
    """A term's values summed over dimensions, where there are any: shape (B,), or () for the batch."""
    return torch.sum(values, dim=1) if values.dim() == 2 else values
