"""Whether a state that was saved can take the place of one that is there: of the same keys, kinds and shapes."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def misfit(saved: Any, own: Any, at: str = "it") -> str:
    """The first place where a saved state is of another kind than one's own, in words; "" where there is none.

    Values may differ, and what one's own leaves open, by None, may be anything.

    Example:
        >>> misfit({"rate": 1, "name": "adam"}, {"rate": 0.1, "name": "sgd"})
        ''
        >>> misfit({"weight": torch.zeros(3)}, {"weight": torch.zeros(2)})
        'it.weight is a tensor of shape (3,), and should be one of shape (2,)'
    """
    if own is None:
        return ""
    if isinstance(own, Mapping):
        if not isinstance(saved, Mapping) or saved.keys() != own.keys():
            return f"{at} has other entries than it should"
        return next((wrong for key in own if (wrong := misfit(saved[key], own[key], f"{at}.{key}"))), "")
    if isinstance(own, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(own):
            return f"{at} is no list of {len(own)}"
        pairs = enumerate(zip(saved, own, strict=True))
        return next((wrong for number, (one, mine) in pairs if (wrong := misfit(one, mine, f"{at}.{number}"))), "")
    if isinstance(own, Tensor):
        return _tensor_misfit(saved, own, at)
    if isinstance(own, float):
        fits = isinstance(saved, int | float) and not isinstance(saved, bool) and math.isfinite(saved)
    else:
        fits = type(saved) is type(own)
    return "" if fits else f"{at} is a {type(saved).__name__}, and should be a {type(own).__name__}"


def optimizer_misfit(saved: Any, optimizer: torch.optim.Optimizer) -> str:
    """The same for an optimizer, whose state of a parameter is there once it has moved: numbers, or of its shape."""
    own = optimizer.state_dict()
    if not isinstance(saved, Mapping) or saved.keys() != own.keys() or not isinstance(saved["state"], Mapping):
        return "it has other entries than it should"
    if wrong := misfit(saved["param_groups"], own["param_groups"], "param_groups"):
        return wrong
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, state in saved["state"].items():
        if not (isinstance(number, int) and 0 <= number < len(parameters) and isinstance(state, Mapping)):
            return f"state.{number} is of no parameter"
        for name, value in state.items():
            fits = not isinstance(value, Tensor) or value.numel() == 1 or value.shape == parameters[number].shape
            if not (fits and isinstance(value, Tensor | int | float | None)):
                return f"state.{number}.{name} is not of its parameter's shape"
    return ""


def _tensor_misfit(saved: Any, own: Tensor, at: str) -> str:
    if not isinstance(saved, Tensor):
        return f"{at} is a {type(saved).__name__}, and should be a tensor"
    if saved.shape != own.shape:
        return f"{at} is a tensor of shape {tuple(saved.shape)}, and should be one of shape {tuple(own.shape)}"
    if saved.is_floating_point() != own.is_floating_point() or saved.is_complex() != own.is_complex():
        return f"{at} is a tensor of {saved.dtype}, and should be one of {own.dtype}"
    return ""
