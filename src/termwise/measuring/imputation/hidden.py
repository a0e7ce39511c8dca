"""How far off an imputation is: entries that are known are hidden, imputed, and compared.

Errors of numbers are in standard deviations of their column, so that columns count alike, and 1 is about what its mean
would give; of words it is counted how many are right. Beside each is what means, and the commonest words, would do.

    imputation_error        sqrt(mean over hidden entries of ((mean - x) / s)^2)
    imputation_calibration  sqrt(mean of ((mean - x) / spread)^2)      1 where the spread is right, above 1 too small
    imputation_accuracy     the share of hidden words, and of 0 and 1, that are right

Entries are hidden completely at random, whatever made the others go missing. Errors are over examples.
"""

from dataclasses import replace

import torch
from torch import Tensor

from termwise.account import Account
from termwise.account.interval import NORMAL_95
from termwise.account.reading import Reading
from termwise.account.readings import READINGS
from termwise.data.dataset import Dataset
from termwise.data.examples import InMemory
from termwise.data.scales import scales_of
from termwise.data.tables.back import blocks, likeliest
from termwise.errors import BadData
from termwise.measuring.imputation.impute import impute
from termwise.models.data_pass import Progress
from termwise.models.drawable import Drawable
from termwise.models.randomness import own_randomness
from termwise.values import Count, PositiveFinite, Samples, Seed, checked


@checked
def imputation_error(
    model: Drawable,
    data: Dataset,
    *,
    share: PositiveFinite = 0.1,
    train: Dataset | None = None,
    samples: Samples = 1000,
    seed: Seed = 0,
    batch_size: Count = 256,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """How far off imputed entries are, of known ones that were hidden on purpose; and how far off means would be.

    Args:
        model, samples, seed, batch_size, device, progress: As `impute` takes them.
        data: Examples that the model was not trained on: else it may remember what was hidden.
        share: How much of what is known is hidden, below 1.
        train: Examples by which columns are scaled, and of which means are taken; `data` where left out.

    Raises:
        BadData: Too little is known, or not to be hidden.

    Example:
        >>> import termwise as tw
        >>> data = tw.load_data(torch.randn(50, 4), test=0.0)
        >>> model = tw.VAE.build((4,), latent=2, likelihood="normal:1", options={"hidden": [8]})
        >>> model.filler = tw.models.Filler.of(data)
        >>> list(imputation_error(model, data, share=0.3, samples=50))
        ['imputation_error', 'imputation_error_of_means', 'imputation_calibration']
    """
    if not share < 1:
        raise BadData(f"Expected a share to hide between 0 and 1, got {share:g}: 0.1 hides a tenth of what is known.")
    x = data.tensor()
    columns = blocks(data) or [[entry] for entry in range(x[0].numel())]
    hidden = _hidden(x, columns, share, seed)
    if not hidden.any():
        raise BadData(
            f"{data.name}: hiding {share:g} of what is known hides nothing. Give more examples, or hide more."
        )
    gaps = _with_gaps(data, x.where(~hidden, torch.nan))
    found = impute(model, gaps, samples=samples, seed=seed, batch_size=batch_size, device=device, progress=progress)
    usual = train or data
    kinds = [column.kind for column in data.columns] or ["number"] * x[0].numel()
    of_words = torch.tensor([kind in ("binary", "category") for kind in kinds]).view(x.shape[1:])
    readings = [
        *_of_numbers(x, found.mean, found.stddev, hidden & ~of_words, usual),
        *_of_words(data, x, found.filled, hidden & of_words, columns, usual),
    ]
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint(), "hidden": int(hidden.sum())}
    return Account({reading.name: reading for reading in readings}, diagnosis=found.diagnosis, data=about)


def _with_gaps(data: Dataset, x: Tensor) -> Dataset:
    """The same data with other examples, shape (N, *shape); of those that it does not show nothing is known."""
    kept = x
    if data.positions is not None:
        kept = x.new_full((len(data.examples), *x.shape[1:]), torch.nan)
        kept[data.positions] = x
    return replace(data, examples=InMemory(kept), cells=())


def _hidden(x: Tensor, columns: list[list[int]], share: float, seed: Seed) -> Tensor:
    """Which entries are hidden, shape of x: of what is known, all that one column of a table became together."""
    with own_randomness(seed):
        chosen = torch.rand(len(x), len(columns)) < share
    flat = torch.zeros(len(x), x[0].numel(), dtype=torch.bool)
    for place, entries in enumerate(columns):
        flat[:, entries] = chosen[:, place : place + 1]
    return flat.view(x.shape) & ~x.isnan()


def _of_numbers(x: Tensor, mean: Tensor, stddev: Tensor, hidden: Tensor, usual: Dataset) -> list[Reading]:
    """The errors of hidden numbers, of their means, and how large beside the spread they are."""
    if not hidden.any():
        return []
    scales = scales_of(usual)
    shape = (-1, *[1] * (x.dim() - 2))
    scale = torch.where(scales.stddev > 0, scales.stddev, torch.ones_like(scales.stddev)).view(shape)
    apart, of_means = (x - mean).double(), x.double() - scales.mean.nan_to_num().view(shape)
    beside = apart / stddev.double().clamp(min=1e-12)
    means = f"means of {usual.name}'s columns" if usual.columns else "means of what is known"
    return [
        _root_mean_square("imputation_error", apart / scale, hidden, "means of weighed codes"),
        _root_mean_square("imputation_error_of_means", of_means / scale, hidden, means),
        _root_mean_square("imputation_calibration", beside, hidden, "errors beside the spread that was said"),
    ]


def _of_words(
    data: Dataset, x: Tensor, filled: Tensor, hidden: Tensor, columns: list[list[int]], usual: Dataset
) -> list[Reading]:
    """How many hidden words are right, and would be of the commonest."""
    if not hidden.any():
        return []
    commonest = torch.nan_to_num(usual.tensor().double().nanmean(0)).float().expand_as(x)
    right = [
        torch.stack([(one[:, e] == x[:, e]).all(1) for e in columns], 1).double()
        for one in (filled, likeliest(data, commonest, hidden))
    ]
    there = torch.stack([hidden[:, entries].any(1) for entries in columns], 1)
    return [
        _mean("imputation_accuracy", right[0], there, "the likeliest of weighed codes"),
        _mean("imputation_accuracy_of_commonest", right[1], there, "the commonest"),
    ]


def _root_mean_square(name: str, errors: Tensor, hidden: Tensor, estimator: str) -> Reading:
    """sqrt(sum of squares / how many), with its error over examples."""
    square = _mean(name, errors.square(), hidden, estimator)
    value = square.value**0.5
    stderr = 0.0 if not value or square.stderr is None else square.stderr / (2 * value)
    return replace(square, value=value, stderr=stderr, interval=_interval(value, stderr))


def _mean(name: str, values: Tensor, hidden: Tensor, estimator: str) -> Reading:
    """The mean over hidden entries, with its error over examples: that of a ratio of two sums."""
    counts = hidden.flatten(1).sum(1).double()
    sums = values.where(hidden, 0.0).flatten(1).sum(1)
    some = int((counts > 0).sum())
    value = float(sums.sum() / counts.sum())
    beyond = (sums - value * counts).square().sum() * some / max(1, some - 1)
    stderr = float(beyond.sqrt() / counts.sum())
    bias = "of entries hidden completely at random"
    unit = READINGS[name].unit
    return Reading(name, value, stderr, _interval(value, stderr), None, None, unit, estimator, bias, some)


def _interval(value: float, stderr: float) -> list[float]:
    return [value - NORMAL_95 * stderr, value + NORMAL_95 * stderr]
