"""One row for every link and estimator that go together; the property tests run over all rows.

A row says what the estimator's mean is on a linear-Gaussian world: the closed form under exact aggregates; for the
minibatch memories, whose values are off by design, the tests of memories say by how much.
"""

from collections.abc import Callable
from dataclasses import dataclass

from termwise.terms import IMQ, RBF, Bank, ClosedForm, Full, Kernel, MinibatchStratified, MinibatchWeighted, MonteCarlo
from termwise.terms.link import Estimator

WALK = {
    "rate": ("posterior", "prior"),
    "index_code_mi": ("posterior", "aggregate"),
    "marginal_kl": ("aggregate", "prior"),
    "total_correlation": ("aggregate", "marginals"),
    "dimension_wise_kl": ("marginals", "prior"),
}


@dataclass(frozen=True)
class Case:
    """An estimator on a link."""

    link: str
    label: str
    make: Callable[[], Estimator]
    exact: bool  # whether its mean is the world's closed form

    @property
    def ends(self) -> tuple[str, str]:
        return WALK[self.link]

    def __str__(self) -> str:
        return f"{self.link}-{self.label}"


def monte_carlo(memory):
    return lambda: MonteCarlo(memory())


CASES = [
    Case("rate", "closed-form", ClosedForm, exact=True),
    Case("rate", "monte-carlo", MonteCarlo, exact=True),
    *(Case(link, "full", monte_carlo(Full), exact=True) for link in WALK if link != "rate"),
    *(Case(link, "bank", monte_carlo(Bank), exact=True) for link in WALK if link != "rate"),
    *(Case(link, "stratified", monte_carlo(MinibatchStratified), exact=False) for link in WALK if link != "rate"),
    *(Case(link, "weighted", monte_carlo(MinibatchWeighted), exact=False) for link in WALK if link != "rate"),
    *(
        Case(link, name, lambda kernel=kernel: Kernel(kernel), exact=False)
        for link in ("marginal_kl", "total_correlation", "dimension_wise_kl")
        for name, kernel in (("rbf", RBF()), ("imq", IMQ()))
    ),
]

IMPOSSIBLE = [
    *((link, ClosedForm) for link in WALK if link != "rate"),
    ("rate", Kernel),
    ("index_code_mi", Kernel),
]
