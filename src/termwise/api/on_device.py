"""Where something is measured: a model's networks are moved to a device, and back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from termwise.data.generators import turn
from termwise.errors import Refused, in_short
from termwise.models import Drawable
from termwise.models.drawable import networks_of


@contextmanager
def on_device(model: Drawable, device: torch.device | str) -> Iterator[None]:
    """The model's networks on the device, and afterwards where they were; one spread over several devices stays.

    No other thread measures meanwhile, for it may be the same model that it would move.
    """
    with turn():
        yield from _moved(model, device)


def _moved(model: Drawable, device: torch.device | str) -> Iterator[None]:
    networks = networks_of(model)
    lying = {network: {part.device for part in (*network.parameters(), *network.buffers())} for network in networks}
    homes = {network: devices.pop() for network, devices in lying.items() if len(devices) == 1}
    try:
        torch.zeros(1, device=device).item()  # one that holds numbers, as "meta" does not
        for network in homes:
            network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device that is not there
        _return(homes)
        why = str(error).splitlines()[0][:500]  # torch repeats what it was given, however long
        raise Refused(f"The device {in_short(str(device))} cannot be used: {why}") from None
    try:
        yield
    finally:
        _return(homes)


def _return(homes: Mapping[nn.Module, torch.device]) -> None:
    """Move every network back to where it was."""
    for network, home in homes.items():
        network.to(home)
