"""Whether what a step computed is finite, asked for at once and looked at late, so that a device is not waited for.

Who reads a number of a device waits until all that it was given before is done, and leaves it idle until it is given
more. So the answers of a move are copied to the CPU behind the work that makes them, the backward pass is handed to the
device, and only then they are looked at: they have come while the device is still at the gradients. It is before the
optimizer moves anything, so nothing is trained by what is not finite.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class LateLook:
    """Whether a total is finite, and the laws that it is of are some, on its way to the CPU.

    Args:
        total: What must be finite, shape ().
        whole: What must be true, shape () each, on the device of the total.

    Attributes:
        is_here: Whether there is nothing to wait for, as on the CPU.

    Example:
        >>> look = LateLook(torch.tensor(torch.nan), [torch.tensor(True)])
        >>> look.is_here, look.answers()
        (True, [False, True])
    """

    def __init__(self, total: Tensor, whole: Sequence[Tensor] = ()) -> None:
        self.is_here = total.device.type == "cpu"
        self._answers = [total.detach(), *whole]
        self._copied: torch.cuda.Event | None = None
        if self.is_here:
            return
        together = torch.stack([total.detach().isfinite(), *whole])
        if together.is_cuda:  # elsewhere a copy that is not waited for may be read before it has come
            together = together.to("cpu", non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record(torch.cuda.current_stream(total.device))
        self._answers = [together]

    def answers(self) -> list[bool]:
        """Whether the total is finite, and each of the others true; waits for them, and for nothing given since."""
        if self.is_here:
            total, *whole = self._answers
            return [math.isfinite(float(total)), *map(bool, whole)]
        if self._copied is not None:
            self._copied.synchronize()
        answers: list[bool] = self._answers[0].tolist()
        return answers
