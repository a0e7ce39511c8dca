"""The posterior of categories: at every position of the code one of K, one-hot."""

from typing import Any, Literal

from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.categories import Categories
from termwise.values import Count, PositiveFinite


class CategoricalPosterior(nn.Module):
    """One category out of K at each of P positions; features are logits.

    Args:
        latent: P K, the numbers of the code.
        positions: P.
        gradient: How codes carry one: "straight-through", one-hot codes with the gradient of their probabilities
            (Bengio, Leonard and Courville, 2013), which a decoder that is not linear makes biased; or "relaxed", codes
            between the categories (Jang, Gu and Poole, 2017; Maddison, Mnih and Teh, 2017), of which the decoder sees
            others than those it is measured by.
        temperature: Of relaxed codes.

    Example:
        >>> import torch
        >>> law = CategoricalPosterior(10)(torch.zeros(5, 10))
        >>> law.rsample().sum(1)
        tensor([1., 1., 1., 1., 1.])
    """

    name = "categorical"

    def __init__(
        self,
        latent: int,
        positions: Count = 1,
        gradient: Literal["straight-through", "relaxed"] = "straight-through",
        temperature: PositiveFinite = 0.5,
    ) -> None:
        super().__init__()
        if latent % positions:
            raise Refused(
                f"{latent} numbers are not {positions} positions of as many categories each. Give as latent the "
                "positions times the categories."
            )
        self.latent, self.positions = latent, positions
        self.temperature = temperature if gradient == "relaxed" else None
        options = {"positions": positions, "gradient": gradient, "temperature": temperature}
        self.options: dict[str, Any] = options

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: a logit for each of the code's."""
        return self.latent

    def forward(self, features: Tensor) -> Categories:
        """q(z|x) from features of shape (B, P K); in evaluation codes are one-hot."""
        logits = features.unflatten(-1, (self.positions, -1))
        return Categories(logits, self.temperature if self.training else None)
