"""The margin of q(z) over some of its dimensions: a mixture of its components' own margins.

q(z_g) = sum_n w_n q(z_g|x_n), where of normals q(z_g|x_n) = N(z; mu_ng, Sigma_ngg), of blocks it is their product, and
of laws that factorise the product of the numbers' own.
"""

from collections.abc import Sequence

import torch

from termwise.errors import Refused
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import Gaussians


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
