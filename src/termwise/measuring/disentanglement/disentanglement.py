"""Any model and data whose factors are known -> an account of disentanglement."""

from collections.abc import Sequence

import torch

from termwise.account.reading import Account, Reading
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused, TermwiseError, UnknownName
from termwise.measuring.disentanglement.codes import encoded, known_factors
from termwise.measuring.disentanglement.metrics import METRICS
from termwise.models.draw import Drawable
from termwise.models.passes import Progress

LIMIT = 30_000
REPEATS = 5


def disentanglement(
    model: Drawable,
    data: Dataset,
    *,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    repeats: int = REPEATS,
    limit: int | None = LIMIT,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """How far a code's dimensions and the factors that made the data stand for one another.

    Args:
        model: A VAE, or what `adapt` made.
        data: The examples; its factors where it has them, else its labels as one factor, else what needs neither.
        metrics: Their names, of `METRICS`; all that can be had where left out.
        seed: Of the examples, the codes, the parts and the fits. The random state is left as it was.
        repeats: Into how many disjoint parts the examples fall for metrics that fit something.
        limit: How many examples to use at most, drawn at random; None for all.
        batch_size: Examples encoded at a time.
        device: Where the model is.
        progress: Told how far it is.

    Returns:
        Readings of unit "score" (nats for the Gaussian total correlation), each with its standard error, those that are
        means over the factors with the factors' own beside; and in its diagnosis what was not measured, and why.

    Raises:
        UnknownName: No such metric.
        TermwiseError: A metric that was asked for by name cannot be had.
    """
    for name in metrics or ():
        if name not in METRICS:
            raise UnknownName("disentanglement metric", name, METRICS)
    if repeats < 2 or (limit is not None and limit < 2):
        raise Refused(f"Expected two repeats and two examples or more; got repeats={repeats}, limit={limit}.")
    some = data.random_subset(limit, seed)
    if len(some) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(some)}.")
    factors, sentences = known_factors(some)
    seen = encoded(model, some, factors, seed, batch_size, device)
    readings: dict[str, Reading] = {}
    names = metrics or list(METRICS)
    for number, name in enumerate(names):
        metric = METRICS[name]
        if factors is None and metric.needs_factors:
            if metrics is not None:
                raise Refused(f"{name!r} compares codes with known factors. {' '.join(sentences)}")
            continue
        if progress is not None:
            progress(name, number / len(names))
        try:
            readings |= metric.readings(seen, repeats, seed)
        except TermwiseError as refusal:
            if metrics is not None:
                raise
            sentences.append(f"{name} was not measured. {refusal}")
    about = {"name": some.name, "n": len(some), "fingerprint": some.fingerprint()}
    return Account(readings, tuple(sentences), {}, about)
