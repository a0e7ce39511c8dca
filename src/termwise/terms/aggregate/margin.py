"""The margin of q(z) over some of its dimensions: a mixture of its components' own margins.

q(z_g) = sum_n w_n q(z_g|x_n), where of normals q(z_g|x_n) = N(z; mu_ng, Sigma_ngg), of blocks it is their product, and
of laws that factorise the product of the numbers' own. Of blocks that are given categories it is a sum over these,
where they are not in g.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.law_components import LawComponents
from termwise.terms.aggregate.mixture import log_density, log_density_over_values
from termwise.terms.aggregate.posterior_components import components_of
from termwise.terms.aggregate.value_components import Margin, ValueComponents


def margin(components: Components, dimensions: Sequence[int]) -> Components:
    """The components over some dimensions alone; of others than normals in the order of z.

    Raises:
        Refused: Their margin over these dimensions is unknown: they are some of a category's numbers, of a simplex, or
            of a law that does not factorise.

    Example:
        >>> factor = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])  # the second dimension's variance is 25
        >>> margin(Gaussians(torch.zeros(1, 2), factor), [1]).spread
        tensor([[[5.]]])
    """
    if isinstance(components, Gaussians):
        return _of_normals(components, list(dimensions))
    chosen = sorted(dimensions)
    if chosen == list(range(components.size)):
        return components
    if isinstance(components, ValueComponents):
        return _of_values(components, chosen)
    if isinstance(components, LawComponents) and isinstance(components.law, ChainedLaw):
        for first in components.law.firsts():
            if chosen == list(range(first.event_shape.numel())):
                return components_of(first)
    if isinstance(components, BlockComponents):
        within = [
            (one, [j - part.start for j in chosen if part.start <= j < part.stop]) for one, part in components.parts()
        ]
        return _side_by_side([margin(one, its) for one, its in within if its])
    lines = [(range(components.size)[part], one) for part, one in components.by_dimension() or ()]
    known = [(part, one) for part, one in lines if set(part) <= set(chosen)]
    if sum(len(part) for part, _ in known) < len(chosen):
        raise Refused(
            "A group has all of a block whose numbers cannot be told apart, such as a flow's, a simplex or a category; "
            f'got the numbers {chosen} of {components.size}. Put the others beside them, or say groups="blocks".'
        )
    return _side_by_side([one for _, one in known])


def group_log_density(codes: Codes, components: Components, group: Sequence[int], weights: LogWeights) -> Tensor:
    """log q(z_g) of codes z, shape (B, D), g some of their numbers: shape (B,), nats; Refused where it is unknown."""
    chosen = sorted(group)
    its = codes.columns(chosen)
    if isinstance(components, ValueComponents) and not set(components.columns.tolist()) & set(chosen):
        over_values = Margin.of([margin(one, chosen) for one in components.by_value], components.log_shares)
        if len(over_values.by_value) == 1 or not over_values.by_value[0].alternatives(its[:1]):
            return log_density_over_values(log_density, its, over_values, weights)
    return log_density(its, margin(components, chosen), weights)


def _of_values(components: ValueComponents, chosen: list[int]) -> Components:
    """Of blocks that are given categories: with all of these, or nothing else than some of these."""
    given = set(components.columns.tolist())
    if given <= set(chosen):
        under = [margin(one, chosen) for one in components.by_value]
        blocks = [one if isinstance(one, BlockComponents) else BlockComponents([one]) for one in under]
        return ValueComponents(components.values[:, chosen], blocks)
    if set(chosen) <= given:
        return margin(components.by_value[0], chosen)
    raise Refused(
        "Of blocks that are given categories a group has all of these, or none of them and numbers alone; got the "
        f"numbers {chosen} of {components.size}. Put all categories that are given beside them in one group."
    )


def _side_by_side(several: Sequence[Components]) -> Components:
    return several[0] if len(several) == 1 else BlockComponents(several)


def _of_normals(components: Gaussians, chosen: list[int]) -> Gaussians:
    """Of a full covariance the factor is that of the chosen rows, L_g = R', by R of a QR decomposition.

    It is of their transpose: the covariance itself, which would lose half of the digits, is never formed.
    """
    mean, spread = components.mean[:, chosen], components.spread[:, chosen]
    if spread.dim() == 3:
        upper = torch.linalg.qr(spread.double().mT, mode="r").R  # (N, g, g)
        sign = upper.diagonal(dim1=1, dim2=2).sign().unsqueeze(2)
        spread = (sign * upper).mT.to(spread.dtype)
    return Gaussians(mean, spread)
