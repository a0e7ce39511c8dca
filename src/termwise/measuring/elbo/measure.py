"""The ELBO of any model, term by term, over a whole data set: the account.

The links of the rate are taken at codes z_n ~ q(z|x_n), from the expectations of four log densities:

    index_code_mi     = E log q(z|x) - E log q(z)       total_correlation = E log q(z) - sum_j E log q(z_j)
    marginal_kl       = rate - index_code_mi            dimension_wise_kl = sum_j E log q(z_j) - E log p(z)

so that they sum to the rate for every example. q(z) is the aggregate of the examples measured; what the terms are for
the population, of which these are a sample, is read beside (`population.py`). E log q(z|x) and, for most priors,
E log p(z) are in closed form; of the rest the codes' noise is taken out as far as it is known (`controls.py`). The
standard error is over the examples: through q(z) itself the links have no first-order error, since
E_q(z)[d log q(z)] = 0.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.reading import AnyReading, Reading, reading_of_each, reading_without_error
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.elbo.codes import Aggregate, AtCodes, under_others
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.diagnosis import diagnose
from termwise.measuring.elbo.implicit_account import Measured, at_bounds, measured
from termwise.measuring.elbo.mixture_posteriors import Components
from termwise.measuring.elbo.population import LEAST, Term, population_reading
from termwise.measuring.log_likelihood.densities import has_density
from termwise.models.distributions import innermost
from termwise.models.draw import Draw, Drawable, generates
from termwise.models.likelihoods import NormalLikelihood
from termwise.models.passes import DataPass, Progress, evaluating, own_randomness
from termwise.terms.aggregate.memory import Full
from termwise.terms.closed_form import ClosedForm
from termwise.terms.link import Distortion, Link, by_example
from termwise.terms.monte_carlo import MonteCarlo

ACTIVE_VARIANCE = 0.01
"""A unit is active where its mean varies over x by more than this (Burda et al., 2016, section 4)."""

ESTIMATOR = "Monte Carlo, full aggregate, control variates"

BLANK = (
    "All examples are the same, so there is one posterior, and q(z) is it: the ELBO is under log p(x), and no term "
    "tells of a fault of a code."
)


def measure(
    model: Drawable,
    data: Dataset,
    *,
    samples: int = 1,
    noises: int = 256,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """Every term of a model's ELBO on a data set.

    Args:
        model: A VAE, or what `adapt` made.
        data: The examples; q(z) is their aggregate.
        samples: How many codes to draw for every example.
        noises: Where the posterior has no density: how many noises beside a code's own its bounds are from.
        seed: Of the codes. The random state is left as it was.
        batch_size: Examples a time.
        device: Where the model is.
        progress: Told how far it is.

    Returns:
        Readings in nats, with standard errors over examples: distortion, rate, elbo, index_code_mi, marginal_kl,
        total_correlation, dimension_wise_kl, what these four are for the population (population_mi and its kin); the
        rate, index-code MI and dimension-wise KL by dimension; code_use, the nats that an example is worth more under
        its own code than under another's; sigma, where it was learned; active_units. Without a decoder, or where q(z)
        is no mixture of normals, those that can be had. Of a posterior without a density, the terms between bounds
        (`implicit.py`), and none of the population's.
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    for name, count in (("samples", samples), ("noises", noises)):
        if count < 1:
            raise Refused(f"{name} must be 1 or more; got {count}.")
    batches = DataPass(model, data, batch_size, device)
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        rate = _rate_of(first)
        if rate is None:
            found = measured(batches, samples, noises, progress)
        else:
            found = _with_density(batches, first, rate, samples, progress)
        grey = _grey_bernoulli(first, data)
    readings, values = found.readings, found.values
    if found.means is not None:
        readings["active_units"] = _active_units(*found.means)
    likelihood = getattr(model, "likelihood", None)
    if isinstance(likelihood, NormalLikelihood) and isinstance(likelihood.sigma, str):
        readings["sigma"] = _sigma(likelihood, len(data))
    if grey:
        note = "; grey values make it a cross-entropy, not a normalised likelihood"
        for name in ("distortion", "elbo"):
            readings[name] = replace(readings[name], bias=readings[name].bias + note)
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint()}
    ordered = {name: readings[name] for name in glossary.in_order(readings)}
    account = Account(ordered, (), {n: v for n, v in values.items() if v.dim() == 1}, about)
    sure, possible = (at_bounds(account, "lower"), at_bounds(account, "upper")) if rate is None else (account, None)
    blank = data.value_range().minimum == data.value_range().maximum
    told = (BLANK,) if blank else diagnose(sure, found.unmeasured, possible)
    return replace(account, diagnosis=(*found.said, *told))


def _with_density(batches: DataPass, first: Draw, rate: Link, samples: int, progress: Progress | None) -> Measured:
    """The terms of a posterior with a density; those of q(z) where it is a mixture of normals."""
    aggregate, reason = _aggregate(batches)
    values, at_codes = _taken(batches, rate, aggregate, samples, progress)
    readings = _readings_without_aggregate(values, rate)
    if aggregate is None or at_codes is None:
        return Measured(readings, values, unmeasured=reason)
    links = _links(values, at_codes)
    values |= links
    readings |= {name: _of_points(name, found) for name, found in links.items()}
    if len(batches) >= LEAST:
        readings |= _of_population(values["rate"], at_codes, readings)
    return Measured(readings, values, (aggregate.means, aggregate.means))


def _aggregate(batches: DataPass) -> tuple[Aggregate | None, str | None]:
    """q(z) of the data; or why it cannot be had."""
    try:
        parts = [Components.of(draw.posterior) for draw in batches()]
    except Refused as refusal:
        return None, str(refusal)
    return Aggregate(Components.joined(parts)), None


def _rate_of(draw: Draw) -> Link | None:
    """The rate, in closed form where there is one; None where the posterior has no density."""
    rate = Link("posterior", "prior", ClosedForm())
    try:
        rate(draw)
    except Refused:
        return rate.under(MonteCarlo(Full())) if has_density(draw.posterior) else None
    return rate


def _taken(
    batches: DataPass, rate: Link, aggregate: Aggregate | None, samples: int, progress: Progress | None
) -> tuple[dict[str, Tensor], AtCodes | None]:
    """Distortion, rate and ELBO by example, and what is known at the codes; averaged over codes."""
    distortion = Distortion() if generates(batches.model) else None
    found: dict[str, list[Tensor]] = {"rate": []}
    if distortion is not None:
        found |= {"distortion": [], "code_use": []}
    at_codes: list[AtCodes] = []
    done, total = 0, samples * len(batches)
    for _ in range(samples):
        for draw in batches():
            found["rate"].append(rate(draw).double().cpu())
            if distortion is not None:
                own = distortion(draw).double().cpu()
                found["distortion"].append(own)
                found["code_use"].append(under_others(draw).double().cpu() - own)
            if aggregate is not None:
                at_codes.append(aggregate.at(draw))
            done += len(draw)
            if progress is not None:
                progress("measuring", done / total)
    values = {name: torch.cat(parts).unflatten(0, (samples, -1)).mean(0) for name, parts in found.items()}
    if values["rate"].dim() == 2:
        values["rate_by_dimension"], values["rate"] = values["rate"], by_example(values["rate"])
    if distortion is not None:
        values["elbo"] = -(values["distortion"] + values["rate"])
    return values, AtCodes.averaged(at_codes, samples) if at_codes else None


def _links(values: dict[str, Tensor], at: AtCodes) -> dict[str, Tensor]:
    """The links of the rate for the aggregate of the points, by example, shape (N,), or by dimension, (N, D)."""
    log_q = controlled(at.joint.above, at.controls)
    by_dimension = zip(at.marginals.T, at.controls_by_dimension.unbind(1), strict=True)
    log_q_j = torch.stack([controlled(values, controls) for values, controls in by_dimension], 1)
    mi_j = at.expected_own_by_dimension - log_q_j
    links = {
        "index_code_mi": at.expected_own - log_q,
        "marginal_kl": values["rate"] - (at.expected_own - log_q),
        "total_correlation": log_q - log_q_j.sum(1),
        "index_code_mi_by_dimension": mi_j,
    }
    if at.to_prior.shape[1]:
        links["dimension_wise_kl_by_dimension"] = at.to_prior - mi_j
        links["dimension_wise_kl"] = links["marginal_kl"] - links["total_correlation"]
    return links


def _of_points(name: str, values: Tensor) -> AnyReading:
    n = len(values)
    ceiling = f"; at most log N = {math.log(n):.2f}" if name == "index_code_mi" else ""
    return reading_of_each(values, name, estimator=ESTIMATOR, bias=f"exact aggregate of the {n:,} points{ceiling}")


def _of_population(rate: Tensor, at: AtCodes, of_points: dict[str, AnyReading]) -> dict[str, AnyReading]:
    """What the links are for the population: each a sum of what is known, log q(z) and sum_j log q(z_j)."""
    joint = at.joint.controlled(at.controls)
    marginal = at.marginal.controlled(at.controls_by_dimension.sum(1))
    rest = rate - at.expected_own
    terms = {
        "index_code_mi": Term(at.expected_own, joint=-1),
        "marginal_kl": Term(rest, joint=1),
        "total_correlation": Term(torch.zeros_like(rate), joint=1, marginal=-1),
        "dimension_wise_kl": Term(rest, marginal=1),
    }
    return {
        glossary.of_population(name): population_reading(term, joint, marginal, points)
        for name, term in terms.items()
        if isinstance(points := of_points.get(name), Reading)
    }


def _readings_without_aggregate(values: dict[str, Tensor], rate: Link) -> dict[str, AnyReading]:
    """Distortion, rate and ELBO."""
    labels = {
        "distortion": (Distortion.label, Distortion.bias),
        "rate": (rate.label, rate.bias),
        "rate_by_dimension": (rate.label, rate.bias),
        "elbo": (f"{Distortion.label}; rate: {rate.label}", Distortion.bias),
        "code_use": (f"{Distortion.label}, codes of other examples less an example's own", Distortion.bias),
    }
    return {
        name: reading_of_each(found, name, estimator=labels[name][0], bias=labels[name][1])
        for name, found in values.items()
    }


def _active_units(means: Tensor, again: Tensor) -> Reading:
    """From E[z|x], shape (N, D), and the same, or an estimate independent of it: their covariance over x."""
    one, other = (m.double() - m.double().mean(0) for m in (means, again))
    active = ((one * other).sum(0) / (len(means) - 1) > ACTIVE_VARIANCE).sum()
    return reading_without_error(
        "active_units",
        float(active),
        estimator=f"variance of the posterior mean over x above {ACTIVE_VARIANCE}",
        bias="a count, by threshold",
        n=len(means),
    )


def _sigma(likelihood: NormalLikelihood, n: int) -> Reading:
    sigma = float(torch.as_tensor(likelihood.scale()).detach())
    at_floor = sigma < 1.5 * likelihood.FLOOR
    return reading_without_error(
        "sigma",
        sigma,
        estimator=f"the likelihood's own, {likelihood.sigma}",
        bias=f"at its floor of {likelihood.FLOOR:g}" if at_floor else "as trained",
        n=n,
    )


def _grey_bernoulli(draw: Draw, data: Dataset) -> bool:
    """Whether a Bernoulli is asked for the probability of values between 0 and 1."""
    if not generates(draw.model):
        return False
    return isinstance(innermost(draw.likelihood), Bernoulli) and not data.value_range().binary
