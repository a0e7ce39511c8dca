"""How the codewords of a codebook are used, over all positions together: how many, how evenly, and how many never.

    perplexity = e^H,   H = -sum_k p_k log p_k,   p_k the share of the positions of all examples that have codeword k

The entropy of N examples' shares is biased down by about (K - 1) / 2n, n being their positions, and those of one
example depend on each other. Leaving one example out at a time (the jackknife) takes out what falls as 1/N of that,
whatever the dependence, and gives the error (Efron and Stein, 1981). How many codewords are used at all is what N
examples show and, by those that came in one example or in two, what they do not yet (Chao, 1987, bias-corrected). So
none of the three is the more for more examples; a codeword that comes less than about once in N examples is not told
from a dead one.

A code may have several codebooks, each a block: what is read of one is then read of each, by block.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from termwise.account import glossary
from termwise.account.interval import NORMAL_95, reach_95
from termwise.account.reading import AnyReading, Reading, ReadingByDimension
from termwise.measuring.elbo.data_posteriors import BlockPosteriors, DataPosteriors, LawPosteriors
from termwise.models.block_law import LawOfBlocks
from termwise.models.codewords import Codewords

ENTROPY = "exp of the entropy of counts, jackknifed over examples"
RICHNESS = "counts, and Chao's estimate of what they miss"


def codeword_readings(posteriors: DataPosteriors) -> dict[str, AnyReading]:
    """codes_used, perplexity and dead_codes of codes that are codewords; none of others.

    Of several codebooks they are by block, where a block that has no codewords uses 0 of 0, whose perplexity is 1.
    """
    law = posteriors.law if isinstance(posteriors, BlockPosteriors | LawPosteriors) else None
    links = law.links if isinstance(law, LawOfBlocks) else (law,)
    several = [link if isinstance(link, Codewords) else None for link in links]
    codebooks = [one for one in several if one is not None]
    if not codebooks or len(codebooks[0].indices) < 2:
        return {}
    if len(codebooks) == 1:
        return dict(readings_of(codebooks[0]))
    of_each = [NO_USE if one is None else readings_of(one) for one in several]
    return {f"{name}_by_block": _by_block(name, [one[name] for one in of_each]) for name in NO_USE}


def readings_of(law: Codewords) -> dict[str, Reading]:
    """codes_used, perplexity and dead_codes of one codebook, from the codes of N examples."""
    indices, count = law.indices.cpu(), len(law.codebook)
    used, seen = richness(indices, count), len(indices.unique())
    low, value, high = used
    return {
        "codes_used": _counted("codes_used", value, (low, high), (seen, count), len(indices)),
        "perplexity": perplexity(indices, count),
        "dead_codes": _counted(
            "dead_codes", count - value, (count - high, count - low), (0, count - seen), len(indices)
        ),
    }


def _by_block(name: str, of_each: Sequence[Reading]) -> ReadingByDimension:
    """The readings of each block as one."""
    first = next(one for one in of_each if one is not NO_USE[name])
    stderrs, lower, upper = ([getattr(one, of) for one in of_each] for of in ("stderr", "lower", "upper"))
    return ReadingByDimension(
        name=f"{name}_by_block",
        value=[one.value for one in of_each],
        stderr=None if None in stderrs else stderrs,
        interval=[list(one.interval or ()) for one in of_each],
        lower=None if None in lower else lower,
        upper=None if None in upper else upper,
        unit=first.unit,
        estimator=first.estimator,
        bias=first.bias.partition(";")[0],
        n=first.n,
    )


def of_points_alone(posteriors: DataPosteriors) -> bool:
    """Whether posteriors are points at codewords, and nothing else."""
    return isinstance(posteriors, LawPosteriors) and isinstance(posteriors.law, Codewords)


def perplexity(indices: Tensor, count: int) -> Reading:
    """The perplexity of codewords, shape (N, P), of `count` that there are.

    Example:
        >>> half = perplexity(torch.tensor([[0, 1]] * 500), count=4)
        >>> round(half.value, 6), half.stderr < 1e-6
        (2.0, True)
    """
    values = jackknifed_entropy(indices, count)
    entropy, n = float(values.mean()), len(values)
    below, above = reach_95(values)
    low, value, high = (min(max(math.exp(at), 1.0), float(count)) for at in (entropy - below, entropy, entropy + above))
    return Reading(
        name="perplexity",
        value=value,
        stderr=value * float(values.std()) / math.sqrt(n),
        interval=[low, high],
        lower=None,
        upper=None,
        unit=glossary.reading("perplexity").unit,
        estimator=ENTROPY,
        bias=f"to first order none; of {count:,} codewords",
        n=n,
    )


def jackknifed_entropy(indices: Tensor, count: int) -> Tensor:
    """By example, shape (N,), float64, what the entropy of the pooled codewords is the mean of, nats.

    Args:
        indices: Codewords, shape (N, P).
        count: K.
    """
    n, positions = indices.shape
    cells, times = (indices + count * torch.arange(n).unsqueeze(1)).unique(return_counts=True)
    example, word = cells // count, cells % count
    counts = torch.bincount(indices.flatten(), minlength=count).double()
    whole = torch.xlogy(counts, counts).sum()
    rest = counts[word] - times
    change = torch.xlogy(rest, rest) - torch.xlogy(counts[word], counts[word])
    without = whole + torch.zeros(n, dtype=torch.float64).index_add_(0, example, change)
    entropy = math.log(n * positions) - whole / (n * positions)
    entropy_without = math.log((n - 1) * positions) - without / ((n - 1) * positions)
    return n * entropy - (n - 1) * entropy_without


def richness(indices: Tensor, count: int) -> tuple[float, float, float]:
    """How many of `count` codewords come at all: from, what is likely, and to, at 95%; of codewords, shape (N, P).

    Example:
        >>> richness(torch.tensor([[0, 1]] * 50), count=4)
        (2.0, 2.0, 2.0)
    """
    n = len(indices)
    cells = (indices + count * torch.arange(n).unsqueeze(1)).unique()
    examples = torch.bincount(cells % count, minlength=count)  # in how many examples each comes
    seen, once, twice = (float((examples > 0).sum()), float((examples == 1).sum()), float((examples == 2).sum()))
    share, ratio = (n - 1) / n, once / (twice + 1)
    unseen = share * ratio * (once - 1) / 2
    if unseen <= 0:
        return seen, seen, min(seen + once, float(count))
    variance = (
        unseen
        + share**2 * ratio * (2 * once - 1) ** 2 / (4 * (twice + 1))
        + share**2 * ratio**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 2)
    )
    reach = math.exp(NORMAL_95 * math.sqrt(math.log(1 + variance / unseen**2)))
    low, value, high = (min(seen + part, float(count)) for part in (unseen / reach, unseen, unseen * reach))
    return low, value, high


def _counted(name: str, value: float, interval: tuple[float, float], bounds: tuple[float, float], n: int) -> Reading:
    return Reading(
        name=name,
        value=value,
        stderr=None,
        interval=list(interval),
        lower=float(bounds[0]),
        upper=float(bounds[1]),
        unit=glossary.reading(name).unit,
        estimator=RICHNESS,
        bias="of codewords that come once in these examples or more",
        n=n,
    )


NO_USE = {
    name: Reading(name, value, 0.0, [value, value], value, value, "codewords", "", "", 0)
    for name, value in (("codes_used", 0.0), ("perplexity", 1.0), ("dead_codes", 0.0))
}
"""What is read of a block that has no codewords, beside those that have some."""
