"""The linear layer of the networks: PyTorch's own, its products by the quicker library."""

from torch import Tensor, nn

from termwise.products import linear


class LinearLayer(nn.Linear):
    """A linear layer, x W^T + b, like PyTorch's in everything but the library that multiplies (`products.py`).

    Example:
        >>> layer = LinearLayer(3, 4)
        >>> layer, isinstance(layer, nn.Linear), sorted(layer.state_dict())
        (Linear(in_features=3, out_features=4, bias=True), True, ['bias', 'weight'])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The product with the weights, and the bias, shape (..., O)."""
        return linear(input, self.weight, self.bias)

    def _get_name(self) -> str:
        return "Linear"
