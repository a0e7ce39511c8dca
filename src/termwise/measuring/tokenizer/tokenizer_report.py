"""The tokenizer report: an autoencoder's codes as a model that is trained on them afterwards meets them.

Of normals of C channels at P places: the rate, by channel and by place; dead channels; the walk over channels
(`channel_walk.py`); means and deviations by channel, and the factor that scales codes to a variance of 1. Of codewords
what `measure` reads of them. Of reconstructions squared error, PSNR and SSIM, and by features of the user's the
distances of `measuring.quality`.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from termwise.account import glossary
from termwise.account.account import Account
from termwise.account.interval import NORMAL_95
from termwise.account.reading import (
    AnyReading,
    Reading,
    ReadingByDimension,
    reading_by_dimension,
    reading_of,
    reading_without_error,
)
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.elbo.measure import measure
from termwise.measuring.quality.features import FeatureFunction
from termwise.measuring.quality.sample_quality import sample_quality
from termwise.measuring.tokenizer.channel_walk import channel_walk
from termwise.measuring.tokenizer.code_moments import CodeMoments
from termwise.measuring.tokenizer.fidelity import psnr, squared_error, ssim
from termwise.models.block_law import blocks_of
from termwise.models.check_model import check_model
from termwise.models.codewords import Codewords
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import as_of, expected_example
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable, generates
from termwise.models.places import place_names
from termwise.models.randomness import own_randomness
from termwise.values import Count, Seed, checked

PAIRS = 8192
"""At most so many codes at places are taken for the walk over channels."""
DEAD = 0.01
"""A channel is dead where x moves its numbers by this share of their variance at the most."""
PARTS = 50
"""In so many parts examples are left out in turn, for errors of what is no mean."""


@checked
def tokenizer_report(
    model: Drawable,
    data: Dataset,
    *,
    channels: Literal["first", "last"] = "first",
    features: FeatureFunction | None = None,
    samples: Tensor | None = None,
    seed: Seed = 0,
    batch_size: Count = 128,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """What a model's codes cost, by channel and place, how they are scaled and shaped, and what they keep of x.

    Args:
        model: What `adapt` made, or any model; codes that have no shape are of one place.
        data: The examples.
        channels: Whether a code is (C, *places), or (*places, C).
        features: A network or function of your own, x to (B, F), by which reconstructions, and `samples`, are judged.
        samples: Examples that a generator made in the space of these codes, shape (M, *shape), to be judged.
        seed: Of codes, and of the places that stand for all.
        batch_size: Examples at a time.
        device: Where the model and the features are.
        progress: Told how far it is.

    Example:
        >>> import termwise as tw
        >>> encode = lambda x: (torch.stack([x, -x], 1), torch.zeros(len(x), 2, 3))  # two channels, three places
        >>> account = tokenizer_report(tw.adapt(encode), tw.load_data(torch.randn(500, 3)))
        >>> account["dead_channels"].value, len(account.by_dimension["rate_by_position"].value)
        (0.0, 3)
    """
    if len(data) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(data)}.")
    if samples is not None and features is None:
        raise Refused("Samples are judged by features: pass features=, a network or function of yours, x to (B, F).")
    batches = DataPass(model, data, batch_size, device)
    check_model(batches)
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        quantized = all(isinstance(block, Codewords) for block in blocks_of(first.posterior))
        if quantized:
            account = _of_codewords(measure(model, data, seed=seed, batch_size=batch_size, device=device))
            kept = _fidelity(_examples(batches, data, None), data)
        else:
            shape = tuple(getattr(model, "code_shape", ())) or tuple(first.posterior.event_shape)
            last = channels == "last"
            places = max(1, min(math.prod(shape) // shape[-1 if last else 0], PAIRS // len(data)))
            moments = CodeMoments(shape, last, places, torch.Generator().manual_seed(seed))
            kept = _fidelity(_examples(batches, data, moments), data)
            account = _of_normals(moments, first, seed, progress)
    readings = {**account.readings, **kept}
    about = {"name": data.name, "n": len(data), "of": len(data.examples), "fingerprint": data.fingerprint()}
    if features is not None:
        readings |= _quality(model, data, features, samples, seed, device)
    first_of_all = [name for name in ("rate", "bits") if name in readings]
    ordered = {name: readings[name] for name in dict.fromkeys([*first_of_all, *glossary.in_order(readings)])}
    return replace(account, readings=ordered, data={**about, **account.data})


def _of_codewords(account: Account) -> Account:
    """What is read of codewords, in bits, too."""
    readings = dict(account.readings)
    readings["bits"] = in_bits(account["rate"], "bits")
    wanted = (
        "rate",
        "bits",
        "index_code_mi",
        "marginal_kl",
        "total_correlation",
        "codes_used",
        "perplexity",
        "dead_codes",
    )
    chosen = {
        name: one for name, one in readings.items() if name.partition("_by_")[0] in wanted and "_by_dim" not in name
    }
    return replace(account, readings=chosen, per_example={}, diagnosis=())


def _of_normals(moments: CodeMoments, first: Draw, seed: int, progress: Progress | None) -> Account:
    """What is read of normals."""
    by_channel, by_place, mean, products, _, kept = moments.joined()
    n = len(mean)
    exact = {"estimator": "closed form", "bias": "exact for every x"}
    rate = reading_of(by_channel.sum(1), "rate", **exact)
    channels = reading_by_dimension(by_channel, "rate_by_channel", **exact)
    places = reading_by_dimension(by_place, "rate_by_position", **exact)
    share = moments.share_of_x()
    count = f"x's share of the variance of its numbers, {DEAD:g} or less"
    second = products.diagonal(dim1=1, dim2=2)
    sides = torch.cat([mean, second], 1)  # of each example, E z and E z^2 by channel

    def gaussian_tc(of: Tensor) -> Tensor:
        m, square = of[: mean.shape[1]], of[mean.shape[1] :].view(mean.shape[1], -1)
        covariance = square - m.outer(m)
        return -0.5 * (torch.logdet(covariance) - covariance.diagonal().log().sum()).unsqueeze(0)

    def deviations(of: Tensor) -> Tensor:
        m, square = of.chunk(2)
        return (square - m.square()).clamp(min=0).sqrt()

    def factor(of: Tensor) -> Tensor:
        m, square = (part.mean() for part in of.chunk(2))
        return (square - m.square()).clamp(min=1e-30).rsqrt().unsqueeze(0)

    of_pairs, sentences = channel_walk(kept, seed, progress)
    standard = torch.equal(first.prior.mean, torch.zeros_like(first.prior.mean)) and torch.equal(
        first.prior.variance, torch.ones_like(first.prior.variance)
    )
    of_codes = "moments of codes, over examples and places"
    readings: list[AnyReading] = [
        rate,
        channels,
        in_bits(rate, "bits"),
        in_bits(channels, "bits_by_channel"),
        *((places, in_bits(places, "bits_by_position")) if moments.places > 1 else ()),
        reading_without_error(
            "dead_channels", float((share <= DEAD).sum()), estimator=count, bias="a count, by threshold", n=n
        ),
        *(one for one in of_pairs if standard or one.name in ("channel_mi", "channel_total_correlation")),
        _jackknifed("channel_gaussian_tc", torch.cat([mean, products.flatten(1)], 1), gaussian_tc, of_codes),
        _jackknifed("scaling_factor", sides, factor, of_codes),
        reading_by_dimension(mean, "latent_mean_by_channel", estimator=of_codes, bias="unbiased"),
        _jackknifed_each("latent_std_by_channel", sides, deviations, of_codes),
    ]
    dead = (share <= DEAD).nonzero().flatten().tolist()
    if dead:
        sentences = (f"Of {len(share)} channels {', '.join(map(str, dead))} say nothing of x.", *sentences)
    return Account(
        {one.name: one for one in readings},
        tuple(sentences),
        {"rate": by_channel.sum(1)},
        {
            "code_shape": list(moments.shape),
            "channels": [f"c{place}" for place in range(moments.channels)],
            "positions": place_names(moments.shape[:-1] if moments.channels_last else moments.shape[1:]),
        },
    )


def in_bits(reading: Reading | ReadingByDimension, name: str) -> AnyReading:
    """A reading in nats, by another name in bits.

    Example:
        >>> nats = reading_of(torch.tensor([math.log(2.0), math.log(8.0)]), "rate", estimator="by hand", bias="")
        >>> round(in_bits(nats, "bits").value, 6)
        2.0
    """
    per = 1 / math.log(2)

    def scaled(of: object) -> object:
        if isinstance(of, list):
            return [scaled(one) for one in of]
        return of * per if isinstance(of, float) else of

    changed = {key: scaled(getattr(reading, key)) for key in ("value", "stderr", "interval", "lower", "upper")}
    return replace(reading, name=name, unit="bits", **changed)  # type: ignore[arg-type]


def _examples(batches: DataPass, data: Dataset, moments: CodeMoments | None) -> list[tuple[Tensor, ...]]:
    """Squared errors, and SSIMs of pictures, of all batches; their codes go to `moments`."""
    found: list[tuple[Tensor, ...]] = []
    extent = data.value_range()
    for draw in batches():
        if moments is not None:
            moments.add(draw)
        if generates(batches.model):
            other = expected_example(as_of(draw.likelihood, draw.x))
            pictures = draw.x.dim() >= 4 and min(draw.x.shape[-2:]) >= 3 and extent.maximum > extent.minimum
            alike = (ssim(draw.x, other, extent.maximum - extent.minimum).cpu(),) if pictures else ()
            found.append((squared_error(draw.x, other).cpu(), *alike))
    return found


def _fidelity(found: list[tuple[Tensor, ...]], data: Dataset) -> dict[str, AnyReading]:
    """The readings of reconstructions."""
    if not found:
        return {}
    error, *alike = (torch.cat(of) for of in zip(*found, strict=True))
    low, high = data.value_range().minimum, data.value_range().maximum
    how = {"estimator": "the decoder's mean at one code of each", "bias": f"unbiased; of data from {low:g} to {high:g}"}
    readings: dict[str, AnyReading] = {"reconstruction_mse": reading_of(error, "reconstruction_mse", **how)}
    if high > low:
        readings["psnr"] = reading_of(psnr(error, high - low), "psnr", **how)
    if alike:
        readings["ssim"] = reading_of(alike[0], "ssim", **how)
    return readings


def _quality(
    model: Drawable,
    data: Dataset,
    features: FeatureFunction,
    samples: Tensor | None,
    seed: int,
    device: torch.device | str,
) -> dict[str, AnyReading]:
    """The distances of features, of reconstructions and of samples."""
    readings: dict[str, AnyReading] = {}
    if generates(model):
        account = sample_quality(model, data, features=features, reconstructions=True, seed=seed, device=device)
        for name in ("frechet_distance", "kernel_distance"):
            if name in account:
                readings[f"reconstruction_{name}"] = replace(account[name], name=f"reconstruction_{name}")
    if samples is not None:
        readings |= sample_quality(samples, data, features=features, seed=seed, device=device).readings
    return readings


def _jackknifed(name: str, by_example: Tensor, of_mean: Callable[[Tensor], Tensor], estimator: str) -> Reading:
    each = _jackknifed_each(f"{name}_by_channel", by_example, of_mean, estimator)
    return Reading(
        name,
        each.value[0],
        each.stderr[0] if each.stderr else None,
        each.interval[0] if each.interval else None,
        None,
        None,
        each.unit,
        estimator,
        each.bias,
        each.n,
    )


def _jackknifed_each(
    name: str, by_example: Tensor, of_mean: Callable[[Tensor], Tensor], estimator: str
) -> ReadingByDimension:
    """Readings that are a function of a mean over examples, with errors by leaving out parts of these in turn.

    Args:
        name: The readings'.
        by_example: Of what the mean is, shape (N, S).
        of_mean: The readings, shape (K,), of a mean, shape (S,).
        estimator: How they were estimated.
    """
    n = len(by_example)
    parts = torch.arange(n).tensor_split(min(PARTS, n))
    total = by_example.sum(0)
    without = torch.stack([of_mean((total - by_example[part].sum(0)) / (n - len(part))) for part in parts])
    count = len(parts)
    errors = ((count - 1) / count * (without - without.mean(0)).square().sum(0)).sqrt()
    values = of_mean(total / n)
    return ReadingByDimension(
        name=name,
        value=values.tolist(),
        stderr=errors.tolist(),
        interval=torch.stack([values - NORMAL_95 * errors, values + NORMAL_95 * errors], 1).tolist(),
        lower=None,
        upper=None,
        unit=glossary.reading(name).unit,
        estimator=estimator,
        bias="of the order of 1/N",
        n=n,
    )
