"""The posterior of categories: at every position of the code one of K, one-hot."""

import math
from typing import Any, Literal

from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.categories import MOST_VALUES, Categories
from termwise.models.places import Positions, as_option, shape_of
from termwise.schedules import AnySchedule, Weight, as_schedule

Gradient = Literal["straight-through", "relaxed", "score-function", "sum"]
"""How categories learn."""

BIAS_OF_GRADIENT: dict[Gradient, str] = {
    "straight-through": "trained by straight-through gradients, biased unless the decoder is linear in z",
    "relaxed": "trained on relaxed codes, of which it is not",
    "score-function": "trained by the score function, an unbiased gradient",
    "sum": "trained by sums over all categories, whose gradient is exact",
}
"""What an account says of each, beside the distortion."""


class CategoricalPosterior(nn.Module):
    """One category out of K at each of P positions; features are logits.

    Args:
        latent: P K, the numbers of the code.
        positions: P, or their shape.
        gradient: How codes carry one: "straight-through", one-hot codes with the gradient of their probabilities
            (Bengio, Leonard and Courville, 2013), which a decoder that is not linear makes biased; "relaxed", codes
            between the categories (Jang, Gu and Poole, 2017; Maddison, Mnih and Teh, 2017), of which the decoder sees
            others than those it is measured by; or "score-function", one-hot codes whose score every term is weighed
            by, less what the batch's others came to (Williams, 1992): unbiased, and of more noise; or "sum", where the
            distortion is summed over all categories, each decoded, and no code stands for them: exact, at K times the
            decoder's cost. Other terms at codes are then as with "straight-through".
        temperature: Of relaxed codes: a number, or a schedule of one over the steps of a training.

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
        positions: Positions = 1,
        gradient: Gradient = "straight-through",
        temperature: Weight = 0.5,
    ) -> None:
        super().__init__()
        self.shape = shape_of(positions)
        count = math.prod(self.shape)
        if latent % count:
            raise Refused(
                f"{latent} numbers are not {count} positions of as many categories each. Give as latent the "
                "positions times the categories."
            )
        if gradient == "sum" and (values := (latent // count) ** count) > MOST_VALUES:
            raise Refused(
                f"gradient = 'sum' decodes every value of the categories, {MOST_VALUES} at most; these have {values}. "
                "Take gradient = 'straight-through', which decodes one."
            )
        schedule = as_schedule(temperature)
        if schedule.least() <= 0:
            raise Refused(
                f"The temperature of relaxed codes is above 0; got one that is {schedule.least():g} at its least. Take "
                'one such as 0.5, or {"schedule": "linear", "start": 1.0, "end": 0.3}.'
            )
        self.latent, self.positions, self.gradient = latent, count, gradient
        self.temperature = schedule.over(1)(0)
        self.schedules: dict[str, AnySchedule] = {"temperature": schedule} if gradient == "relaxed" else {}
        said = temperature if isinstance(temperature, int | float) else temperature.model_dump(exclude_none=True)
        self.options: dict[str, Any] = {"positions": as_option(positions), "gradient": gradient, "temperature": said}

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: a logit for each of the code's."""
        return self.latent

    @property
    def bias_of_gradient(self) -> str:
        """In which way the gradient that reaches its logits is off."""
        return BIAS_OF_GRADIENT[self.gradient]

    def forward(self, features: Tensor) -> Categories:
        """q(z|x) from features of shape (B, P K); in evaluation codes are one-hot."""
        logits = features.unflatten(-1, (self.positions, -1))
        relaxed = self.training and self.gradient == "relaxed"
        temperature = self.temperature if relaxed else None
        has_path, summed = self.gradient != "score-function", self.gradient == "sum"
        return Categories(logits, temperature, has_path, self.shape, summed)
