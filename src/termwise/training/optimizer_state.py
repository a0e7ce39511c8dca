"""An optimizer's state, taken over from a checkpoint whose networks may have lain in memory otherwise."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def take_state(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load a saved state, and lay what it has of a parameter out in memory as the parameter is.

    A fused optimizer walks through all of them side by side, number by number as they lie: averages in another layout
    would be those of other weights, and nothing would say so.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last))
        >>> one, other = (torch.optim.Adam([weight], fused=True) for _ in range(2))
        >>> weight.grad = torch.ones_like(weight)
        >>> one.step()
        >>> saved = one.state_dict()
        >>> saved["state"][0]["exp_avg"] = saved["state"][0]["exp_avg"].contiguous()
        >>> take_state(other, saved)
        >>> other.state[weight]["exp_avg"].stride() == weight.stride()
        True
    """
    optimizer.load_state_dict(dict(state))
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            alike = isinstance(value, Tensor) and value.shape == parameter.shape
            if alike and value.stride() != parameter.stride():
                entries[name] = torch.empty_like(parameter.detach(), dtype=value.dtype).copy_(value)
