"""The account of a rate-distortion curve: readings by beta, the encoder's excess over them, and what that says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from termwise.account.account import Account
from termwise.account.reading import AnyReading, Reading, reading_by_dimension, reading_of
from termwise.account.rounding import with_error
from termwise.measuring.rate_distortion.certified import Gaps
from termwise.measuring.rate_distortion.excess import Excess, excess
from termwise.measuring.rate_distortion.marked_chains import Marked

FEW = 1.5
"""Effective chains under which a point rests on one of them."""
GREY = "of an unnormalised density, as grey values have under a Bernoulli"
UPPER, LOWER = "an upper bound in expectation, of a code with this distortion", "a lower bound in expectation"


@dataclass(frozen=True)
class CurveProcedure:
    """How a curve was had.

    Attributes:
        powers: b, increasing, shape (G,); beta is 1 / b.
        chains: For every example.
        temperatures: From the prior to the largest power.
        gaps: BDMC's; None where nothing was simulated.
        grey: Whether a Bernoulli was asked for values between 0 and 1.
    """

    powers: Tensor
    chains: int
    temperatures: int
    gaps: Gaps | None
    grey: bool = False

    @property
    def label(self) -> str:
        """How readings say it."""
        return f"AIS, {self.chains} chains from the prior, {self.temperatures} temperatures"


def curve_account(own: Sequence[Tensor], curve: Marked, procedure: CurveProcedure, about: Mapping[str, Any]) -> Account:
    """The readings, by example too, and what they say in words.

    Args:
        own: The encoder's distortion and, where it has a density, its rate by example, shape (N,) each.
        curve: What chains showed, by example and beta.
        procedure: How.
        about: What was measured, `Account.data`.
    """
    how, powers = procedure.label, procedure.powers
    by_beta = {
        "rate_by_beta": (-powers * curve.distortion - curve.log_partition, UPPER),
        "distortion_by_beta": (curve.distortion, "that of a code which has this rate, or less"),
        "log_partition_by_beta": (curve.log_partition, LOWER),
    }
    readings: dict[str, AnyReading] = {
        name: reading_by_dimension(of.flip(1), name, estimator=how, bias=bias) for name, (of, bias) in by_beta.items()
    }
    if procedure.gaps is not None:
        readings["bdmc_gap_by_beta"] = reading_by_dimension(
            procedure.gaps.gaps.flip(1),
            "bdmc_gap_by_beta",
            estimator=f"{how}; simulated data",
            bias="the sum of both bounds' errors",
        )
    values = dict(zip(("distortion", "rate"), own, strict=False))
    for name, of in values.items():
        readings[name] = reading_of(of, name, estimator="Monte Carlo", bias="unbiased")
    found = _above_the_curve(values, curve, powers)
    above = {name: one.values for name, one in found.items()}
    for name, of in above.items():
        one = reading_of(of, name, estimator=f"{how}; encoder: Monte Carlo", bias=LOWER)
        readings[name] = replace(one, lower=one.value)
    if procedure.grey:
        readings = {
            name: one if name in ("rate", "bdmc_gap_by_beta") else replace(one, bias=f"{one.bias}; {GREY}")
            for name, one in readings.items()
        }
    slopes = {f"{name}_beta": 1 / one.power if one.power else None for name, one in found.items()}
    sentences = (*_of_encoder(readings, found), *_of_curve(curve, procedure))
    return Account(readings, sentences, values | above, {**about, **slopes})


def _above_the_curve(values: Mapping[str, Tensor], curve: Marked, powers: Tensor) -> dict[str, Excess]:
    """Both excesses of the encoder's point; none where its rate is not known."""
    if "rate" not in values:
        return {}
    point = values["rate"], values["distortion"], powers, curve.log_partition, curve.distortion
    return {"excess_rate": excess(*point, of_rate=True), "excess_distortion": excess(*point, of_rate=False)}


def _of_encoder(readings: Mapping[str, AnyReading], found: Mapping[str, Excess]) -> Iterator[str]:
    """How far the encoder is from the best for its decoder, and where."""
    if not found:
        yield "The posterior has no density, so that its rate is not known: the curve is without the encoder's point."
        return
    numbers = [readings[name] for name in ("rate", "distortion", "excess_rate", "excess_distortion")]
    rate, fit, above, better = (with_error(one.value, one.stderr) for one in numbers if isinstance(one, Reading))
    yield (
        f"The encoder spends {rate} nats for a distortion of {fit}. The best one for its decoder would spend {above} "
        f"less for that distortion, {_where(found['excess_rate'])}, or fit {better} better at that rate, "
        f"{_where(found['excess_distortion'])}."
    )
    if any(one.at_end for one in found.values()):
        yield "That is at an end of the betas measured, and a wider range of them may have a nearer point."


def _where(one: Excess) -> str:
    return f"at beta = {1 / one.power:.2g}" if one.power else "from the prior alone"


def _of_curve(curve: Marked, procedure: CurveProcedure) -> Iterator[str]:
    """How far the curve itself may be off."""
    gaps = procedure.gaps
    if gaps is None:
        yield (
            "The curve is not certified: nothing was simulated, or no beta asked for has exact samples to begin from. "
            "Its points are on the best curve or above it, and by how much is not known."
        )
    else:
        worst = int(gaps.gaps.mean(0).argmax())
        gap = with_error(float(gaps.gaps[:, worst].mean()), float(gaps.gaps[:, worst].std()) / len(gaps.gaps) ** 0.5)
        verdict = "under" if gaps.reached else "NOT shown to be under"
        where = ", ".join(f"{1 / power:.3g}" for power in reversed(gaps.powers.tolist()))
        alone = gaps.powers.tolist() == [1.0] and len(procedure.powers) > 1
        rest = ", and of no other are exact samples known for this likelihood" if alone else ""
        yield (
            f"BDMC's gap on {len(gaps.gaps)} simulated examples is {gap} nats at the most, {verdict} the "
            f"{gaps.tolerance:g} asked, at beta = {where}{rest}."
        )
    few = (curve.effective.mean(0) < FEW) & (curve.effective.new_tensor(procedure.chains) > FEW)
    if few.any():
        most = 1 / float(procedure.powers[few][0])
        yield (
            f"From beta = {most:.3g} down the chains of an example rest on one of them: points are bounds there, which "
            "may be loose. More temperatures bring them down."
        )
