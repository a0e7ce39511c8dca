"""What measuring a posterior gives: readings of the ELBO's terms, and what a diagnosis needs beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from termwise.account.reading import AnyReading


@dataclass(frozen=True)
class Smoothing:
    """How a posterior without a density differs from its smoothed stand-in, on average over examples, nats.

    Attributes:
        distortion: Of the posterior itself.
        smoothed_distortion: Of its stand-in.
        elbo_ceiling: What the posterior's own ELBO is at most, in expectation.
    """

    distortion: float
    smoothed_distortion: float
    elbo_ceiling: float


@dataclass(frozen=True)
class Bounding:
    """How well the terms of a posterior without a density are bounded.

    Attributes:
        rate: The rate's bounds in expectation, lower and upper, nats.
        noises: From how many noises beside a code's own.
        smoothing: Where the posterior had to be smoothed for it; None where it has a last Gaussian layer.
    """

    rate: tuple[float, float]
    noises: int
    smoothing: Smoothing | None


@dataclass(frozen=True)
class TermReadings:
    """The readings of a posterior's terms.

    Attributes:
        readings: By name.
        values: The values that each is the mean of, by example, shape (N,) or (N, D).
        means: E[z|x], shape (N, D), twice; where estimated, independently, so that their covariance is not biased.
        bounding: Of a posterior without a density, how well it is bounded; None of one with a density.
        withheld: Why a reading is not among them, by its name, where that is known from the start.
        unmeasured: Why the terms of q(z) are not among the readings, where they are not.
    """

    readings: Mapping[str, AnyReading]
    values: Mapping[str, Tensor]
    means: tuple[Tensor, Tensor] | None = None
    bounding: Bounding | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)
    unmeasured: str | None = None

    def and_also(self, readings: Mapping[str, AnyReading], values: Mapping[str, Tensor]) -> "TermReadings":
        """These, and further ones, with their values by example."""
        return replace(self, readings={**self.readings, **readings}, values={**self.values, **values})
