"""Codes of blocks, of levels, groups and a VampPrior: the instrument against sums, quadrature and what is zero.

Of a category beside a number, x in four states s of one weight, q(k, z | s) = t_sk N(z; m_s, v_s^2): every term is a
sum over states and categories of an integral over z.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.measuring import measure
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.drawable import Drawable
from termwise.models.vae import VAE
from termwise.terms.groups import Grouping
from termwise.verify.check import Check, check
from termwise.worlds import LinearGaussian, LinearGaussianLevels
from termwise.worlds.random_worlds import SeededRandom

STATES, CATEGORIES, REPEATS = 4, 3, 200
LINE = torch.linspace(-12, 12, 4801, dtype=torch.float64)
STEP = float(LINE[1] - LINE[0])
STANDARD_ERRORS = 4.0
PSEUDO_INPUTS = 200
ROUNDING = 1e-6
"""Nats by which a network in float32 may make two passes over the same inputs differ."""


class TableAndNumber:
    """A category beside a number, both told by one of four states.

    Args:
        seed: Of the table, the means and the standard deviations.
    """

    generates = False

    def __init__(self, seed: int) -> None:
        random = SeededRandom(seed)
        self.logits = 2 * random.normal(STATES, CATEGORIES)
        self.mean = 2 * random.normal(STATES, 1)
        self.scale = 0.4 + 0.3 * random.normal(STATES, 1).abs()

    def infer(self, x: Tensor) -> tuple[Distribution, Any]:
        """q(z|x) of states, shape (B, 1)."""
        s = x[:, 0].long()
        number = Independent(Normal(self.mean[s], self.scale[s]), 1)
        return BlockLaw([Categories(self.logits[s].unsqueeze(1)), number], ("kind", "size")), None

    def generate(self, z: Tensor, context: Any) -> Distribution:
        """It has no decoder."""
        raise NotImplementedError

    def prior_law(self) -> Distribution:
        """Uniform categories, and a standard normal."""
        number = Independent(Normal(torch.zeros(1).double(), torch.ones(1).double()), 1)
        return BlockLaw([Categories(torch.zeros(1, CATEGORIES).double()), number], ("kind", "size"))

    def truth(self) -> dict[str, float]:
        """The terms, by sums and the trapezoid rule, nats."""
        table = self.logits.softmax(1)
        line = Normal(self.mean, self.scale).log_prob(LINE).exp()  # (S, G)
        given = table.unsqueeze(2) * line.unsqueeze(1)  # (S, K, G)
        joint, kind, size = given.mean(0), table.mean(0), line.mean(0)
        prior = Normal(0.0, 1.0).log_prob(LINE).exp() / CATEGORIES
        between = _kl(joint, kind.unsqueeze(1) * size)
        return {
            "index_code_mi": _kl(given, joint) / STATES,
            "marginal_kl": _kl(joint, prior),
            "total_correlation": between,
            "group_correlation": between,
        }


def _kl(left: Tensor, right: Tensor) -> float:
    """sum int left log left/right of densities on the line."""
    return STEP * float((torch.xlogy(left, left) - torch.xlogy(left, right)).sum())


def checks(seed: int) -> list[Check]:
    """A category beside a number; groups of a normal; levels; and the VampPrior at its optimum."""
    table = TableAndNumber(seed)
    states = torch.arange(float(STATES)).repeat(REPEATS).unsqueeze(1).double()
    normal = LinearGaussian.random(seed, latent=4, dimension=6, mutual_information=1.0)
    of_groups, groups = "the groups {0, 1} and {2, 3} of a normal's dimensions", [[0, 1], [2, 3]]
    known = normal.truth(groups)
    truth_of_groups = {name: known[name] for name in ("group_correlation", "within_group_correlation", "group_wise_kl")}
    return [
        *_measured("blocks", "a category beside a number", table, states, table.truth(), "blocks", seed),
        *_measured("groups", of_groups, normal, normal.data(3000, seed), truth_of_groups, groups, seed),
        *levels(seed),
        *vamp(seed),
    ]


def _measured(
    kind: str, words: str, model: Drawable, x: Tensor, truth: Mapping[str, float], groups: Grouping, seed: int
) -> list[Check]:
    account = measure(model, Dataset(kind, InMemory(x)), groups=groups, seed=seed)
    found = []
    for name, value in truth.items():
        reading = account[name]
        assert isinstance(reading.value, float) and isinstance(reading.stderr, float)
        found.append(
            check(
                f"measured-{kind}-{name.replace('_', '-')}",
                "the instrument",
                f"{name} of {words}, measured on {len(x):,} examples; and its truth",
                reading.value,
                value,
                allowed=STANDARD_ERRORS * reading.stderr,
                note=f"allowed: {STANDARD_ERRORS:g} standard errors",
                sampled=True,
                own_terms=True,
            )
        )
    return found


def levels(seed: int) -> list[Check]:
    """What each of two levels costs and tells, given the one above it, of a linear-Gaussian world."""
    world, count = LinearGaussianLevels.random(seed, sizes=(1, 2), mutual_information=1.0), 600
    account = measure(world, Dataset("levels", InMemory(world.data(count, seed))), seed=seed)
    found = []
    for name, truth in world.truth_by_level().items():
        reading = account.by_dimension[name]
        assert reading.stderr is not None
        for level, (value, stderr, known) in enumerate(zip(reading.value, reading.stderr, truth, strict=True), 1):
            found.append(
                check(
                    f"measured-level-{level}-{name.removesuffix('_by_block').replace('_', '-')}",
                    "the instrument",
                    f"{name} of level {level} of two, given those above, on {count} examples; and its truth",
                    value,
                    known,
                    allowed=STANDARD_ERRORS * stderr,
                    note=f"allowed: {STANDARD_ERRORS:g} standard errors",
                    sampled=True,
                    own_terms=True,
                )
            )
    return found


def vamp(seed: int) -> list[Check]:
    """p(z) = 1/K sum_k q(z|u_k) with the u_k at all examples is q(z): the marginal KL is 0, and the rate all MI."""
    random = SeededRandom(seed)
    torch.manual_seed(seed)
    model = VAE.build((4,), 2, options={"hidden": [8]}, likelihood="normal:1.0", prior=f"vamp:{PSEUDO_INPUTS}")
    x = random.normal(PSEUDO_INPUTS, 4).float()
    model.prior.begin(x)  # type: ignore[operator]
    account = measure(model, Dataset("vamp", InMemory(x)), seed=seed)
    rate, mi, marginal = (account[name].value for name in ("rate", "index_code_mi", "marginal_kl"))
    assert isinstance(rate, float) and isinstance(mi, float) and isinstance(marginal, float)
    how: dict[str, Any] = {"allowed": ROUNDING, "note": "allowed: float32", "sampled": True, "own_terms": True}
    words = "of a VampPrior whose pseudo-inputs are all examples"
    return [
        check("vamp-optimum", "VampPrior", f"marginal KL {words}; and 0", marginal, 0.0, **how),
        check("vamp-optimum-rate", "VampPrior", f"rate {words}; and its index-code MI", rate, mi, **how),
    ]
