"""What turns the blocks that a block is given, and features of x, into the numbers of its law."""

import torch
from torch import Tensor, nn

from termwise.main_memory import check_fits
from termwise.models.networks.linear_layer import LinearLayer


class GivenHead(nn.Module):
    """numbers = W relu(features + V given + b) + c: one hidden layer, into which an encoder's features are added.

    Args:
        given: How many numbers the blocks given have.
        hidden: The width of the layer, and so the number of features.
        numbers: How many numbers the block's law is made of.

    Example:
        >>> head = GivenHead(given=10, hidden=32, numbers=4)
        >>> head(torch.zeros(5, 10), torch.zeros(5, 32)).shape, head(torch.zeros(10)).shape
        (torch.Size([5, 4]), torch.Size([4]))
    """

    def __init__(self, given: int, hidden: int, numbers: int) -> None:
        super().__init__()
        check_fits(4 * hidden * (given + numbers), "What a block is given others by")
        self.given, self.numbers = LinearLayer(given, hidden), LinearLayer(hidden, numbers)

    def forward(self, given: Tensor, features: Tensor | None = None) -> Tensor:
        """Shape (..., numbers), of numbers given, (..., given), and of features, (..., hidden), where there are."""
        hidden = self.given(given)
        return torch.as_tensor(self.numbers((hidden if features is None else hidden + features).relu()))
