"""One file of another package, which brings termwise a thing of every kind. It is copied; nothing here imports it.

shifted       a likelihood      x ~ N(decoded + 1/2, sigma^2)
wide          a posterior       N(mu, 2^2 diag sigma^2)
double        a prior           N(0, 2^2 I)
halved        an estimator      half of the KL, in closed form
two-rates     a recipe          distortion + weight (rate + rate), twice the half of it
code_length   a reading         the rate in bits
ramp          a source          examples of one number, from 0 to 1
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from termwise import Account, Draw, Drawable, Law, Likelihood, ReadingRow, Recipe, Row, measure
from termwise.account.reading import reading_of
from termwise.data import Dataset, load_data
from termwise.data.sources import Source
from termwise.objectives import Game, distortion, rate, solo
from termwise.terms import ClosedForm


class Shifted(Likelihood):
    def __init__(self, sigma: float = 0.3) -> None:
        super().__init__()
        self.sigma, self.spec = sigma, f"shifted:{sigma}"

    def forward(self, decoded: Tensor) -> Distribution:
        law = Normal(decoded + 0.5, torch.full_like(decoded, self.sigma), validate_args=False)
        return Independent(law, decoded.dim() - 1, validate_args=False)


class Wide(nn.Module):
    name = "wide"

    def __init__(self, latent: int, times: float = 2.0) -> None:
        super().__init__()
        self.latent, self.times, self.options = latent, times, {"times": times}

    @property
    def features(self) -> int:
        return 2 * self.latent

    def forward(self, features: Tensor) -> Distribution:
        mean, log_scale = features.chunk(2, dim=-1)
        return Independent(Normal(mean, self.times * log_scale.exp(), validate_args=False), 1, validate_args=False)


class Double(nn.Module):
    name = "double"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent, self.options = latent, {}
        self.register_buffer("zero", torch.zeros(latent), persistent=False)

    def forward(self) -> Distribution:
        return Independent(Normal(self.zero, self.zero + 2.0, validate_args=False), 1, validate_args=False)


class Halved(ClosedForm):
    name, quantity, label = "halved", "half KL", "half, in closed form"

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        return 0.5 * super().__call__(left, right, draw)


def two_rates(weight: float = 1.0) -> Game:
    """Nothing New (Nobody, 2026, eq. 1)."""
    return solo(distortion() + 2 * weight * rate(Halved()))


def code_length(model: Drawable, data: Dataset) -> Account:
    values = measure(model, data).per_example["rate"] / math.log(2)
    reading = reading_of(values, "code_length", unit="bits", estimator="closed form", bias="unbiased")
    return Account({"code_length": reading})


def ramp(*, n: int = 64) -> Dataset:
    """Numbers from 0 to 1.

    Args:
        n: How many.
    """
    return load_data(torch.linspace(0, 1, n).unsqueeze(1), test=0.0, name="ramp")


LIKELIHOOD = Row("shifted", Shifted, "half a unit above the decoder's output", examples=("shifted:0.3",))
POSTERIOR = Row("wide", Wide, "a normal of twice the width")
PRIOR = Row("double", Double, "N(0, 4 I)")
ESTIMATOR = Row("halved", Halved, "half of the KL")
RECIPE = Recipe("two-rates", two_rates, "2 weight half of the rate")
READING = ReadingRow("code_length", "code length", "rate / log 2", "what the code costs, in bits", "rate", "bits")
SOURCE = Source("ramp", ramp, "numbers from 0 to 1")
