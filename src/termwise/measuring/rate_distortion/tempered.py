"""Laws to a power: p(z) p(x|z)^b along a path of its own, and examples of which the code that made them is exact.

Where the normaliser of p(x|z)^b over x is the same for all codes, as of a normal of one sigma,

    z ~ p(z),  x ~ p(x|z)^b / c_b    makes z an exact sample of    p_b(z|x) ~ p(z) p(x|z)^b

and BDMC's bound from above is one of log Z_b. Of a Bernoulli the normaliser depends on z, so that b = 1 alone will do.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Laplace, Normal

from termwise.measuring.log_likelihood.densities import Joint
from termwise.models.drawable import Drawable
from termwise.models.scaler import ScaledLaw


class TemperedJoint(Joint):
    """log p(z) + b log p(x|z) of a batch of examples, as a function of the codes: log Z_b(x) is its evidence.

    Args:
        model, x, context, prior: As of `Joint`.
        power: b.
    """

    def __init__(
        self, model: Drawable, x: Tensor, context: Any, prior: Distribution | None = None, power: float = 1.0
    ) -> None:
        super().__init__(model, x, context, prior)
        self.power = power

    def __call__(self, z: Tensor) -> Tensor:
        """Nats, shape (C, B), at codes of shape (C, B, D)."""
        return self._log_prior(z) + self.power * self.log_likelihood(z)


def tempered(law: Distribution, power: float) -> Distribution | None:
    """p(x|z)^power over its normaliser, where that is the same for every code of the batch; else None.

    Example:
        >>> tempered(Independent(Normal(torch.zeros(3, 2), 0.5), 1), 4.0).stddev[0, 0]
        tensor(0.2500)
        >>> tempered(torch.distributions.Bernoulli(torch.tensor([0.2, 0.5])), 0.5) is None
        True
    """
    if power == 1:
        return law
    if isinstance(law, ScaledLaw):
        inner = tempered(law.base, power)
        return None if inner is None else ScaledLaw(inner, law.scaler, law.gaps)
    if isinstance(law, Independent):
        inner = tempered(law.base_dist, power)
        return None if inner is None else type(law)(inner, law.reinterpreted_batch_ndims, validate_args=False)
    if not isinstance(law, Normal | Laplace) or not torch.equal(law.scale, law.scale[:1].expand_as(law.scale)):
        return None
    scale = law.scale / (power**0.5 if isinstance(law, Normal) else power)
    return type(law)(law.loc, scale, validate_args=False)
