import numpy as np
import pytest
import torch
from scipy.ndimage import laplace
from torch.nn import functional as F

from termwise.errors import BadData
from termwise.measuring.quality import sharpness


def test_it_is_the_variance_of_scipys_laplacian_away_from_the_border():
    x = torch.rand(3, 2, 7, 9, dtype=torch.float64)
    inner = [[laplace(channel)[1:-1, 1:-1].var() for channel in image] for image in x.numpy()]
    assert sharpness(x).tolist() == pytest.approx(np.mean(inner, axis=1).tolist(), rel=1e-10)


def test_a_ramp_has_none_and_a_blurred_image_less():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert sharpness(ramp).item() == pytest.approx(0, abs=1e-12)
    x = (torch.rand(5, 1, 16, 16) > 0.5).float()
    assert (sharpness(F.avg_pool2d(x, 3, 1, 1)) < sharpness(x)).all()


@pytest.mark.parametrize("shape", [(4, 10), (4, 1, 2, 5)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(BadData, match="H and W of 3 or more"):
        sharpness(torch.zeros(shape))
