"""What a step computed is looked at late on a device, and right away on the CPU; nothing is trained by it before."""

import math

import pytest
import torch

from termwise.training.late_look import LateLook


@pytest.mark.parametrize("total", [0.0, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("whole", [(), (True,), (True, False)])
def test_it_says_of_each_whether_it_is_as_it_must_be(total, whole):
    look = LateLook(torch.tensor(total, requires_grad=True), [torch.tensor(one) for one in whole])
    assert look.is_here
    assert look.answers() == [math.isfinite(total), *whole]
