"""The ELBO of any model, term by term, over a whole data set: the account.

    ELBO = -distortion - rate        rate = index_code_mi + marginal_kl
                                     marginal_kl = total_correlation + dimension_wise_kl

q(z) is the aggregate of the examples measured; what the terms are for the population, of which these are a sample, is
read beside (`population.py`). A posterior with a density is measured by `explicit_account.py`, one without between
bounds by `implicit_account.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch.distributions import Bernoulli

from termwise.account.account import Account
from termwise.account.reading import AnyReading, Reading, reading_without_error
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.elbo.account_of_terms import account_of, terms_of
from termwise.measuring.elbo.dominance import dominating_entry
from termwise.measuring.elbo.observed_account import with_observed
from termwise.measuring.elbo.remedies import Remedies
from termwise.measuring.elbo.shared_sites import readings_of_shared
from termwise.measuring.elbo.side_use import side_use
from termwise.measuring.elbo.target_account import with_target
from termwise.measuring.elbo.three_entropies import three_entropies
from termwise.measuring.subject import subject_of
from termwise.models.check_model import check_model
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import given_beside, innermost, log_prob_by_part, log_prob_is_of
from termwise.models.draw import Draw
from termwise.models.drawable import (
    Drawable,
    generates,
    given_variables,
    networks_of,
    observed_variables,
    prior_given_side,
    shared_rates,
    target_of,
)
from termwise.models.likelihoods import NormalLikelihood
from termwise.models.posteriors.family import LearnsByAGradient
from termwise.models.randomness import own_randomness
from termwise.models.scaler import sum_log_scale
from termwise.models.target import TargetLikelihood
from termwise.terms.groups import Grouping, groups_of_code
from termwise.values import Count, Samples, Seed, checked


@checked
def measure(
    model: Drawable,
    data: Dataset,
    *,
    samples: Samples = 1,
    noises: Samples = 256,
    groups: Grouping | None = None,
    side: Sequence[str] | None = None,
    laws: Count | None = None,
    seed: Seed = 0,
    batch_size: Count = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """Every term of a model's ELBO on a data set.

    Args:
        model: A VAE, or what `adapt` made.
        data: The examples; q(z) is their aggregate.
        samples: How many codes to draw for every example.
        noises: Where the posterior has no density: how many noises beside a code's own its bounds are from.
        groups: Groups of dimensions, as `Groups` has them, whose links are read, too:
            group_correlation, within_group_correlation and, where the prior is a product, group_wise_kl.
        side: Names of variables beside x: how much the code knows of these is read. Of all that stand there, those
            that the model takes among them, where left out.
        laws: How many posteriors, chosen at random, are asked at every code; what needs q(z) is then read between
            bounds. Where left out, all are; of those that must be asked one by one, no more than take a few minutes.
        seed: Of the codes. The random state is left as it was.
        batch_size: Examples a time.
        device: Where the model is.
        progress: Told how far it is.

    Returns:
        Readings in nats, with standard errors over examples: distortion, rate, elbo, index_code_mi, marginal_kl,
        total_correlation, dimension_wise_kl, what these four are for the population (population_mi and the like); the
        rate, index-code MI and dimension-wise KL by dimension; code_use, the nats that an example is worth more under
        its own code than under another's; side_use, the same of what a decoder takes beside it; marginal_mmd2, of a
        kernel; sigma, where it was learned; active_units; of a normal model with a learned sigma three_entropies, and
        stationarity_gap, how far its ELBO is from them, with both parts of it.
        Without a decoder, or where q(z_j) is not known, those that can be had. Of a posterior without a
        density, the terms between bounds (`implicit_account.py`), and none of the population's.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> account = measure(world, tw.load_data(world.data(500), test=0.0))
        >>> abs(account["rate"].value - account["index_code_mi"].value - account["marginal_kl"].value) < 1e-6
        True
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    for name, count in (("samples", samples), ("noises", noises)):
        if count < 1:
            raise Refused(f"{name} must be 1 or more; got {count}.")
    batches = DataPass(model, data, batch_size, device)
    check_model(batches)
    beside_x = batches.data.side
    beside_x = beside_x if beside_x is None or side is None else beside_x.chosen(side)
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        named = None if groups is None else groups_of_code(groups, first.posterior)
        terms = terms_of(
            batches,
            first,
            samples=samples,
            noises=noises,
            groups=named,
            side=beside_x,
            laws=laws,
            progress=progress,
        )
        grey = _grey_bernoulli(first, data)
        likelihood_is_of = log_prob_is_of(first.likelihood, grey=grey) if generates(model) else ""
        parts = log_prob_by_part(first.likelihood, first.target) if generates(model) else {}
        beside = given_beside(first.likelihood) if generates(model) else ""
        target, entry = target_of(model), None
        if generates(model) and target is None:
            entry = dominating_entry(first, data.columns)
        if target is not None:
            terms = with_target(terms, batches, target)
        terms = with_observed(terms.and_also(*side_use(batches, first)), batches)
        terms = terms.and_also(*three_entropies(batches, first, terms.values.get("elbo")))
    readings: dict[str, AnyReading] = dict(terms.readings)
    likelihood, standardised = getattr(model, "likelihood", None), "sum_log_scale" in sum_log_scale(model)
    if isinstance(likelihood, TargetLikelihood):
        likelihood, standardised = likelihood.law, True
    if isinstance(likelihood, NormalLikelihood) and isinstance(likelihood.sigma, str):
        readings["sigma"] = _sigma(likelihood, len(data), standardised)
    if grey:
        _note(readings, "grey values make it a cross-entropy, not a normalised likelihood")
    if beside:
        _note(readings, f"of x given {beside}, which x tells: no probability over all x")
    with own_randomness(seed), evaluating(model):
        shared = {name: of.cpu() for name, of in shared_rates(model).items()}
    readings |= readings_of_shared(shared)
    if target is not None:
        _note(readings, f"of {target.name}, and not of x")
    if given := [one.name for one in given_variables(model)]:
        _note(readings, f"of {'x' if target is None else target.name} given {', '.join(given)}")
    for learnt in gradient_biases(model):
        _note(readings, learnt)
    about = {
        "name": data.name,
        "n": len(data),
        "of": len(data.examples),
        "fingerprint": data.fingerprint(),
        "likelihood": likelihood_is_of,
        **subject_of(model, data),
        **sum_log_scale(model),
        **({"groups": named} if named is not None else {}),
        **({"columns": [column.name for column in data.columns]} if data.columns else {}),
        **({"parts": list(parts)} if len(parts) > 1 else {}),
        **({"shared": list(shared)} if shared else {}),
        **({"side": list((beside_x.wholly_known() or beside_x).names)} if beside_x is not None else {}),
        **({"observes": observed[0].name} if (observed := observed_variables(model)) else {}),
        **({"prior_given": [one.name for one in given_variables(model)]} if prior_given_side(model) else {}),
    }
    blank = data.value_range().minimum == data.value_range().maximum
    terms = replace(terms, readings=readings)
    return account_of(terms, first.posterior, about, Remedies(batches), blank=blank, entry=entry)


def _sigma(likelihood: NormalLikelihood, n: int, standardised: bool) -> Reading:
    sigma = float(torch.as_tensor(likelihood.scale()).detach())
    at_floor = sigma < 1.5 * likelihood.FLOOR
    reading = reading_without_error(
        "sigma",
        sigma,
        estimator=f"the likelihood's own, {likelihood.sigma}",
        bias=f"at its floor of {likelihood.FLOOR:g}" if at_floor else "as trained",
        n=n,
    )
    return replace(reading, unit="sds of each entry") if standardised else reading


def gradient_biases(model: Drawable) -> list[str]:
    """What is to be said of the gradients by which a model's posteriors were trained, each once.

    Example:
        >>> from termwise.models import VAE
        >>> gradient_biases(VAE.build((4,), 6, posterior="categorical", prior="uniform"))
        ['trained by straight-through gradients, biased unless the decoder is linear in z']
    """
    parts = [part for network in networks_of(model) for part in network.modules()]
    return list(dict.fromkeys(part.bias_of_gradient for part in parts if isinstance(part, LearnsByAGradient)))


def _note(readings: dict[str, AnyReading], note: str) -> None:
    """Say of distortion and ELBO what their likelihood is of, or how it was learnt."""
    for name in {"distortion", "elbo"} & readings.keys():
        readings[name] = replace(readings[name], bias=f"{readings[name].bias}; {note}")


def _grey_bernoulli(draw: Draw, data: Dataset) -> bool:
    """Whether a Bernoulli is asked for the probability of values between 0 and 1."""
    if not generates(draw.model):
        return False
    return isinstance(innermost(draw.likelihood), Bernoulli) and not data.value_range().binary
