"""The categorical likelihood: log p(x|z) = sum_i log softmax(decoded_i)[x_i], every pixel i one of some classes."""

from torch import Tensor
from torch.distributions import Categorical as CategoricalDistribution, Distribution

from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models.likelihoods.likelihood import Likelihood, over_examples
from termwise.values import Count


class Categorical(Likelihood):
    """Every entry of x one of `classes` categories, 0, 1, ..., from logits of shape (B, classes, *shape).

    Args:
        classes: How many categories there are.

    Example:
        >>> import torch
        >>> Categorical(3).decoded_shape((1, 8, 8))
        (3, 1, 8, 8)
        >>> law = Categorical(3)(torch.zeros(1, 3, 2))  # uniform over three, for two pixels
        >>> round(law.log_prob(torch.tensor([[0, 2]])).item(), 4)  # -2 log 3
        -2.1972
    """

    def __init__(self, classes: Count) -> None:
        super().__init__()
        if classes < 2:
            raise Refused(f"A categorical likelihood needs two classes or more; got {classes}.")
        self.classes = classes
        self.spec = f"categorical:{classes}"

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The classes come first: (classes, *shape)."""
        return (self.classes, *shape)

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) from logits, shape (B, classes, *shape)."""
        if decoded.dim() < 2 or decoded.shape[1] != self.classes:
            raise Refused(
                f"A categorical likelihood of {self.classes} classes needs logits of shape (B, {self.classes}, ...), "
                f"classes first; got {tuple(decoded.shape)}."
            )
        return over_examples(CategoricalDistribution(logits=decoded.movedim(1, -1), validate_args=False))

    def check(self, values: ValueRange) -> None:
        """Refuse what is not a whole number in 0 ... classes - 1."""
        if not values.integer or values.minimum < 0 or values.maximum > self.classes - 1:
            kind = "whole numbers" if values.integer else "fractions"
            remedy = "Recode the data as 0, 1, 2, ..."
            if values.integer and values.minimum >= 0:
                remedy = f"Say 'categorical:{int(values.maximum) + 1}'."
            elif values.minimum >= 0 and values.maximum <= 1:
                remedy = (
                    "If they are pixels, which are divided by 255, keep them whole: levels=True "
                    "(--set data.levels=true), and say 'categorical:256'."
                )
            raise BadData(
                f"A categorical likelihood of {self.classes} classes needs whole numbers, 0 to {self.classes - 1}; "
                f"the data has {kind} in [{values.minimum:g}, {values.maximum:g}]. {remedy}"
            )
