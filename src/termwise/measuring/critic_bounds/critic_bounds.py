"""Readings of a model's links by fresh critics: bounds that ask for samples alone, and so hold for any posterior.

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
from dataclasses import replace

import torch
from torch import Tensor, nn

from termwise.account.account import Account
from termwise.account.bracket import allowance
from termwise.account.reading import Reading, reading_of
from termwise.data.dataset import Dataset
from termwise.data.side import SideVariable
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.critic_bounds.critic_outputs import CriticOutputs, stops_of
from termwise.measuring.critic_bounds.diagnosis import diagnose
from termwise.measuring.critic_bounds.fixed_reference import FixedReference
from termwise.measuring.critic_bounds.train_critics import train_critics
from termwise.models.check_model import check_model
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.drawable import Drawable, generates, target_of
from termwise.models.randomness import own_randomness
from termwise.models.supports import NUMBERS, support_of
from termwise.objectives import Cosine, Objective, Weighted, solo
from termwise.objectives.optimizers import OptimizerSettings
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.ratio_bounds import donsker_varadhan, nwj
from termwise.terms.aggregate.memory import nothing_beside
from termwise.terms.link import Link
from termwise.terms.link_names import link_name
from termwise.values import Count, Samples, Seed, checked

READABLE = ("rate", "index_code_mi", "marginal_kl", "total_correlation", "side_information")
"""The links that a critic can be asked for."""
MOST = 8192
"""Examples that a critic is trained on, where there are more."""
LEARNING_RATE = 2e-3
"""A critic's, at its first step; at its last it is a hundredth of that."""
BATCH = 256
"""Examples of a step."""


@checked
def critic_readings(
    model: Drawable,
    data: Dataset,
    train: Dataset | None = None,
    *,
    links: Sequence[str] = ("rate",),
    steps: Count = 3000,
    samples: Samples = 4,
    seed: Seed = 0,
    batch_size: Count = 512,
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
        over the ELBO, where there is a decoder; marginal_nwj and the like for other links. `lower` and `upper` are
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
    passes = DataPass(model, data, batch_size, device)
    check_model(passes)
    if "rate" in links:
        _check_reference(passes)
    if "side_information" in links:
        if data.side is None:
            raise nothing_beside("Side information, by a critic,")
        train = None if train is None else _beside(data.side.variables, train)
    readings: dict[str, Reading] = {}
    values: dict[str, Tensor] = {}
    sentences = []
    folds = list(_folds(data, train, seed))
    for number, name in enumerate(links):
        outputs = []
        for fold, (others, positions) in enumerate(folds):
            if progress is not None:
                progress(f"critic of {name}".replace("_", " "), (number + fold / len(folds)) / len(links))
            read, learn = (DataPass(model, part, batch_size, device) for part in (data.subset(positions), others))
            outputs.append(_train_and_read(name, read, learn, positions, steps, samples, seed))
        bounds = _bounds(outputs)
        values |= bounds
        readings |= {key: _reading(key, bound) for key, bound in bounds.items()}
        sentences.append(diagnose(outputs, readings, steps, len(folds[0][0])))
    about = {"name": data.name, "n": len(data), "fingerprint": data.fingerprint()}
    return Account(readings, tuple(sentences), values, about)


def _beside(variables: Sequence[SideVariable], train: Dataset) -> Dataset | None:
    """Others to train on, beside which the same stands; None where it does not."""
    try:
        return train.with_known_side(variables)
    except UnknownName:
        return None


def _check_reference(batches: DataPass) -> None:
    """Raise Refused where codes are no numbers, and so have no density beside a normal's."""
    support = support_of(next(iter(batches())).posterior)
    if support is not None and support.space != NUMBERS:
        raise Refused(
            f"A critic reads the rate beside a normal law, and these codes are {support.in_words}. Leave the critic "
            "out: this posterior has a mass function or a density of its own."
        )


def _folds(data: Dataset, train: Dataset | None, seed: int) -> Iterator[tuple[Dataset, Tensor]]:
    """What to train a critic on, and the positions of the examples that it is then read on."""
    generator = torch.Generator().manual_seed(seed)
    if train is not None:
        yield train.subset(torch.randperm(len(train), generator=generator)[:MOST]), torch.arange(len(data))
        return
    halves = torch.randperm(len(data), generator=generator).tensor_split(2)
    for others, positions in (halves, halves[::-1]):
        yield data.subset(others[:MOST]), positions


def _train_and_read(
    name: str, read: DataPass, learn: DataPass, positions: Tensor, steps: Count, samples: Samples, seed: Seed
) -> CriticOutputs:
    """The outputs, on the examples of `read`, of a critic trained on those of `learn`."""
    model, device = read.model, read.device
    reference = FixedReference() if name == "rate" else None
    with own_randomness(seed), evaluating(model):
        if reference is not None:
            reference.take(learn)
            ratio: DensityRatio = AdaptiveContrast(reference)
            link = Link("posterior", reference, ratio)
        else:
            ratio = DensityRatio("kl")
            link = Link(*stops_of(name), ratio)
    rate = Cosine(start=LEARNING_RATE, end=0.01 * LEARNING_RATE, steps=steps)
    settings = OptimizerSettings(learning_rate=rate)
    game = solo(Objective((Weighted(link),)))
    train_critics(game, model, learn.data, steps=steps, batch_size=BATCH, optimizer=settings, seed=seed, device=device)
    decodes = reference is not None and generates(model) and target_of(model) is None
    by_batch: dict[str, list[Tensor]] = {"left": [], "right": [], "exact": [], "distortion": []}
    with own_randomness(seed + 1), evaluating(model), evaluating(nn.ModuleList([ratio.critic])):
        if reference is not None:
            reference.take(read)
        for draw in (draw for _ in range(samples) for draw in read()):
            one, other = ratio.logits(link.left, link.right, draw)
            by_batch["left"].append(one)
            by_batch["right"].append(other)
            if reference is None:
                by_batch["exact"].append(torch.zeros_like(one))
            else:
                by_batch["exact"].append(reference.log_prob(draw.z, draw) - draw.prior.log_prob(draw.z))
            if decodes:
                by_batch["distortion"].append(-draw.likelihood.log_prob(draw.x))
    whole = {key: torch.cat(parts).cpu().double().view(samples, -1) for key, parts in by_batch.items() if parts}
    return CriticOutputs(name, positions, whole["exact"], whole["left"], whole["right"], whole.get("distortion"))


def _bounds(outputs: Sequence[CriticOutputs]) -> dict[str, Tensor]:
    """The bounds by reading, of every example of the data, shape (N,)."""
    order = torch.cat([one.positions for one in outputs]).argsort()
    by_example: dict[str, Tensor] = {}
    for title, influence in (("NWJ", nwj), ("DV", donsker_varadhan)):
        values = torch.cat([(one.exact + influence(one.left, one.right)).mean(0) for one in outputs])[order]
        by_example[link_name(*stops_of(outputs[0].link), title)] = values
        if all(one.distortion is not None for one in outputs):
            distortion = torch.cat([one.distortion.mean(0) for one in outputs if one.distortion is not None])[order]
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
