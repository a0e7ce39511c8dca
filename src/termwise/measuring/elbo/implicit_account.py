"""The account of a posterior without a density: every term between two bounds, and no critic.

E log q(z|x) has bounds above and below by the sandwich (`sandwich.py`). So has the aggregate of the N examples, which
is a mixture over examples and noises: N M normals, M noises for every example, with a code's own noise among them
(above), or all of them fresh (below); and so have its marginals. Bounds of the terms are differences of these:

    rate        = E log q(z|x) - E log p(z)        index_code_mi     = E log q(z|x) - E log q(z)
    marginal_kl = E log q(z) - E log p(z)          total_correlation = E log q(z) - sum_j E log q(z_j)
                                                   dimension_wise_kl = sum_j E log q(z_j) - E log p(z)

Values take every density from above, so that the links sum to the rate, and the ELBO is not flattered. By dimension
they do so too, from q(z_j|x), each dimension's own mixture: where dimensions depend on one another given x, the rates
by dimension sum to less than the rate. What the terms are for the population is not said here, for the brackets are
wider than the way there: critics bound that (`critic_bounds`).
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from termwise.account.account import Account
from termwise.account.bracket import Bracket, allowance
from termwise.account.reading import AnyReading, Reading, reading_by_dimension, reading_of
from termwise.errors import NoDensity
from termwise.measuring.elbo.code_densities import under_others
from termwise.measuring.elbo.marginal_mmd2 import marginal_mmd2
from termwise.measuring.elbo.sandwich import last_layer, sandwich
from termwise.measuring.elbo.smoothing import Smoothed, chosen_scales
from termwise.measuring.elbo.term_readings import Bounding, Smoothing, TermReadings
from termwise.models.codes import Codes, factorises
from termwise.models.data_pass import DataPass, Progress
from termwise.models.draw import Draw
from termwise.models.drawable import generates, prior_given_side
from termwise.models.tensor_dataclasses import map_fields
from termwise.terms.aggregate.convolution import log_marginals
from termwise.terms.aggregate.mixture import SURE, Gaussians, LogWeights, log_density

COMPONENTS = 20_000
"""Normals that q(z) is made a mixture of, at the least, where `MOST_NOISES` allows."""
MOST_NOISES = 64
"""Normals of one example among them, at the most."""


def implicit_terms(batches: DataPass, samples: int, noises: int, progress: Progress | None = None) -> TermReadings:
    """Distortion, rate, ELBO and the links of a posterior without a density.

    Args:
        batches: The data through the model.
        samples: Codes for every example.
        noises: K, beside a code's own; more make the bounds tighter.
        progress: Told how far it is.

    Raises:
        NoDensity: The posterior has no last Gaussian layer, and there is no decoder by which to judge a smoothing.
    """
    first = next(iter(batches()))
    smooth = last_layer(first.posterior) is None
    if smooth and not generates(batches.model):
        raise NoDensity(
            "This posterior has no density, and no last Gaussian layer by which to bound one; smoothing it takes a "
            "decoder to say how far. Pass adapt(decode=...), or give the posterior a last Gaussian layer."
        )
    scales = chosen_scales(batches, noises) if smooth else None
    done = 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress("measuring", done / (samples * len(batches)))

    rounds = [_Round(batches, scales, noises, tell) for _ in range(samples)]
    exact = {name: torch.stack([one.exact[name] for one in rounds]).mean(0) for name in rounds[0].exact}
    between = {name: _averaged([one.between[name] for one in rounds]) for name in rounds[0].between}

    p, q = exact["log p(z)"], between["log q(z|x)"]
    joint, marginal = between["log q(z)"], between["sum log q(z_j)"]
    prior = Bracket(p, p, p)
    brackets = {"rate": q - prior, "index_code_mi": q - joint, "total_correlation": joint - marginal}
    of_one_prior = not prior_given_side(batches.model)
    if of_one_prior:
        brackets["marginal_kl"] = joint - prior
    if of_one_prior and factorises(first.prior):
        brackets["dimension_wise_kl"] = marginal - prior
    how = f"SIVI sandwich, {noises:,} noises" + (", smoothed" if smooth else "")
    readings: dict[str, AnyReading] = {}
    readings |= {name: _link(name, bracket, how, rounds[0].mixed) for name, bracket in brackets.items()}
    values = {name: bracket.value for name, bracket in brackets.items()}
    loose = f"upper bound; loose where a code tells more than {math.log(noises + 1):.1f} nats, log(K + 1), of its noise"
    readings["rate"] = brackets["rate"].reading("rate", estimator=how, bias=loose, least=0.0)
    if "distortion" in exact:
        d, use = exact["distortion"], exact["code_use"]
        elbo = -(Bracket(d, d, d) + brackets["rate"])
        values |= {"distortion": d, "elbo": elbo.value, "code_use": use}
        readings |= _with_decoder(d, elbo, use, how, smooth)
    if factorises(first.prior):
        points = f"aggregate of the {len(p):,} points"
        by_dimension = {
            "rate_by_dimension": ("log q(z_j|x)", "log p(z_j)", "upper bound; each dimension alone"),
            "index_code_mi_by_dimension": ("log q(z_j|x)", "log q(z_j)", f"both from above; {points}"),
            "dimension_wise_kl_by_dimension": ("log q(z_j)", "log p(z_j)", f"upper bound; {points}"),
        }
        if not of_one_prior:
            del by_dimension["dimension_wise_kl_by_dimension"]
        for name, (left, right, bias) in by_dimension.items():
            values[name] = exact[left] - exact[right]
            readings[name] = reading_by_dimension(values[name], name, estimator=how, bias=bias)
    to_kernel = marginal_mmd2(torch.stack([one.codes for one in rounds]), next(iter(batches())).prior)
    if to_kernel is not None:
        readings["marginal_mmd2"], values["marginal_mmd2"] = to_kernel
    rate = float(brackets["rate"].lower.mean()), float(brackets["rate"].upper.mean())
    bounding = Bounding(rate, noises, _smoothing(exact, q) if smooth else None)
    return TermReadings(readings, values, rounds[0].means, bounding)


def _averaged(rounds: list[Bracket]) -> Bracket:
    """Between the bounds of several codes of every example."""
    return map_fields(lambda parts: torch.stack(parts).mean(0), rounds)


def _with_decoder(distortion: Tensor, elbo: Bracket, use: Tensor, how: str, smooth: bool) -> dict[str, Reading]:
    most = allowance(distortion) - float(distortion.mean())  # the rate is no less than 0
    label, bound = "Monte Carlo", "lower bound"
    others = f"{label}, codes of other examples less an example's own"
    if smooth:
        label, bound = f"{label}, smoothed", f"{bound}, of the smoothed posterior's and of log p(x)"
    return {
        "distortion": reading_of(distortion, "distortion", estimator=label, bias="unbiased"),
        "elbo": elbo.reading("elbo", estimator=f"{label}; rate: {how}", bias=bound, most=most),
        "code_use": reading_of(use, "code_use", estimator=others, bias="unbiased"),
    }


def at_bounds(account: Account, side: Literal["lower", "upper"]) -> Account:
    """The account with its links at their "lower" bounds, where what they say is sure, or at the "upper"."""
    ends = {name: getattr(one, side) for name, one in account.overall.items() if name not in ("rate", "elbo")}
    moved = {name: replace(account[name], value=end) for name, end in ends.items() if end is not None}
    return replace(account, readings={**account.readings, **moved})


class _Round:
    """One code of every example, and log densities there, by example: shape (N,), float64, on the CPU.

    Attributes:
        mixed: M, the normals of every example in q(z).
        between: log q(z|x), log q(z) and sum_j log q(z_j), between their bounds in expectation.
        exact: log p(z), and log p(z_j) where it is a product; log q(z_j|x) and log q(z_j), both from above, shape
            (N, D); where there is a decoder distortion and code_use; where the posterior was smoothed, the
            distortion and log p(x, z) of the code before it was.
        means: E[z|x], as of `TermReadings`.
        codes: The posterior's own, shape (N, D), before they were smoothed.
    """

    def __init__(self, batches: DataPass, scales: Tensor | None, noises: int, tell: Callable[[int], None]) -> None:
        self.mixed = min(MOST_NOISES, -(-COMPONENTS // len(batches)))
        batch_values: dict[str, list[Tensor]] = {}
        for draw in batches():
            for name, values in self._at(draw, scales, noises).items():
                batch_values.setdefault(name, []).append(values)
            tell(len(draw))
        whole = {name: torch.cat(parts) for name, parts in batch_values.items()}
        codes = Codes(whole.pop("centre"), whole.pop("offset"))
        self.codes = (codes.z if scales is None else codes.centre).cpu().double()
        scale = whole.pop("scale").repeat_interleave(self.mixed, 0)
        own, fresh = whole.pop("own centres"), whole.pop("fresh centres")  # (N, M, D)
        (above, by_dimension), (below, below_j) = (
            _log_densities(codes, Gaussians(centres.flatten(0, 1), scale)) for centres in (own, fresh)
        )
        whole["log q(z_j)"] = by_dimension
        self.exact = {name: values.cpu().double() for name, values in whole.items()}
        conditional = self.exact.pop("above"), self.exact.pop("below")
        names = ("log q(z|x)", "log q(z)", "sum log q(z_j)")
        pairs = (conditional, (above, below), (by_dimension.sum(1), below_j.sum(1)))
        self.between = {name: Bracket.above(*pair) for name, pair in zip(names, pairs, strict=True)}
        self.means = own.mean(1).cpu().double(), fresh.mean(1).cpu().double()

    def _at(self, draw: Draw, scales: Tensor | None, noises: int) -> dict[str, Tensor]:
        law = last_layer(draw.posterior) if scales is None else Smoothed(draw.posterior, scales[draw.index])
        assert law is not None
        code = sandwich(law, noises)
        z, centre = code.codes.z, code.codes.centre
        centres = law.centres(2 * self.mixed - 1).movedim(0, 1)  # (B, 2 M - 1, D)
        values = {
            "centre": centre,
            "offset": code.codes.offset,
            "scale": law.last_scale,
            "own centres": torch.cat([centre.unsqueeze(1), centres[:, : self.mixed - 1]], 1),
            "fresh centres": centres[:, self.mixed - 1 :],
            "above": code.above,
            "below": code.below,
            "log p(z)": draw.prior.log_prob(z),
            "log q(z_j|x)": code.above_by_dimension,
        }
        if factorises(draw.prior):
            values["log p(z_j)"] = draw.prior.base_dist.log_prob(z)
        if generates(draw.model):
            values["distortion"] = -draw.model.generate(z, draw.context).log_prob(draw.target)
            own = values["distortion"]
            if scales is not None:
                own = -draw.model.generate(centre, draw.context).log_prob(draw.target)
                values["unsmoothed distortion"] = own
                values["unsmoothed log p(x, z)"] = draw.prior.log_prob(centre) - own
            values["code_use"] = under_others(draw) - own
        return values


def _log_densities(codes: Codes, components: Gaussians) -> tuple[Tensor, Tensor]:
    """log q(z), shape (N,), and log q(z_j), shape (N, D); float64, on the CPU."""
    weights = LogWeights.uniform(len(components))
    return log_density(codes, components, weights, tolerance=SURE).cpu().double(), log_marginals(components)(
        codes
    ).cpu().double()


def _link(name: str, bracket: Bracket, how: str, mixed: int) -> Reading:
    n = len(bracket.value)
    bias = f"between bounds; aggregate of the {n:,} points, {mixed} noises each"
    if name != "index_code_mi":
        return bracket.reading(name, estimator=how, bias=bias, least=0.0)
    ceiling = math.log(n)
    return bracket.reading(name, estimator=how, bias=f"{bias}; at most log N = {ceiling:.2f}", least=0.0, most=ceiling)


def _smoothing(exact: dict[str, Tensor], q: Bracket) -> Smoothing:
    """What smoothing moved, from the exact values of a code before and after, and log q of the smoothed posterior."""
    ceiling = exact["unsmoothed log p(x, z)"] - q.lower
    return Smoothing(
        distortion=float(exact["unsmoothed distortion"].mean()),
        smoothed_distortion=float(exact["distortion"].mean()),
        elbo_ceiling=float(ceiling.mean()) + allowance(ceiling),
    )
