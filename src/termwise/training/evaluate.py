"""What a training evaluates now and then: every term on held-out data, and how far its own estimators are off.

Both leave the random state, and the memories, as they were.
"""

import math

import torch

from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.draw import Draw
from termwise.models.randomness import own_randomness
from termwise.models.vae import VAE
from termwise.objectives.objective import Objective, Weighted
from termwise.terms.aggregate.full import Full
from termwise.terms.closed_form import ClosedForm
from termwise.terms.link import Distortion, Link, Term, by_example
from termwise.terms.monte_carlo import MonteCarlo
from termwise.training.engine import Engine

AUDITED_BATCHES = 8


def full_aggregate(batches: DataPass) -> Full | None:
    """q(z) of the data; None where posteriors are no normal laws, as implicit ones are not."""
    full = Full()
    try:
        full.prepare(batches)
    except Refused:
        return None
    return full


def standard_terms(full: Full | None) -> list[Term]:
    """The terms that every model is evaluated by, whatever trained it; without densities, the distortion alone."""
    if full is None:
        return [Distortion()]
    kl = MonteCarlo(full)
    walk = (("posterior", "aggregate"), ("aggregate", "prior"), ("aggregate", "marginals"), ("marginals", "prior"))
    return [Distortion(), Link("posterior", "prior", ClosedForm()), *(Link(*ends, kl) for ends in walk)]


def with_full_aggregate(part: Weighted, full: Full | None) -> Term:
    """The part's term, over the full aggregate where the training estimator remembers less of it."""
    term = part.term
    if full is None or not isinstance(term, Link) or term.memory is None:
        return term
    return term.under(MonteCarlo(full))


def evaluate_held_out(
    model: VAE, data: Dataset, objective: Objective, step: int, engine: Engine, limit: int
) -> tuple[dict[str, float], float]:
    """Every term's mean on held-out data, with q(z) the aggregate of that data, and the objective there.

    Where there are more than `limit` examples, so many of them are taken at random, the same every time: the first
    may be all of one kind.
    """
    if len(data) > limit:
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
        data = data.subset(order[:limit].sort().values)
    batches = engine.over(model, data)
    full = full_aggregate(batches)
    exact = [with_full_aggregate(part, full) for part in objective.parts]
    terms = {term.name: term for term in (*standard_terms(full), *exact)}
    sums = dict.fromkeys(terms, 0.0)
    with own_randomness(step), evaluating(model), engine.autocast():
        for draw in batches():
            for name, term in terms.items():
                sums[name] += _mean(term, draw) * len(draw)
    means = {name: total / len(data) for name, total in sums.items()}
    if "rate" in means:
        means["elbo"] = -(means["distortion"] + means["rate"])
    loss = 0.0
    for part in objective.parts:
        value = torch.tensor(means[part.term.name])
        loss += part.weight(step) * float(value if part.shape is None else part.shape(value, step))
    return means, loss


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
    standard = {term.name: term for term in standard_terms(full)}
    links = [part.term for part in objective.parts if isinstance(part.term, Link)]
    remembering = [(link, link.memory) for link in links if link.memory and not isinstance(link.memory, Full)]
    memories = {id(memory): memory.snapshot() for _, memory in remembering}
    trained = {link.name: link.under(MonteCarlo(memories[id(memory)])) for link, memory in remembering}
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
