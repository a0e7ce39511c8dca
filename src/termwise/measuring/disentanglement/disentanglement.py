"""Any model and data whose factors are known -> an account of disentanglement."""

from collections.abc import Sequence

import torch

from termwise.account.account import Account
from termwise.account.reading import AnyReading
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused, TermwiseError
from termwise.measuring.disentanglement.encodings import encode_dataset, factors_of
from termwise.measuring.disentanglement.metrics import METRICS
from termwise.models.data_pass import Progress
from termwise.models.drawable import Drawable
from termwise.values import Count, Seed, checked

LIMIT = 30_000
"""How many examples are used at most, where nothing else is asked for."""

REPEATS = 5
"""Into how many parts the examples fall for metrics that fit something, where nothing else is asked for."""


@checked
def disentanglement(
    model: Drawable,
    data: Dataset,
    *,
    metrics: Sequence[str] | None = None,
    seed: Seed = 0,
    repeats: Count = REPEATS,
    limit: Count | None = LIMIT,
    batch_size: Count = 512,
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

    Example:
        >>> import termwise as tw
        >>> digits = tw.load_data("digits", test=0.2)
        >>> pixels = tw.adapt(encode=lambda x: (x.flatten(1)[:, 26:28], torch.full((len(x), 2), -4.0)))
        >>> scores = disentanglement(pixels, digits.test, metrics=["mig", "gaussian_tc"])
        >>> [name for name in scores]
        ['mig', 'mig_by_factor', 'gaussian_tc_of_means', 'gaussian_tc_of_aggregate']
    """
    rows = [METRICS[name] for name in metrics or METRICS]
    if repeats < 2 or (limit is not None and limit < 2):
        raise Refused(f"Expected two repeats and two examples or more; got repeats={repeats}, limit={limit}.")
    some = data.random_subset(limit, seed)
    if len(some) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(some)}.")
    factors, sentences = factors_of(some)
    encodings = encode_dataset(model, some, factors, seed, batch_size, device)
    readings: dict[str, AnyReading] = {}
    for number, metric in enumerate(rows):
        if factors is None and metric.needs_factors:
            if metrics is not None:
                raise Refused(f"{metric.name!r} compares codes with known factors. {' '.join(sentences)}")
            continue
        if progress is not None:
            progress(metric.name, number / len(rows))
        try:
            readings |= metric.readings(encodings, repeats, seed)
        except TermwiseError as refusal:
            if metrics is not None:
                raise
            sentences.append(f"{metric.name} was not measured. {refusal}")
    about = {"name": some.name, "n": len(some), "fingerprint": some.fingerprint()}
    return Account(readings, tuple(sentences), {}, about)
