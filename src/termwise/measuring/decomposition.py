"""The ELBO of any model, term by term, over a whole data set: the account.

The terms are those that training uses, with the aggregate over all the examples measured in place of a memory. The
standard error is over the examples: through q(z) itself the links have no first-order error, since
E_q(z)[d log q(z)] = 0.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent

from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.account import Account, Reading, reading_of
from termwise.measuring.diagnosis import diagnose
from termwise.models.draw import Draw, Drawable
from termwise.models.passes import DataPass, evaluating, own_randomness
from termwise.terms.closed_form import ClosedForm
from termwise.terms.link import Distortion, Link, Term, by_example
from termwise.terms.memory import Full
from termwise.terms.monte_carlo import MonteCarlo

ACTIVE_VARIANCE = 0.01
"""A unit is active where its mean varies over x by more than this (Burda et al., 2016, section 4)."""


def measure(
    model: Drawable,
    data: Dataset,
    *,
    samples: int = 1,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> Account:
    """Every term of a model's ELBO on a data set.

    Args:
        model: A VAE, or what `adapt` made.
        data: The examples; q(z) is their aggregate.
        samples: How many codes to draw for every example.
        seed: Of the codes. The random state is left as it was.
        batch_size: Examples a time.
        device: Where the model is.

    Returns:
        Readings in nats, with standard errors over examples: distortion, rate, elbo, index_code_mi, marginal_kl,
        total_correlation, dimension_wise_kl, active_units, and rate and dimension-wise KL by dimension. Without a
        decoder, or where q(z) is no mixture of normals, those that can be had.
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    if samples < 1:
        raise Refused(f"samples must be 1 or more; got {samples}.")
    batches = DataPass(model, data, batch_size, device)
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        terms, reason = _terms(first, batches)
        values = _averages(terms, batches, samples)
        grey = _grey_bernoulli(first, data)
    readings = _readings(terms, values)
    if "total_correlation" in readings:
        full = next(term.memory for term in terms if isinstance(term.memory, Full))
        readings["active_units"] = _active_units(full.components(first)[0].mean)
    if grey:
        note = "; grey values make it a cross-entropy, not a normalised likelihood"
        for name in ("distortion", "elbo"):
            readings[name] = replace(readings[name], bias=readings[name].bias + note)
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint()}
    sentences = diagnose(readings, reason)
    return Account(readings, sentences, {n: v for n, v in values.items() if v.dim() == 1}, about)


def _terms(draw: Draw, batches: DataPass) -> tuple[list[Term], str | None]:
    """The terms that this model can be measured by, and why not others."""
    terms: list[Term] = []
    if getattr(draw.model, "generates", True):
        terms.append(Distortion())
    rate: Link = Link("posterior", "prior", ClosedForm())
    full = Full()
    try:
        rate(draw)
    except Refused:
        rate = rate.under(MonteCarlo(full))
    terms.append(rate)
    try:
        full.prepare(batches)
    except Refused as refusal:
        return terms, str(refusal)
    walk = [("posterior", "aggregate"), ("aggregate", "prior"), ("aggregate", "marginals")]
    if rate.right.factorises(draw):
        walk.append(("marginals", "prior"))
    return [*terms, *(Link(*ends, MonteCarlo(full)) for ends in walk)], None


def _averages(terms: list[Term], batches: DataPass, samples: int) -> dict[str, Tensor]:
    """Each term's values by example, shape (N,) or (N, D), averaged over codes; and the ELBO's."""
    totals: dict[str, Tensor] = {}
    for _ in range(samples):
        found: dict[str, list[Tensor]] = {term.name: [] for term in terms}
        for draw in batches():
            for term in terms:
                found[term.name].append(term(draw).double().cpu())
        for name, parts in found.items():
            values = torch.cat(parts) / samples
            totals[name] = totals[name] + values if name in totals else values
    for name in ("rate", "dimension_wise_kl"):
        if name in totals and totals[name].dim() == 2:
            totals[f"{name}_by_dimension"] = totals[name]
    totals = {name: values if name.endswith("by_dimension") else by_example(values) for name, values in totals.items()}
    if "distortion" in totals:
        totals["elbo"] = -(totals["distortion"] + totals["rate"])
    return totals


ORDER = (
    "distortion",
    "rate",
    "elbo",
    "index_code_mi",
    "marginal_kl",
    "total_correlation",
    "dimension_wise_kl",
    "rate_by_dimension",
    "dimension_wise_kl_by_dimension",
)


def _readings(terms: list[Term], values: dict[str, Tensor]) -> dict[str, Reading]:
    by_name = {term.name: term for term in terms}
    readings = {}
    for name in ORDER:
        if name not in values:
            continue
        term = by_name["distortion" if name == "elbo" else name.removesuffix("_by_dimension")]
        estimator = f"{term.label}; rate: {by_name['rate'].label}" if name == "elbo" else term.label
        readings[name] = reading_of(values[name], name, estimator=estimator, bias=term.bias)
    if "index_code_mi" in readings:
        mi, rate = readings["index_code_mi"].value, readings["rate"].value
        assert isinstance(mi, float) and isinstance(rate, float)
        readings["index_code_mi"] = replace(readings["index_code_mi"], lower=mi, upper=rate)
    return readings


def _active_units(means: Tensor) -> Reading:
    active = (means.double().var(0) > ACTIVE_VARIANCE).sum()
    return Reading(
        name="active_units",
        value=float(active),
        stderr=None,
        interval=None,
        lower=None,
        upper=None,
        unit="units",
        estimator=f"variance of the posterior mean over x above {ACTIVE_VARIANCE}",
        bias="a count, by threshold",
        n=len(means),
    )


def _innermost(law: Distribution) -> Distribution:
    while isinstance(law, Independent):
        law = law.base_dist
    return law


def _grey_bernoulli(draw: Draw, data: Dataset) -> bool:
    """Whether a Bernoulli is asked for the probability of values between 0 and 1."""
    if not getattr(draw.model, "generates", True):
        return False
    return isinstance(_innermost(draw.likelihood), Bernoulli) and not data.value_range().binary
