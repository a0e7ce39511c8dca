"""Which devices have float64: all but Apple's, whose numbers have 32 bits at the most."""

import torch

WITHOUT = {"mps"}
"""The types of devices that have none."""


def has_float64(device: torch.device | str) -> bool:
    """Whether tensors of float64 can lie on a device.

    Example:
        >>> has_float64("cpu"), has_float64("mps")
        (True, False)
    """
    return torch.device(device).type not in WITHOUT


def widest_on(device: torch.device | str) -> torch.dtype:
    """The type of the most exact numbers that a device has.

    Example:
        >>> widest_on("cpu")
        torch.float64
    """
    return torch.float64 if has_float64(device) else torch.float32
