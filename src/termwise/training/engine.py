"""Where training runs: device and precision, on lightning-fabric, which is imported when an engine is made."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from termwise.data.dataset import Dataset
from termwise.errors import Refused, in_short
from termwise.models.data_parallel import rank_and_ranks
from termwise.models.data_pass import DataPass
from termwise.models.vae import VAE
from termwise.training.processes import device_of_this_process


class Engine:
    """The device and the precision of a training.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        precision: "32-true", "64-true" or "bf16-mixed".

    Attributes:
        device: The device that is used.
        dtype: The type of the weights.
        ranks: How many processes train together.

    Raises:
        Refused: The device is not there, or not at this precision.

    Example:
        >>> Engine("cpu", "64-true").dtype
        torch.float64
    """

    def __init__(self, device: str = "auto", precision: str = "32-true") -> None:
        from lightning_fabric import Fabric

        self.ranks = rank_and_ranks()[1]
        if self.ranks > 1 and ":" in device:
            wider = device.partition(":")[0]
            raise Refused(f"{self.ranks} processes train on a device each: say device={wider!r}; got {device!r}.")
        accelerator, _, number = str(device_of_this_process(device)).partition(":")
        try:
            devices: Any = [int(number)] if number else 1
            self.fabric = Fabric(accelerator=accelerator, devices=devices, precision=precision)  # type: ignore[arg-type]
        except Exception:  # Lightning's words are of its own arguments, and not of ours
            raise Refused(
                f"The device {in_short(device)} cannot be used at precision {precision!r}. Here are: "
                f"{', '.join(_devices())}."
            ) from None
        self.device: torch.device = self.fabric.device
        self.dtype = torch.float64 if precision == "64-true" else torch.float32

    def place(self, model: nn.Module) -> None:
        """Move a model to the device, in the precision's type."""
        model.to(device=self.device, dtype=self.dtype)

    def over(self, model: VAE, data: Dataset) -> DataPass:
        """Passes over a data set on this device."""
        return DataPass(model, data, device=self.device, dtype=self.dtype)

    def autocast(self) -> AbstractContextManager:
        """The precision's context for a forward pass."""
        return self.fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, shape (), to the parameters that it depends on."""
        self.fabric.backward(loss)


def _devices() -> list[str]:
    """The devices that there are, by the names that a training takes."""
    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return ["auto", "cpu", *(["cuda", *cuda] if cuda else []), *(["mps"] if torch.backends.mps.is_available() else [])]
