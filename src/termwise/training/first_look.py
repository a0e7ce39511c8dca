"""What a model makes of its data before it has learned anything: whether training can begin from there at all.

An encoder's first layer gives numbers of the size of x, and a log variance of some hundreds has no standard deviation
in float32: of x in the thousands the first rate is infinite, whatever the learning rate is.
"""

import torch
from torch import nn

from termwise.data.dataset import Dataset
from termwise.data.examples import spread
from termwise.data.missing import check_whole
from termwise.data.scales import Scales, scales_of
from termwise.errors import BadData, NotFinite, Refused
from termwise.models.data_pass import DataPass, evaluating
from termwise.models.draw import Draw
from termwise.models.finite import broken_examples
from termwise.models.normal_density import normal_parameters
from termwise.models.randomness import own_randomness
from termwise.models.vae import VAE
from termwise.objectives.game import Game
from termwise.terms.class_cross_entropy import ClassCrossEntropy
from termwise.terms.closed_form import ClosedForm, has_closed_form
from termwise.terms.link import Distortion, Link, Term, by_example

LARGE = 30.0
"""The largest absolute value of x from which its scale may be at fault."""

FAR = 30.0
"""Standard deviations of the training part from which on an example is unlike it."""

MOST_NAMED = 100
"""How many columns a message names."""

ENDLESS = 1e16
"""Nats of an example from which float32 cannot lead back: its square has hardly a number."""

PAIRED = 0.1
"""The share of a batch's examples that must have another beside which the same stands, for these to be compared."""

PAIRING = ("kernel", "monte-carlo")
"""Estimators that compare such examples of a batch."""

_LOOKED_AT = 1024


def check_scale(passes: DataPass) -> None:
    """Raise BadData where x is large, and what the model makes of it as it begins is not finite or without measure.

    Args:
        passes: The training part through the model.
    """
    if scale_at_fault(passes, _LOOKED_AT):
        some = passes.data.subset(spread(len(passes.data), _LOOKED_AT))
        looks = DataPass(passes.model, some, device=passes.device, dtype=passes.dtype)
        if not _begins(looks):
            raise BadData(f"{passes.data.name} cannot be trained on at this scale: {scale_at_fault(passes)}")


def scale_at_fault(passes: DataPass, most: int | None = None) -> str:
    """Sentences on the scale of x, with what mends it, where it is large and the model has no scaler; else nothing.

    Args:
        passes: The training part through the model.
        most: At most so many examples of it are looked at.
    """
    data, model = passes.data, passes.model
    if getattr(model, "scaler", None) is not None:
        return ""
    scales = scales_of(data, most)
    if float(scales.magnitude.max()) < LARGE:
        return ""
    return (
        f"{_said(data, scales)}, and networks begin with numbers near 1. Let the model standardise x, and undo it in "
        "all that it makes: standardize=true (of the configuration's data, so --set data.standardize=true; in Python "
        f"load_data(..., standardize=True)){_also(data, scales)}."
    )


def far_off(model: nn.Module, data: Dataset) -> str:
    """Sentences on the columns in which examples lie far from those that a model's scaler is of; else nothing.

    A column that hardly varies in training has a small deviation, and the one example that differs is many away.

    Args:
        model: The model; without a scaler, or of examples that are no vectors, there is nothing to say.
        data: The examples, such as the test part.
    """
    scaler = getattr(model, "scaler", None)
    if scaler is None or len(data.shape) > 1:
        return ""
    scales = scales_of(data)
    mean, stddev = scaler.mean.cpu().double(), scaler.scale.cpu().double()
    far = torch.maximum((scales.maximum - mean).abs(), (scales.minimum - mean).abs()) / stddev
    order = [int(one) for one in far.argsort(descending=True) if far[one] > FAR]
    if not order:
        return ""
    names = [data.columns[one].source if data.columns else str(one) for one in order]
    more = f" So with {len(names) - 1} more." if len(names) > 1 else ""
    return (
        f"Column {names[0]!r} lies up to {float(far[order[0]]):,.0f} standard deviations from its mean in training, "
        f"where it hardly varies.{more} Leave out such columns: --set data.drop={','.join(names[:MOST_NAMED])}"
        f"{', ...' if len(names) > MOST_NAMED else ''}; or, of pixels, load them divided by 255, as an array."
    )


def _said(data: Dataset, scales: Scales) -> str:
    """How large x is, and in which column."""
    which = int(scales.magnitude.argmax())
    where = (
        f"column {data.columns[which].name!r}" if data.columns else "x" if len(data.shape) > 1 else f"column {which}"
    )
    return f"{where} has numbers from {float(scales.minimum[which]):,.6g} to {float(scales.maximum[which]):,.6g}"


def _also(data: Dataset, scales: Scales) -> str:
    pixels = len(data.shape) > 1 and float(scales.minimum.min()) >= 0 and float(scales.maximum.max()) <= 255
    return ", or divide pixels by 255" if pixels else ""


def _begins(looks: DataPass) -> bool:
    """Whether distortion and rate are finite, and have a size, of every example that is looked at."""
    with own_randomness(0), evaluating(looks.model):
        try:
            return all(_has_measure(draw) for draw in looks())
        except NotFinite:
            return False


def _has_measure(draw: Draw) -> bool:
    terms: list[Term] = [Distortion()]
    if has_closed_form(draw.posterior, draw.prior):
        terms.append(Link("posterior", "prior", ClosedForm()))
    if not bool(draw.z.isfinite().all()) or broken_examples(draw.likelihood):
        return False
    normal = normal_parameters(draw.posterior)
    if normal is not None and not bool(((variance := normal[1].square()).isfinite() & (variance > 0)).all()):
        return False
    return all(bool((by_example(term(draw)).abs() < ENDLESS).all()) for term in terms)


def check_links(passes: DataPass, game: Game) -> None:
    """Raise Refused where a term of the game has no meaning, or no gradient, under the model's laws.

    A term that shows x to a network beside decoded examples says so, by `of_whole_examples`: BadData, where x has gaps.

    Args:
        passes: The training part through the model.
        game: Who trains it.
    """
    with own_randomness(0), evaluating(passes.model):
        draw = passes.at(torch.arange(1))
        for term in (part.term for player in game.players for part in player.objective.parts):
            if isinstance(term, Link | ClassCrossEntropy):
                term.check(draw)
            if getattr(term, "of_whole_examples", False):
                check_whole(passes.data, term.name.replace("_", " ").capitalize())


class FewPairs(UserWarning):
    """Examples of a batch hardly ever have the same beside them, so that a term that compares them learns nothing."""


def diagnose_pairs(passes: DataPass, game: Game, batch_size: int) -> list[str]:
    """A sentence on each term that looks, in a batch, for examples beside which the same stands, and finds hardly any.

    Of B out of N examples, n_s of which have s, the share sum_s n_s/N [1 - (1 - (n_s - 1)/(N - 1))^(B - 1)] is to be
    expected to have another of their group at hand.

    Args:
        passes: The training part through the model.
        game: Who trains it.
        batch_size: Examples a step.
    """
    terms = [part.term for player in game.players for part in player.objective.parts]
    within = [one for one in terms if isinstance(one, Link) and _within_a_batch(one)]
    groups = passes.at(torch.arange(1)).groups if within else None
    if groups is None:
        return []
    sizes = groups.cpu().bincount().double()
    sizes, whole = sizes[sizes > 0], len(groups)
    alone = (1 - (sizes - 1) / max(whole - 1, 1)) ** (batch_size - 1)
    paired = float((sizes / whole * (1 - alone)).sum())
    if paired >= PAIRED:
        return []
    return [
        f"{one.name.replace('_', ' ').capitalize()} compares examples of a batch beside which the same stands, and of "
        f"{batch_size} hardly {paired:.1%} have another such: {len(sizes):,} groups of {whole:,} examples, of all "
        "variables jointly. Name fewer of them (--side), make them coarser, or raise batch_size."
        for one in within
    ]


def _within_a_batch(link: Link) -> bool:
    """Whether q(z|s) is of what a batch has of s alone."""
    alone = link.memory is None or link.memory.name.startswith("minibatch")
    return "conditional" in (link.left.name, link.right.name) and alone and link.estimator.name in PAIRING


def check_batches(passes: DataPass, batch_size: int) -> None:
    """Raise Refused where networks that normalise over a batch cannot do so for batches of this size.

    Args:
        passes: The training part through the model.
        batch_size: Examples a step.
    """
    model = passes.model
    assert isinstance(model, VAE)
    if not any(isinstance(part, nn.modules.batchnorm._NormBase) for part in model.modules()):
        return
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    modes = {part: part.training for part in model.modules()}
    try:
        with own_randomness(0), torch.no_grad():
            draw = passes.at(torch.arange(batch_size))
            model.train()
            assert draw.again(inferred=False).likelihood
    except ValueError as error:
        raise Refused(
            f"The networks cannot be trained on batches of {batch_size}: they normalise over a batch, and {error}. Set "
            "training.batch_size to 2 or more, or take a network without batch normalisation."
        ) from None
    finally:
        model.load_state_dict(kept)
        for part, training in modes.items():
            part.training = training
