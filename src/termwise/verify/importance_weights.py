"""The bound of K codes: its order in K, and which gradients are its own (Burda et al., 2016; Tucker et al., 2019).

In a linear-Gaussian world of one dimension w / p(x) = p(z|x) / q(z|x), so that log p(x) is known, and so is

    log p(x) - L_K = chi^2 / (2 K) + O(1 / K^2),       1 + chi^2 = E_q (p(z|x) / q(z|x))^2.

The gradient of L_K in phi, the place and the log scale of q, is held by example: each has a phi of its own.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.models.draw import Draw
from termwise.terms.multi_sample import GradientOfBound, MultiSampleBound
from termwise.verify.check import Check, check
from termwise.worlds.random_worlds import SeededRandom

EXAMPLES = 40_000
CODES = (1, 4, 16)
MANY = 8
"""Codes of the bound whose gradients are compared."""
STANDARD_ERRORS = 4.0
WIDTH, SIGMA = 1.2, 0.7
"""The posterior's standard deviation beside the true one's, and the decoder's."""


class ScalarWorld:
    """x ~ N(z, sigma^2), z ~ N(0, 1); q(z|x) normal, off in place and width, with parameters for every example.

    Args:
        x: Examples, shape (N, 1), float64.
    """

    generates = True

    def __init__(self, x: Tensor) -> None:
        self.x = x
        self.variance = SIGMA**2 / (1 + SIGMA**2)  # of p(z|x)
        self.place = (x / (1 + SIGMA**2) + 0.3 * math.sqrt(self.variance)).requires_grad_()
        self.log_scale = torch.full_like(x, math.log(WIDTH * math.sqrt(self.variance))).requires_grad_()

    def infer(self, x: Tensor) -> tuple[Distribution, Any]:
        """q(z|x) of all examples."""
        return Independent(Normal(self.place, self.log_scale.exp()), 1), None

    def generate(self, z: Tensor, context: Any) -> Distribution:
        """The likelihood p(x|z), a normal about z."""
        return Independent(Normal(z, torch.full_like(z, SIGMA)), 1)

    def prior_law(self) -> Distribution:
        """The prior p(z), a standard normal."""
        return Independent(Normal(torch.zeros(1).double(), torch.ones(1).double()), 1)

    def evidence(self) -> Tensor:
        """log p(x), shape (N,)."""
        return Normal(torch.zeros(()).double(), math.sqrt(1 + SIGMA**2)).log_prob(self.x.squeeze(1))

    def elbo(self) -> Tensor:
        """log p(x) - KL(q(z|x) || p(z|x)), shape (N,)."""
        gap = math.log(1 / WIDTH) + 0.5 * (WIDTH**2 + 0.3**2) - 0.5
        return self.evidence() - gap

    def chi2(self) -> float:
        """E_q (p(z|x) / q(z|x))^2 - 1, of normals 0.3 true standard deviations apart."""
        wide = 2 * WIDTH**2 - 1
        return WIDTH**2 / math.sqrt(wide) * math.exp(0.3**2 / wide) - 1


def checks(seed: int) -> list[Check]:
    """The order of the bounds, and the means of their gradients."""
    random = SeededRandom(seed)
    world = ScalarWorld(math.sqrt(1 + SIGMA**2) * random.normal(EXAMPLES, 1))
    torch.manual_seed(seed)
    return [*order(world), *gradients(world)]


def _bound(world: ScalarWorld, codes: int, gradient: GradientOfBound = "plain") -> Tensor:
    return -MultiSampleBound(codes, gradient)(Draw(world, world.x))


def _within(values: Tensor) -> float:
    return STANDARD_ERRORS * float(values.std()) / math.sqrt(len(values))


def order(world: ScalarWorld) -> list[Check]:
    """L_1 is the ELBO; L_K rises with K to log p(x), which it lacks chi^2 / (2 K) of."""
    how: dict[str, Any] = {"sampled": True, "own_terms": True}
    sampled = f"allowed: {STANDARD_ERRORS:g} standard errors"
    bounds = [_bound(world, codes).detach() for codes in CODES]
    one = bounds[0] - world.elbo()
    rises = [after - before for before, after in zip(bounds, [*bounds[1:], world.evidence()], strict=True)]
    least = min(rises, key=lambda steps: float(steps.mean()) / _within(steps))
    few = CODES[1]
    lacks = 2 * few * (world.evidence() - bounds[1])
    second_order = 3 * world.chi2() ** 2 / few
    return [
        check(
            "iwae-one-code",
            "IWAE",
            "L_1, of one code; and the ELBO in closed form",
            bounds[0].mean(),
            world.elbo().mean(),
            allowed=_within(one),
            note=sampled,
            **how,
        ),
        check(
            "iwae-rises",
            "IWAE",
            f"the least of the steps of L_1, L_{CODES[1]}, L_{CODES[2]}, log p(x), where it is no step up; and 0",
            least.mean().clamp(max=0),
            0.0,
            allowed=_within(least),
            note=sampled,
            **how,
        ),
        check(
            "iwae-order",
            "IWAE",
            f"2 K (log p(x) - L_K) at K = {few}; and chi^2 of p(z|x) against q(z|x)",
            lacks.mean(),
            world.chi2(),
            allowed=_within(lacks) + second_order,
            note=f"{sampled}, and 3 chi^4 / K for the next order",
            **how,
        ),
    ]


def gradients(world: ScalarWorld) -> list[Check]:
    """DReG has the mean of the plain gradient in phi at any K; STL, which leaves the score out, at K = 1 alone."""
    one, one_stl = (_gradient(world, 1, "plain"), _gradient(world, 1, "stl"))
    plain, dreg, stl = (_gradient(world, MANY, "plain"), _gradient(world, MANY, "dreg"), _gradient(world, MANY, "stl"))
    how: dict[str, Any] = {
        "note": f"allowed: {STANDARD_ERRORS:g} standard errors",
        "sampled": True,
        "own_terms": True,
    }
    words = "mean gradient in the log scale of q, plain"
    return [
        check(
            "stl-gradient-one-code",
            "IWAE, gradients",
            f"L_1: the {words}; and without the score (STL)",
            one.mean(),
            one_stl.mean(),
            allowed=_within(one_stl - one),
            **how,
        ),
        check(
            "dreg-gradient",
            "IWAE, gradients",
            f"L_{MANY}: the {words}; and by DReG; printed: STL, taken for unbiased (Roeder et al., 2017)",
            plain.mean(),
            dreg.mean(),
            printed=stl.mean(),
            allowed=_within(dreg - plain),
            **how,
        ),
    ]


def _gradient(world: ScalarWorld, codes: int, gradient: GradientOfBound) -> Tensor:
    """d L_K / d log scale by example, shape (N,)."""
    (slope,) = torch.autograd.grad(_bound(world, codes, gradient).sum(), world.log_scale)
    return slope.squeeze(1)
