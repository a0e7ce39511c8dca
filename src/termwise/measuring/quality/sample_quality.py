"""Samples, or a model that makes them, and real data -> an account of quality."""

from dataclasses import replace

import torch
from torch import Tensor

from termwise.account.account import Account
from termwise.account.reading import AnyReading, Reading, reading_of
from termwise.data.dataset import Dataset
from termwise.data.missing import check_whole
from termwise.errors import BadData, Refused
from termwise.measuring.classifier.classifier import Classifier, train_classifier
from termwise.measuring.quality.diagnosis import diagnose
from termwise.measuring.quality.examples import checked_batches, reconstruction_batches, sample_batches
from termwise.measuring.quality.features import FeatureFunction, Features, describe_features, extract_features
from termwise.measuring.quality.frechet import GROUPS
from termwise.measuring.quality.measures import LEAST, FeatureClouds, measure_clouds
from termwise.models.data_pass import Progress, evaluating
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness, seed_for
from termwise.models.target import check_makes_examples
from termwise.values import Count, Seed, checked

LIMIT = 10_000
"""How many real examples are used at most, where nothing else is asked for."""


@checked
def sample_quality(
    samples: Tensor | Drawable,
    data: Dataset,
    *,
    train: Dataset | None = None,
    features: FeatureFunction | None = None,
    steps: Count = 1000,
    reconstructions: bool = False,
    noise: bool = False,
    count: Count | None = None,
    limit: Count | None = LIMIT,
    neighbours: Count = 5,
    seed: Seed = 0,
    batch_size: Count = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """How near samples come to real examples, and how much of the real ones they cover.

    Args:
        samples: Examples that were made, shape (M, *shape); or a model, which is then sampled from its prior.
        data: Real examples to measure against, that neither the model nor the features learned from.
        train: Real examples that the features learn from, where none are given. Half of the data where left out.
        features: A network or function of your own, x to (B, F), or a `Classifier`. Where left out, one is trained on
            the attributes or labels of `train`, or else on quarter turns of its images.
        steps: How many moves that network makes.
        reconstructions: Whether to judge the model's reconstructions of one half of the data, against the other half.
        noise: Whether examples are drawn from p(x|z), and not its mean.
        count: How many samples a model makes; as many as there are real examples where left out.
        limit: How many real examples to use at most, drawn at random; None for all.
        neighbours: k of precision, recall, density and coverage (their papers take 3 and 5).
        seed: Of all that is random. The random state is left as it was.
        batch_size: Examples at a time.
        device: Where the model and the features are.
        progress: Told how far it is.

    Returns:
        Readings frechet_distance, frechet_distance_extrapolated, kernel_distance, precision, recall, density, coverage,
        of images sharpness; and under the same names with "_of_real" what one half of the data reads against the
        other: what a perfect model would get.

    Raises:
        BadData: Too few examples, or samples of another shape than the data's or not finite.
        Refused: Features of no such shape; or reconstructions of a tensor.

    Example:
        >>> import termwise as tw
        >>> real = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
        >>> samples = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
        >>> account = sample_quality(samples, tw.load_data(real), features=torch.nn.Identity())
        >>> account["density"].value > 0.8, account["density_of_real"].n
        (True, 200)
    """
    if isinstance(samples, Tensor) and (reconstructions or noise or count is not None):
        raise Refused("A tensor of samples is judged as it is: leave reconstructions, noise and count to models.")
    check_whole(data, "Quality")
    there = len(data) // 2 if features is None and train is None else len(data)
    least = max(2 * GROUPS, 2 * LEAST * neighbours)
    if min(there, limit or there) < 2 * least:
        raise BadData(
            f"{data.name}: quality at {neighbours} neighbours is measured against halves of the real data, {least} "
            f"examples or more each; got {min(there, limit or there)} in all. Give more, or ask for fewer neighbours."
        )
    notes: list[str] = []
    readings: list[AnyReading] = []
    if features is None:
        if train is None:
            data, train = _halves(data, seed_for(seed, "learning"))
            notes.append(f"Half of {data.name} taught the features and was left out, for want of other examples.")
        features = train_classifier(train, steps=steps, seed=seed, device=device, progress=progress)
    if isinstance(features, Classifier):
        readings += [features.accuracy, features.majority]
    data = data.random_subset(limit, seed)
    halves = _halves(data, seed)
    first, second = (
        extract_features(features, (batch.x for batch in half.batches(batch_size)), device) for half in halves
    )
    with own_randomness(seed):
        if isinstance(samples, Tensor):
            judged = extract_features(features, checked_batches(samples.split(batch_size), data.shape), device)
            judged = judged.rows(torch.randperm(len(judged)))
        else:
            check_makes_examples(samples)
            if reconstructions:
                batches = reconstruction_batches(samples, halves[0], noise, batch_size, device)
            else:
                batches = sample_batches(samples, data, count or len(data), noise, batch_size, device)
            with evaluating(samples):
                judged = extract_features(features, checked_batches(batches, data.shape), device)
    real = second if reconstructions else first.and_also(second)
    description = describe_features(features)
    readings += _readings(judged, real, description, neighbours)
    readings += [
        replace(reading, name=f"{reading.name}_of_real")
        for reading in _readings(first, second, description, neighbours)
    ]
    what = "reconstructions" if reconstructions else "samples"
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint(), "made": what}
    account = Account({reading.name: reading for reading in readings}, data=about)
    return replace(account, diagnosis=(*notes, *diagnose(account, judged.values.shape[1])))


def _halves(data: Dataset, seed: Seed) -> tuple[Dataset, Dataset]:
    """Two halves, each in random order."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return data.subset(order[: len(data) // 2]), data.subset(order[len(data) // 2 :])


def _readings(judged: Features, real: Features, description: str, neighbours: Count) -> list[Reading]:
    readings = measure_clouds(FeatureClouds(judged.values, real.values, description, neighbours))
    if judged.sharpness is not None:
        estimator = f"mean over {len(judged)} images of the variance of their Laplacian"
        readings += [reading_of(judged.sharpness, "sharpness", estimator=estimator, bias="unbiased")]
    return readings
