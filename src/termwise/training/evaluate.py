"""What a training evaluates now and then: every term on held-out data, and how far its own estimators are off.

Both leave the random state, and the memories, as they were.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from termwise.data.dataset import Dataset
from termwise.errors import NotFinite, Refused
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.draw import Draw
from termwise.models.drawable import given_variables, prior_given_side, target_of
from termwise.models.randomness import own_randomness
from termwise.models.vae import VAE
from termwise.objectives.objective import Objective, Weighted
from termwise.terms.aggregate.full import Full
from termwise.terms.closed_form import ClosedForm, has_closed_form
from termwise.terms.laws import PriorLaw
from termwise.terms.link import Distortion, Link, Term, by_example
from termwise.terms.link_names import link_name
from termwise.terms.monte_carlo import MonteCarlo
from termwise.training.engine import Engine

AUDITED_BATCHES = 8
CODES = 2048
"""Held-out codes that an evaluation takes at least, unless that were more than `ROUNDS` for every example."""
ROUNDS = 8
"""The most codes of one held-out example."""


def full_aggregate(batches: DataPass) -> Full | None:
    """q(z) of the data; None where posteriors have no density, or are too many to be asked one by one.

    Raises:
        NotFinite: They are no laws at all.
    """
    full = Full()
    try:
        full.prepare(batches)
    except NotFinite:
        raise
    except Refused:
        return None
    return full


def standard_terms(batches: DataPass, full: Full | None) -> list[Term]:
    """The terms that every model is evaluated by, whatever trained it; without densities, the distortion alone."""
    one = batches.at(torch.arange(1))
    closed = has_closed_form(one.posterior, one.prior)
    if full is None:
        return [Distortion(), Link("posterior", "prior", ClosedForm())] if closed else [Distortion()]
    kl = MonteCarlo(full)
    given = prior_given_side(batches.model)
    walk = [("posterior", "aggregate"), ("posterior", "conditional") if given else ("aggregate", "prior")]
    if given and not any(one.is_number for one in given_variables(batches.model)):  # of which q(z|s) is of bins
        walk.append(("conditional", "prior"))
    if full.held().knows_marginals:
        walk.append(("aggregate", "marginals"))
        if PriorLaw().factorises(one) and not given:
            walk.append(("marginals", "prior"))
    return [
        Distortion(),
        Link("posterior", "prior", ClosedForm() if closed else kl),
        *(Link(*ends, kl) for ends in walk),
    ]


def with_full_aggregate(part: Weighted, full: Full | None) -> Term:
    """The part's term, over the full aggregate where the training estimator remembers less of it."""
    term = part.term
    if full is None or not isinstance(term, Link) or term.memory is None:
        return term
    return term.under(MonteCarlo(full))


def fit_likelihood(model: VAE, data: Dataset, engine: Engine, limit: int | None = None) -> None:
    """Set what the likelihood has at an optimum, such as a sigma, to its best for the data, at a code of every example.

    Args:
        model: Whose likelihood.
        data: What was trained on; of more than `limit` examples, so many.
        engine: The device and the precision.
        limit: None for all.
    """
    passes = engine.over(model, data if limit is None else limited(data, limit))
    with own_randomness(0), evaluating(model), engine.autocast():
        model.likelihood.fit((model.decoded(draw.z, draw.context), model.modelled(draw.target)) for draw in passes())


def limited(data: Dataset, limit: int) -> Dataset:
    """At most `limit` examples, taken at random, the same every time: the first may be all of one kind."""
    if len(data) <= limit:
        return data
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    return data.subset(order[:limit].sort().values)


def evaluate_held_out(
    model: VAE, data: Dataset, objective: Objective, engine: Engine, limit: int, *, steady: bool = True
) -> tuple[dict[str, float], float]:
    """Every term's mean on held-out data, with q(z) the aggregate of that data, and the objective there.

    The objective is one function over the whole training, so that two evaluations can be compared: its weights and
    targets are those in which their schedules end, a KL that a critic estimates is the exact one where densities are
    known, and codes have the same noise every time; where it is to be `steady`, so that a training may be stopped by
    it, up to `ROUNDS` of them where examples are few. Other estimates by a critic are what the critic then says.
    """
    data = limited(data, limit)
    rounds = min(ROUNDS, max(1, CODES // len(data))) if steady else 1
    batches = engine.over(model, data)
    full = full_aggregate(batches)
    exact = [replace(part, term=with_full_aggregate(part, full)) for part in objective.parts]
    terms = {term.name: term for term in (*standard_terms(batches, full), *(part.term for part in exact))}
    sums = dict.fromkeys(terms, 0.0)
    apart = {part.term.name: part for part in exact if part.by != "total"}
    sums_apart: dict[str, dict[str, Tensor]] = {name: {} for name in apart}
    with own_randomness(0), evaluating(model), engine.autocast():
        for _ in range(rounds):
            for draw in batches():
                for name, term in terms.items():
                    values = term(draw)
                    sums[name] += float(by_example(values).mean()) * len(draw)
                    if name in apart:
                        share = len(draw) / (rounds * len(data))
                        for of, its in apart[name].means(values, draw).items():
                            sums_apart[name][of] = sums_apart[name].get(of, 0) + share * its.cpu().double()
    means = {name: total / (rounds * len(data)) for name, total in sums.items()}
    if "rate" in means and target_of(model) is None:
        means["elbo"] = -(means["distortion"] + means["rate"])
    ends = {name: sums_apart.get(name) or {"": torch.tensor(mean)} for name, mean in means.items()}
    return means, sum(part.at_end(ends[_judged_by(part.term, means)]) for part in objective.parts)


def evaluate_training(
    model: VAE, data: Dataset, objective: Objective, step: int, engine: Engine, batch_size: int
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Every term on some batches of the training data, and an audit of the training estimators on the same.

    The first are means under the full aggregate. The audit holds, for every link of the objective that remembers
    q(z), the mean of its own estimate, the same under `Full`, on the same frozen posteriors and codes, their
    difference, and the difference's standard error over batches.
    """
    passes = engine.over(model, data)
    full = full_aggregate(passes)
    standard = {term.name: term for term in standard_terms(passes, full)}
    links = [part.term for part in objective.parts if isinstance(part.term, Link)]
    remembering = [(link, link.memory) for link in links if link.memory and not isinstance(link.memory, Full)]
    memories = {id(memory): memory.snapshot() for _, memory in remembering}
    trained = {link.name: link.under(MonteCarlo(memories[id(memory)])) for link, memory in remembering}
    if full is not None:  # links of groups, say, are no standard terms
        standard |= {link.name: link.under(MonteCarlo(full)) for link, _ in remembering if link.name not in standard}
    trained = {name: link for name, link in trained.items() if name in standard}
    exact: dict[str, list[float]] = {name: [] for name in standard}
    estimates: dict[str, list[float]] = {name: [] for name in trained}
    with own_randomness(step), evaluating(model), engine.autocast():
        chosen = torch.randperm(len(data))[: AUDITED_BATCHES * batch_size]
        for batch in data.batches(min(batch_size, len(data)), order=chosen, drop_last=True):
            draw = passes.draw(batch)
            for memory in memories.values():
                memory.observe(draw)
            for name, term in standard.items():
                exact[name].append(_mean(term, draw))
            for name, link in trained.items():
                estimates[name].append(_mean(link, draw))
    audited = {name: _difference(estimates[name], exact[name]) for name in trained}
    return {name: sum(values) / len(values) for name, values in exact.items()}, audited


def _judged_by(term: Term, means: Mapping[str, float]) -> str:
    """The name of the mean that stands for a term: of a KL by a critic the exact one, where there is one."""
    if not isinstance(term, Link) or term.estimator.quantity != "KL by critic":
        return term.name
    exact = link_name(term.left.name, term.right.name, "KL")
    return exact if exact in means else term.name


def finite(terms: Mapping[str, float]) -> dict[str, float]:
    """The terms that are finite: JSON has no word for others.

    Example:
        >>> finite({"distortion": 80.0, "total_correlation": math.nan})
        {'distortion': 80.0}
    """
    return {name: value for name, value in terms.items() if math.isfinite(value)}


def _mean(term: Term, draw: Draw) -> float:
    return float(by_example(term(draw)).mean())


def _difference(estimates: list[float], exact: list[float]) -> dict[str, float]:
    """The means of both, and their difference with its standard error."""
    ours, theirs = (torch.tensor(values, dtype=torch.float64) for values in (estimates, exact))
    difference = ours - theirs
    summary = {"estimate": float(ours.mean()), "full": float(theirs.mean()), "difference": float(difference.mean())}
    if len(difference) > 1:
        summary["stderr"] = float(difference.std()) / math.sqrt(len(difference))
    return summary
