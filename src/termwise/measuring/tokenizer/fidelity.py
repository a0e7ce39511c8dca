"""How like reconstructions are to examples: squared error, PSNR, and SSIM of pictures (Wang et al., 2004).

    PSNR = 10 log10 R^2 / MSE        SSIM = (2 m_a m_b + c1) (2 s_ab + c2) / ((m_a^2 + m_b^2 + c1) (s_a^2 + s_b^2 + c2))

R is the range of the data; m and s are means and covariances under a Gaussian window of sigma 1.5 and 11 pixels, c1 =
(0.01 R)^2, c2 = (0.03 R)^2; the mean is over all windows that lie within the picture, and over colours.
"""

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, SIGMA = 11, 1.5


def squared_error(x: Tensor, other: Tensor) -> Tensor:
    """The mean over the numbers of an example, shape (B,).

    Example:
        >>> squared_error(torch.zeros(2, 3), torch.ones(2, 3))
        tensor([1., 1.], dtype=torch.float64)
    """
    return (x.double() - other.double()).square().flatten(1).mean(1)


def psnr(error: Tensor, value_range: float) -> Tensor:
    """Decibels of squared errors, shape (B,); of none at all what float64 can still tell from none.

    Example:
        >>> psnr(torch.tensor([0.01]), 1.0)
        tensor([20.])
    """
    return 10 * (value_range**2 / error.clamp(min=1e-30)).log10()


def ssim(x: Tensor, other: Tensor, value_range: float) -> Tensor:
    """The structural similarity of pictures (B, C, h, w), or of the frames of videos (B, C, t, h, w): shape (B,).

    Pictures of fewer pixels than the window have the largest odd one that fits.

    Example:
        >>> x = torch.rand(2, 3, 16, 16)
        >>> ssim(x, x, 1.0)
        tensor([1., 1.], dtype=torch.float64)
    """
    a, b = (of.double().reshape(-1, 1, *of.shape[-2:]) for of in (x, other))
    size = min(WINDOW, *(side - (side + 1) % 2 for side in x.shape[-2:]))
    line = torch.exp(-0.5 * ((torch.arange(size, device=x.device).double() - size // 2) / SIGMA).square())
    line = line / line.sum()

    def blurred(of: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(of, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))

    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    of_windows = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    of_windows = of_windows / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return of_windows.reshape(len(x), -1).mean(1)
