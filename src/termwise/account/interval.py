"""How far a 95% interval of a mean reaches to either side, where the values may be skewed.

Of n values with mean m, standard error s and sample skewness g, the statistic T = (m - mean) / s is skewed against
them, so that m -+ 1.96 s misses too often on the side where values reach far out: of ten values in a thousand that
are as large as the rest together, chance has eight or twelve. Hall (1992) gives a monotone cubic of T,

    T + g T^2 / (3 sqrt n) + g^2 T^3 / (27 n) + g / (6 sqrt n),

which is normal to the next order, and has an inverse in closed form. Where g is 0 it is T.
"""

import math

from torch import Tensor

NORMAL_95 = 1.959964
"""The standard errors to either side of a mean that hold 95% of a normal law."""


def reach_95(values: Tensor) -> tuple[float, float]:
    """How far the 95% interval of a mean of values, shape (N,), N > 1, reaches below it and above it.

    Example:
        >>> import torch
        >>> below, above = reach_95(torch.tensor([0.0, 0.0, 0.0, 1.0] * 50))
        >>> round(below, 4), round(above, 4)  # 1.96 standard errors are 0.0602
        (0.0568, 0.0642)
    """
    values = values.double()
    error, root = float(values.std()) / math.sqrt(len(values)), math.sqrt(len(values))
    if error == 0:
        return 0.0, 0.0
    centred = values - values.mean()
    skewness = float(centred.pow(3).mean() / centred.square().mean() ** 1.5)

    def inverse(normal: float) -> float:
        """The T at which the cubic is `normal`: 3 sqrt(n) (cbrt(1 + g y) - 1) / g, without dividing by g."""
        y = normal / root - skewness / (6 * len(values))
        cube_root = math.cbrt(1 + skewness * y)
        return 3 * root * y / (cube_root**2 + cube_root + 1)

    return error * inverse(NORMAL_95), -error * inverse(-NORMAL_95)
