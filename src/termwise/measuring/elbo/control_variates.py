"""Control variates: what is known of a code's noise is taken out of a reading, which it leaves unbiased.

A control c(z_n) has mean zero over z ~ q(z|x_n), such as log r(z) - E_q(z|x_n)[log r(z)] for a normal r, in closed
form. Then v_n - beta . c(z_n) has the mean of v_n for any beta that z_n has no part in; least squares on the other
half of the examples gives one (Glasserman, 2003, section 4.1). Its beta is off by what else varies from example to
example, so that what is known of that, a(x_n), stands beside the controls in the squares: v = b0 + b1 a + beta . c.
Near log N, where v = a + c - log N, the noise then goes to the last digit.
"""

import torch
from torch import Tensor

LEAST = 64
"""Under so many examples the coefficients would cost more than they save, and the first control's is taken for 1."""

ROUNDING = 1e-6
"""Nats, under which a control is rounding: nothing is left of a code's noise, and its mean is not zero."""
STEEPEST = 10.0
"""The largest coefficient of a control: one that hardly varies would else be magnified to tell examples apart, and with
it what its mean over the codes at hand is off by."""


def controlled(values: Tensor, controls: Tensor, expected: Tensor) -> Tensor:
    """Values by example, shape (N,), less what their controls, shape (N, C), foretell of them.

    Args:
        values: By example.
        controls: What has mean zero for every example, the code's own noise log q(z|x) - E log q(z|x) first. Where its
            coefficient is 1, MI is the mean of log q(z|x) - log q(z), of which none is over log N.
        expected: What is known of the values beside, by example, shape (N,): it stays in them.
    """
    count, controls = len(values), controls.where(controls.abs() > ROUNDING, 0.0)
    if count < LEAST:
        return values - controls[:, 0]
    half = torch.randperm(count, generator=torch.Generator().manual_seed(1)) < count // 2
    result, known = values.clone(), torch.column_stack([controls, expected])
    for fold in (half, ~half):
        result[fold] -= controls[fold] @ _coefficients(values[~fold], known[~fold])[:-1]
    return result


def _coefficients(values: Tensor, known: Tensor) -> Tensor:
    centred, target = known - known.mean(0), values - values.mean()
    size = centred.abs().amax(0).clamp(min=torch.finfo(centred.dtype).tiny)  # a sigma of 1e20 must not drown the others
    found = torch.linalg.lstsq(centred / size, target.unsqueeze(1), driver="gelsd").solution.squeeze(1) / size
    return found.clamp(-STEEPEST, STEEPEST)
