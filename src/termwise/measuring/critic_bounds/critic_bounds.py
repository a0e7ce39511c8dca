"""What fresh critics say of a model's links: bounds that ask for samples alone, and so hold for any posterior.

A critic is trained anew, the autoencoder standing still, on other data than it is read on: on a part that the data was
split from, or on either half for the other, so that no example is read by a critic that saw it. Whatever it has
learnt, on such samples

    NWJ   E_left T - E_right e^T + 1     <= KL(left || right) in expectation
    DV    E_left T - log E_right e^T     <= KL(left || right) as samples grow

(Nguyen, Wainwright and Jordan, 2010; Donsker and Varadhan, 1983), for the population that the examples are of. The
rate is read by way of r(z|x), the normal with the moments of q(z|x),

    rate = KL(q(z|x) || r(z|x)) + E_q[log r(z|x) - log p(z)],

so that the critic bounds what no normal says, a nat or two, however large the rate; the rest is exact. A bound under
the rate is one over the ELBO: -distortion - rate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from termwise.account.account import Account
from termwise.account.bracket import allowance
from termwise.account.reading import Reading, reading_of
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.critic_bounds.fixed_reference import Moments
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.models.draw import Drawable, generates
from termwise.models.passes import DataPass, Progress, evaluating
from termwise.models.randomness import own_randomness
from termwise.objectives import Cosine, Objective, Weighted, solo
from termwise.objectives.optimizers import OptimizerSettings
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic_loss import accuracy, cross_entropy, separation
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj
from termwise.terms.decomposition import LINK_NAMES, link_name
from termwise.terms.link import Link

READABLE = ("rate", "index_code_mi", "marginal_kl", "total_correlation")
"""The links that a critic can be asked for."""
MOST = 8192
"""Examples that a critic is trained on, where there are more."""
LEARNING_RATE = 2e-3
BATCH = 256


def critic_readings(
    model: Drawable,
    data: Dataset,
    train: Dataset | None = None,
    *,
    links: Sequence[str] = ("rate",),
    steps: int = 3000,
    samples: int = 4,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """Links of the rate between bounds of critics trained anew.

    Args:
        model: A VAE, or what `adapt` made; it, and the random state, are left as they were.
        data: The examples to read on.
        train: Others, to train on; where left out, each half of `data` trains for the other.
        links: Some of `READABLE`, a critic each.
        steps: How many moves a critic makes, of 256 examples each.
        samples: Codes of either law for every example.
        seed: Of the halves, the critics and the codes.
        batch_size: Examples at a time, while reading.
        device: Where the model is.
        progress: Told how far it is.

    Returns:
        Readings in nats, for the population: rate_nwj and rate_dv, under the rate; elbo_upper_nwj and elbo_upper_dv,
        over the ELBO, where there is a decoder; marginal_nwj and their kin for other links. `lower` and `upper` are
        NWJ's alone, with room for sampling errors: DV is no bound on few samples.

    Raises:
        Refused: No such link can be read, or an option cannot be.
        BadData: Too few examples.
    """
    for name in links:
        if name not in READABLE:
            raise UnknownName("link for a critic", name, READABLE)
    for option, count in (("critic steps", steps), ("samples", samples)):
        if count < 1:
            raise Refused(f"{option} must be 1 or more; got {count}.")
    if len(data) < 4 or (train is not None and len(train) < 2):
        raise BadData(f"A critic needs four examples or more, to train on some and be read on others; got {len(data)}.")
    readings: dict[str, Reading] = {}
    values: dict[str, Tensor] = {}
    said = []
    folds = list(_folds(data, train, seed))
    for number, name in enumerate(links):
        found = []
        for fold, (known, positions) in enumerate(folds):
            if progress is not None:
                progress(f"critic of {name}".replace("_", " "), (number + fold / len(folds)) / len(links))
            read, learn = (DataPass(model, part, batch_size, device) for part in (data.subset(positions), known))
            found.append(_read(name, read, learn, positions, steps, samples, seed))
        how = f"A critic trained anew, {steps:,} steps on {len(folds[0][0]):,} other examples,"
        bounds = _bounds(found)
        values |= bounds
        readings |= {key: _reading(key, held) for key, held in bounds.items()}
        said.append(_said(name, found, readings, how))
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint()}
    return Account(readings, tuple(said), values, about)


@dataclass(frozen=True)
class _Found:
    """What a critic saw on examples that it was not trained on, by code: shape (samples, N), float64, on the CPU.

    Attributes:
        link: Which.
        positions: Of the examples in the data, shape (N,).
        exact: What needs no critic: log r(z|x) - log p(z), or 0.
        left: T at codes of the left law.
        right: T at codes of the right law.
        distortion: Of the left law's codes; None without a decoder, and of other links than the rate.
    """

    link: str
    positions: Tensor
    exact: Tensor
    left: Tensor
    right: Tensor
    distortion: Tensor | None


def _folds(data: Dataset, train: Dataset | None, seed: int) -> Iterator[tuple[Dataset, Tensor]]:
    """What to train a critic on, and the positions of the examples that it is then read on."""
    generator = torch.Generator().manual_seed(seed)
    if train is not None:
        yield train.subset(torch.randperm(len(train), generator=generator)[:MOST]), torch.arange(len(data))
        return
    halves = torch.randperm(len(data), generator=generator).tensor_split(2)
    for known, read in (halves, halves[::-1]):
        yield data.subset(known[:MOST]), read


def _read(name: str, read: DataPass, known: DataPass, positions: Tensor, steps: int, samples: int, seed: int) -> _Found:
    """A critic trained on `known`, and what it says on `read`."""
    model, device = read.model, read.device
    moments = Moments() if name == "rate" else None
    with own_randomness(seed), evaluating(model):
        if moments is not None:
            moments.take(known)
            ratio: DensityRatio = AdaptiveContrast(moments)
            link = Link("posterior", moments, ratio)
        else:
            ratio = DensityRatio("kl")
            link = Link(*_stops(name), ratio)
    rate = Cosine(start=LEARNING_RATE, end=0.01 * LEARNING_RATE, steps=steps)
    how = OptimizerSettings(learning_rate=rate)
    game = solo(Objective((Weighted(link),)))
    train_critics(game, model, known.data, steps=steps, batch_size=BATCH, optimizer=how, seed=seed, device=device)
    decodes = moments is not None and generates(model)
    found: dict[str, list[Tensor]] = {"left": [], "right": [], "exact": [], "distortion": []}
    with own_randomness(seed + 1), evaluating(model), evaluating(nn.ModuleList([ratio.critic])):
        if moments is not None:
            moments.take(read)
        for draw in (draw for _ in range(samples) for draw in read()):
            one, other = ratio.logits(link.left, link.right, draw)
            found["left"].append(one)
            found["right"].append(other)
            if moments is None:
                found["exact"].append(torch.zeros_like(one))
            else:
                found["exact"].append(moments.log_prob(draw.z, draw) - draw.prior.log_prob(draw.z))
            if decodes:
                found["distortion"].append(-draw.likelihood.log_prob(draw.x))
    whole = {key: torch.cat(parts).double().cpu().view(samples, -1) for key, parts in found.items() if parts}
    return _Found(name, positions, whole["exact"], whole["left"], whole["right"], whole.get("distortion"))


def _bounds(found: Sequence[_Found]) -> dict[str, Tensor]:
    """By reading, of every example of the data, shape (N,)."""
    order = torch.cat([one.positions for one in found]).argsort()
    by_example: dict[str, Tensor] = {}
    for title, influence in (("NWJ", nwj), ("DV", donsker_varadhan)):
        values = torch.cat([(one.exact + influence(one.left, one.right)).mean(0) for one in found])[order]
        by_example[link_name(*_stops(found[0].link), title)] = values
        if all(one.distortion is not None for one in found):
            distortion = torch.cat([one.distortion.mean(0) for one in found if one.distortion is not None])[order]
            by_example[f"elbo_upper_{title.lower()}"] = -(distortion + values)
    return by_example


def _reading(name: str, values: Tensor) -> Reading:
    """A bound on the rate, or another link, from below; on the ELBO from above."""
    over, nwj = name.startswith("elbo"), name.endswith("nwj")
    side = "an UPPER bound on the ELBO, and no ELBO" if over else "a LOWER bound"
    estimator = f"{'NWJ' if nwj else 'DV'} of a fresh critic"
    if name.startswith(("elbo", "rate")):
        estimator += " beside a normal"
    bias = f"{side}: for new data, in expectation" if nwj else f"{side}, as samples grow: on few it overshoots"
    reading = reading_of(values, name, estimator=estimator, bias=bias)
    if not nwj:
        return reading
    end = float(values.mean()) + (1 if over else -1) * allowance(values)
    return replace(reading, upper=end) if over else replace(reading, lower=end)


def _said(name: str, found: Sequence[_Found], readings: dict[str, Reading], how: str) -> str:
    """What the critic says, whom it learnt from, and what follows."""
    left, right = (torch.cat([getattr(one, side).flatten() for one in found]) for side in ("left", "right"))
    terms = {"accuracy": float(accuracy(left, right).mean()), "cross_entropy": float(cross_entropy(left, right).mean())}
    bound = readings[link_name(*_stops(name), "NWJ")]
    sentence = (
        f"{how} reads the {name.replace('_', ' ')} at {bound.value:.2f} nats or more (NWJ; {bound.lower:.2f} with room "
        "for chance)"
    )
    if name == "rate":
        alone = float(torch.cat([one.exact.flatten() for one in found]).mean())
        sentence += f"; a normal of the posterior's moments alone reads {alone:.2f}"
        if "elbo_upper_nwj" in readings:
            sentence += f". So the ELBO for new data is at most {readings['elbo_upper_nwj'].upper:.2f}"
    sentence += (
        f". It calls {terms['accuracy']:.0%} of codes by their law, and cannot say how much it misses: more steps may "
        "raise the bound."
    )
    seen = separation(terms)
    return sentence if seen is None else f"{sentence} Beware: {seen}"


def _stops(name: str) -> tuple[str, str]:
    """The laws at either end of a link."""
    return next(stops for stops, title in LINK_NAMES.items() if title == name)
