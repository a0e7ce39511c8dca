"""Cases for every estimator of the table on every link that it takes; the property tests of links run over all cases.

A case says what the estimator's mean is where all laws are normal: the closed form under exact aggregates and under the
best critic, T = log left/right, which is plugged in; for the minibatch memories, whose values are off by design, the
tests of memories say by how much. An estimator that another package brings gets cases too, by what it claims of itself.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.terms import (
    IMQ,
    RBF,
    AdaptiveContrast,
    ClosedForm,
    Critic,
    DensityRatio,
    Groups,
    Kernel,
    Law,
    Link,
    MonteCarlo,
)
from termwise.terms.adversarial.adversary import Adversarial
from termwise.terms.adversarial.telescoping import Telescoping
from termwise.terms.aggregate.table import AGGREGATES
from termwise.terms.distribution_law import DistributionLaw
from termwise.terms.estimators import ESTIMATORS
from termwise.terms.link import Estimator, WithReference
from termwise.terms.link_names import LINK_NAMES
from termwise.terms.references.moments import standardised

WALK = {name: ends for ends, name in LINK_NAMES.items() if "conditional" not in ends}
"""The links of data beside which nothing stands; those of q(z|s) are tried where something does."""
GROUPED = ("group_correlation", "within_group_correlation", "group_wise_kl")
AGGREGATED = ("index_code_mi", "marginal_kl", "total_correlation", "dimension_wise_kl", *GROUPED)
GROUPS = [[0, 2], [3, 1]]
SHIFT, WIDTH = 0.3, 1.5


@dataclass(frozen=True)
class NormalLaws:
    """The laws of a walk where all of them are normal: means, (B, D) given x or (D,), and covariances, (D, D)."""

    posterior_mean: Callable[[Tensor], Tensor]
    posterior_covariance: Tensor
    mean: Tensor
    covariance: Tensor
    collapsed: bool = False

    def of(self, name: str, x: Tensor | None) -> tuple[Tensor, Tensor]:
        """The mean and the covariance of a law, as constants."""
        if name in ("posterior", "reference"):
            return self.posterior_mean(x).detach(), self.posterior_covariance
        if name == "prior":
            return torch.zeros_like(self.mean), torch.eye(len(self.mean), dtype=self.mean.dtype)
        return self.mean, self.covariance * within(name, self.covariance)


def within(name: str, covariance: Tensor) -> Tensor:
    """1 where two dimensions depend on each other under a law made of q(z)'s margins, 0 elsewhere, (D, D)."""
    if name == "groups":
        group = torch.tensor([next(g for g, some in enumerate(GROUPS) if j in some) for j in range(len(covariance))])
        return (group == group.unsqueeze(1)).to(covariance)
    return torch.eye(len(covariance)).to(covariance) if name == "marginals" else torch.ones_like(covariance)


class BestCritic(nn.Module):
    """log p_(k-1)/p_k, k = 1 ... m, of the laws between two normals, whose samples are mixed as waymarks are."""

    def __init__(self, laws: NormalLaws, left: str, right: str, steps: int = 1) -> None:
        super().__init__()
        self.laws, self.left, self.right, self.steps = laws, left, right, steps

    def forward(self, *inputs: Tensor) -> Tensor:
        z, x = inputs[-1].double(), inputs[0].double() if len(inputs) == 2 else None
        (mean, covariance), (other_mean, other) = self.laws.of(self.left, x), self.laws.of(self.right, x)
        logs = []
        for k in range(self.steps + 1):
            a = k / self.steps
            between = MultivariateNormal(
                (1 - a**2) ** 0.5 * mean + a * other_mean, (1 - a**2) * covariance + a**2 * other
            )
            logs.append(between.log_prob(z))
        return -torch.stack(logs, 1).diff(dim=1)


class Near(DistributionLaw):
    """r(z|x), the posterior shifted by 0.3 and widened by 1.5 of its standard deviations; itself where collapsed."""

    name = "reference"
    given_x = True

    def __init__(self, collapsed: bool = False) -> None:
        self.shift, self.width = (0.0, 1.0) if collapsed else (SHIFT, WIDTH)

    def distribution(self, draw):
        posterior = draw.posterior.base_dist
        mean, scale = posterior.loc.detach(), posterior.scale.detach()
        return Independent(Normal(mean + self.shift * scale, self.width * scale), 1)

    def sample(self, draw):
        return self.distribution(draw).sample()

    def standardised(self, z, draw):
        return standardised(self.distribution(draw), z)


class BestContrast(nn.Module):
    """log q/r in the coordinates of `Near`."""

    def __init__(self, near: Near) -> None:
        super().__init__()
        self.near = near

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        own = self.near.shift + self.near.width * z
        return (0.5 * z.square() - 0.5 * own.square() + math.log(self.near.width)).sum(1)


@dataclass(frozen=True)
class Case:
    """An estimator on a link.

    Attributes:
        link: The link's name where its quantity is the KL.
        label: What sets the case apart from others of its estimator.
        estimator: Its name in `ESTIMATORS`.
        make: The estimator, from the laws of the world that it is tried in.
        exact: Whether its mean, and the mean of its gradient, are the closed form's.
        vanishes: Whether its mean is 0 where all laws are equal.
    """

    link: str
    label: str
    estimator: str
    make: Callable[[NormalLaws], Estimator] = field(repr=False)
    exact: bool
    vanishes: bool = True

    @property
    def ends(self) -> tuple[str, str]:
        return WALK[self.link]

    @property
    def by_critic(self) -> bool:
        return self.estimator in ("density-ratio", "adaptive-contrast")

    def truth(self, terms: dict[str, float]) -> float:
        """The KL in nats, of a world whose terms these are, each posterior's reference being itself."""
        if self.estimator == "adaptive-contrast":
            return 4 * (math.log(WIDTH) + (1 + SHIFT**2) / (2 * WIDTH**2) - 0.5)
        return {**terms, "reference_kl": 0.0, "reference_to_prior": terms["rate"]}[self.link]

    def __str__(self) -> str:
        return f"{self.link}-{self.label}"


def link_between(ends: tuple[str, str], estimator: Estimator) -> Link:
    """A link, which ends at the estimator's own reference where it brings one."""
    own: dict[str, Law] = {"groups": Groups(GROUPS)}
    if isinstance(estimator, WithReference):
        own["reference"] = estimator.reference
    left, right = (own.get(end, end) for end in ends)
    return Link(left, right, estimator)


def ratio(link: str, divergence: str = "kl") -> Callable[[NormalLaws], Estimator]:
    return lambda laws: DensityRatio(divergence, Critic(body=BestCritic(laws, *WALK[link])))


def bridges(link: str) -> Callable[[NormalLaws], Estimator]:
    return lambda laws: Telescoping(2, "kl", Critic(heads=3, body=BestCritic(laws, *WALK[link], steps=3)))


def contrast(laws: NormalLaws) -> Estimator:
    near = Near(laws.collapsed)
    return AdaptiveContrast(near, Critic(body=BestContrast(near)))


def monte_carlo(memory: str) -> Callable[[NormalLaws], Estimator]:
    return lambda laws: MonteCarlo(memory)


WRITTEN = [
    *(
        Case(link, "closed-form", "closed-form", lambda laws: ClosedForm(), exact=True)
        for link in ("rate", "reference_kl", "reference_to_prior")
    ),
    *(
        Case(link, "monte-carlo", "monte-carlo", monte_carlo("bank"), exact=True)
        for link in ("rate", "reference_kl", "reference_to_prior")
    ),
    *(
        Case(link, memory, "monte-carlo", monte_carlo(memory), exact=not memory.startswith("minibatch"))
        for memory in AGGREGATES
        for link in AGGREGATED
    ),
    *(
        Case(link, type(kernel).__name__, "kernel", lambda laws, kernel=kernel: Kernel(kernel), exact=False)
        for link in AGGREGATED[1:]
        for kernel in (RBF(), IMQ())
    ),
    *(Case(link, "best-critic", "density-ratio", ratio(link), exact=True) for link in WALK),
    *(Case(link, "best-js", "density-ratio", ratio(link, "jensen-shannon"), exact=False) for link in WALK),
    *(Case(link, "best-bridges", "density-ratio", bridges(link), exact=True) for link in WALK),
    Case("reference_kl", "best-contrast", "adaptive-contrast", contrast, exact=True),
]


def by_their_claims(written: set[str]) -> Iterator[Case]:
    """Cases of the table's other estimators, on the links that they take: exact where they say that they are.

    An estimator with players of its own says nothing before these have learnt, and is tried for its form alone.
    """
    for name in sorted(ESTIMATORS.keys() - written):  # in one order, whatever process asks
        for link, ends in WALK.items():
            estimator = ESTIMATORS.build(name)
            try:
                link_between(ends, estimator)
            except Refused:
                continue
            learns = isinstance(estimator, Adversarial)
            claims = estimator.bias(link).startswith(("unbiased", "exact")) and estimator.quantity == "KL"
            make = lambda laws, name=name: ESTIMATORS.build(name)  # noqa: E731
            yield Case(link, name, name, make, exact=claims and not learns, vanishes=not learns)


CASES = [*WRITTEN, *by_their_claims({case.estimator for case in WRITTEN})]

IMPOSSIBLE = {
    *(("closed-form", link) for link in AGGREGATED),
    *(("kernel", link) for link in ("rate", "index_code_mi", "reference_kl", "reference_to_prior")),
    *(("moments", link) for link in ("rate", "index_code_mi", "reference_kl", "reference_to_prior")),
    *(("hsic", link) for link in WALK if link not in ("total_correlation", "group_correlation")),
    *(("adaptive-contrast", link) for link in WALK if link != "reference_kl"),
    *(("classifier", link) for link in WALK),
}
