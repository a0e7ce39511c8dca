"""The discretised logistic likelihood: p(x|z) = prod_i F(x_i + h) - F(x_i - h), F a logistic's (Kingma et al., 2016).

x is one of L levels 0, 1/(L-1), ..., 1, and h half of what lies between two; the first and the last have the tails.
With u and v the two ends of a level in units of the scale,

    log (sigmoid(u) - sigmoid(v)) = log sigmoid(u) + log sigmoid(-v) + log(1 - exp(v - u)).
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from torch.nn import functional as F
from torch.types import _size

from termwise.data import ValueRange
from termwise.errors import BadData, Refused
from termwise.models.likelihoods.likelihood import Likelihood, over_examples
from termwise.values import Count

ROUNDING = 1e-2
"""How far beside a level a number may be, in levels, and still be that level."""


class LevelsOfPixels(constraints.Constraint):
    """Multiples of 1 / (levels - 1), from 0 to 1."""

    is_discrete = True

    def __init__(self, levels: int) -> None:
        self.levels = levels
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Which values are levels, but for rounding."""
        level = value * (self.levels - 1)
        right: Tensor = ((level - level.round()).abs() < ROUNDING) & (value > -ROUNDING) & (value < 1 + ROUNDING)
        return right


def levels_of(x: Tensor, levels: int, likelihood: str, looks: bool) -> Tensor:
    """Which level each pixel has, 0, 1, ..., of the shape of x.

    Args:
        x: Multiples of 1 / (levels - 1), from 0 to 1.
        levels: How many there are.
        likelihood: Whose they are, in words.
        looks: Whether to refuse what lies between levels, which costs a look at all.

    Raises:
        BadData: Some lie between.

    Example:
        >>> levels_of(torch.tensor([0.0, 0.5, 1.0]), 3, "discretised logistic", looks=True)
        tensor([0., 1., 2.])
    """
    exact = x * (levels - 1)
    level = exact.round()
    if looks and bool(((exact - level).abs() > ROUNDING).any()):
        raise BadData(
            f"The {likelihood} likelihood of {levels} levels needs multiples of 1/{levels - 1}; the data has numbers "
            "between them, as pixels have that were resized or made grey. Say how many levels there are, or choose "
            "likelihood 'normal:optimal'."
        )
    return level


class DiscretizedLogistic(Distribution):
    """Discretised logistic laws, of every entry of a batch.

    Args:
        loc: Where the logistic lies, in the units of x, shape (B, *shape).
        scale: Its scale, which broadcasts to it.
        levels: L.
        looks: Whether `log_prob` looks at whether it is asked of levels.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    has_enumerate_support = True

    def __init__(self, loc: Tensor, scale: Tensor, levels: int, looks: bool = True) -> None:
        self.loc, self.scale, self.levels, self.looks = loc, scale.expand_as(loc), levels, looks
        super().__init__(loc.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Multiples of 1 / (L - 1), from 0 to 1."""
        return LevelsOfPixels(self.levels)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All levels, shape (L, B, *shape), or (L, 1, ...) where they are not to be expanded."""
        values = torch.arange(self.levels, dtype=self.loc.dtype, device=self.loc.device) / (self.levels - 1)
        values = values.view(-1, *(1,) * self.loc.dim())
        return values.expand(-1, *self.loc.shape) if expand else values

    @property
    def mean(self) -> Tensor:
        """The mean, shape (B, *shape): the sum of the probabilities of being above each level, over L - 1."""
        between = self.levels - 1
        above = torch.zeros_like(self.loc)
        for level in range(between):  # one at a time: all at once are L times a batch
            above = above + torch.sigmoid((self.loc - (level + 0.5) / between) / self.scale)
        return above / between

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Levels, shape (*sample_shape, B, *shape): a logistic's numbers, rounded."""
        with torch.no_grad():
            uniform = torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
            exact = self.loc + self.scale * torch.logit(uniform, eps=torch.finfo(uniform.dtype).tiny)
            return (exact.clamp(0, 1) * (self.levels - 1)).round() / (self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of each entry, nats."""
        between = self.levels - 1
        level = levels_of(value, self.levels, "discretised logistic", self.looks)
        upper = ((level + 0.5) / between - self.loc) / self.scale
        lower = ((level - 0.5) / between - self.loc) / self.scale
        log_width = (-(-1 / (between * self.scale)).expm1()).log()
        first, last = level <= 0, level >= between
        none = torch.zeros_like(upper)
        below = F.logsigmoid(upper).where(~last, none)
        return (
            below + F.logsigmoid(-lower).where(~first, none) + log_width.expand_as(upper).where(~(first | last), none)
        )


class DiscretizedLogisticLikelihood(Likelihood):
    """Pixels of so many levels, from 0 to 1, around the decoder's output, with one scale that learns.

    Args:
        levels: How many: 256 for pixels that were bytes, divided by 255.

    Example:
        >>> law = DiscretizedLogisticLikelihood(3)(torch.full((3, 1), 0.5))  # 0, 1/2 and 1
        >>> round(law.log_prob(torch.tensor([[0.0], [0.5], [1.0]])).exp().sum().item(), 4)
        1.0
    """

    FLOOR = 1e-4

    def __init__(self, levels: Count = 256) -> None:
        super().__init__()
        if levels < 2:
            raise Refused(f"A discretised logistic likelihood needs two levels or more; got {levels}.")
        self.levels = levels
        self.spec = f"discretized-logistic:{levels}"
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) with the decoder's output as where the logistic lies, shape (B, *shape)."""
        scale = self.log_scale.exp().to(decoded.dtype) + self.FLOOR
        return over_examples(DiscretizedLogistic(decoded, scale, self.levels, looks=not self.training))

    def check(self, values: ValueRange) -> None:
        """Refuse what is not from 0 to 1."""
        if values.minimum < 0 or values.maximum > 1:
            levels = values.integer and values.minimum >= 0 and values.maximum < self.levels
            remedy = f"Divide them by {self.levels - 1} (pixels are, without levels=True)" if levels else "Rescale them"
            raise BadData(
                f"A discretised logistic likelihood of {self.levels} levels needs multiples of 1/{self.levels - 1} "
                f"from 0 to 1; these run {values.minimum:g} to {values.maximum:g}. {remedy}; or choose likelihood "
                "'normal:optimal'."
            )
