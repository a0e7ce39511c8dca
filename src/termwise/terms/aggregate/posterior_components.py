"""A batch of posteriors as components of q(z)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, MultivariateNormal, Normal, OneHotCategorical

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codewords import Codewords
from termwise.models.distributions import innermost
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.discrete_components import BernoulliComponents, CategoryComponents
from termwise.terms.aggregate.exponential_components import FAMILIES, ExponentialComponents
from termwise.terms.aggregate.gaussians import Gaussians
from termwise.terms.aggregate.law_components import LawComponents
from termwise.terms.aggregate.point_components import PointComponents
from termwise.terms.aggregate.value_components import ValueComponents


def components_from_state(state: Mapping[str, Any]) -> Components:
    """The components whose `state` this is."""
    if "by_value" in state:
        by_value = [components_from_state(one) for one in state["by_value"]]
        return ValueComponents(state["values"].clone(), [one for one in by_value if isinstance(one, BlockComponents)])
    if "blocks" in state:
        return BlockComponents([components_from_state(block) for block in state["blocks"]])
    if "log_probs" in state:
        return CategoryComponents(state["log_probs"].clone())
    if "logits" in state:
        return BernoulliComponents(state["logits"].clone())
    if "family" in state:
        family = next(of for law, of in FAMILIES.items() if law.__name__ == state["family"])
        dtype = getattr(torch, state["dtype"].removeprefix("torch."))
        return ExponentialComponents(family, state["slope"].clone(), state["normaliser"].clone(), dtype)
    return Gaussians(state["mean"].clone(), state["spread"].clone())


def components_of(posterior: Distribution) -> Components:
    """A batch of posteriors, batch shape (N,), event shape (D,), as components of q(z).

    Raises:
        Refused: The posterior has no density.

    Example:
        >>> import torch
        >>> law = BlockLaw([Categories(torch.zeros(5, 1, 10)), Independent(Normal(torch.zeros(5, 2), 1.0), 1)])
        >>> components = components_of(law)
        >>> len(components), components.size
        (5, 12)
    """
    one = innermost(posterior)
    if isinstance(posterior, ImplicitPosterior):
        raise Refused(
            "log q(z) is taken over posteriors that have a density, and this model's has none. Use an estimator that "
            "needs samples only (Kernel, DensityRatio)."
        )
    if isinstance(posterior, BlockLaw):
        return BlockComponents([components_of(block) for block in posterior.blocks])
    if isinstance(posterior, ChainedLaw):
        values = posterior.values()
        return LawComponents(posterior) if values is None else ValueComponents(values, _by_value(posterior, values))
    if isinstance(posterior, MultivariateNormal):
        return Gaussians(posterior.loc, posterior.scale_tril)
    if isinstance(posterior, Categories):
        return CategoryComponents(posterior.log_probs)
    if isinstance(posterior, Codewords):
        return PointComponents(posterior.indices, posterior.codebook)
    if isinstance(posterior, OneHotCategorical):
        return CategoryComponents(Categories.of(posterior).log_probs)
    if isinstance(posterior, Independent) and isinstance(one, Normal):
        return Gaussians(one.loc, one.scale)
    if isinstance(posterior, Independent) and isinstance(one, Bernoulli):
        return BernoulliComponents(one.logits)
    of_family = ExponentialComponents.of(posterior)
    return LawComponents(posterior) if of_family is None else of_family


def _by_value(posterior: ChainedLaw, values: Tensor) -> list[BlockComponents]:
    """The components under each value of the categories that blocks are given."""
    return [BlockComponents([components_of(block) for block in posterior.at(value).blocks]) for value in values]
