"""The margin of q(z) over some of its dimensions: a mixture of its components' own margins.

q(z_g) = sum_n w_n N(z_g; mu_ng, Sigma_ngg)
"""

from collections.abc import Sequence

import torch

from termwise.errors import Refused
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import Gaussians


def margin(components: Components, dimensions: Sequence[int]) -> Gaussians:
    """The components over `dimensions` alone, of normals.

    Of a full covariance the factor is that of the chosen rows, L_g = R', by R of a QR decomposition of their transpose:
    the covariance itself, which would lose half of the digits, is never formed.

    Raises:
        Refused: They are no normals.

    Example:
        >>> factor = torch.tensor([[[1.0, 0.0], [3.0, 4.0]]])  # the second dimension's variance is 25
        >>> margin(Gaussians(torch.zeros(1, 2), factor), [1]).spread
        tensor([[[5.]]])
    """
    if not isinstance(components, Gaussians):
        raise Refused("Groups of dimensions are known of normal posteriors alone. Leave the links of the groups out.")
    chosen = list(dimensions)
    mean, spread = components.mean[:, chosen], components.spread[:, chosen]
    if spread.dim() == 3:
        upper = torch.linalg.qr(spread.double().mT, mode="r").R  # (N, g, g)
        sign = upper.diagonal(dim1=1, dim2=2).sign().unsqueeze(2)
        spread = (sign * upper).mT.to(spread.dtype)
    return Gaussians(mean, spread)
