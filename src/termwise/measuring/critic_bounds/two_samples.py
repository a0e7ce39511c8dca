"""The density ratio of two laws of which there are samples alone, and their f-divergence, by critics.

A critic T is trained to tell p's samples from q's, so that T nears log p/q, on either half of both sets for the other;
so no sample is read by a critic that saw it. Of T on such samples

    plug-in   E_p[f(e^T) / e^T]                    the divergence where T is the log ratio: NEITHER bound
    lower     E_p f'(e^T) - E_q f*(f'(e^T))        <= D_f(p || q) in expectation, however poor T; of the KL it is NWJ
    NWJ, DV   as of `ratio_bounds`                 <= KL(p || q)

Errors are those of two means of samples that are independent, the critics being what they are.
"""

import math
import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from termwise.account.account import Account
from termwise.account.bracket import OUTSIDE
from termwise.account.reading import Reading
from termwise.errors import BadData, Refused
from termwise.models.randomness import own_randomness
from termwise.objectives import Cosine
from termwise.objectives.optimizers import OptimizerSettings, optimizer_for
from termwise.terms.adversarial.critic import Critic
from termwise.terms.adversarial.critic_loss import accuracy, cross_entropy, separation
from termwise.terms.adversarial.divergences import Divergence, Function, divergence_from
from termwise.values import Count, Seed, checked

LEAST = 20
"""Samples that there must be of either law."""
HIDDEN = (128, 128)
"""The widths of a critic's layers, where nothing is said."""
LEARNING_RATE = 2e-3
"""A critic's, at its first step; at its last it is a hundredth of that."""
LOOKS = 25
"""How often a critic is looked at while it learns: it is left as it was best on a fifth of what it learns from."""
IN_EXPECTATION = "a LOWER bound: in expectation, however poor the critic"
"""What is said of a bound that holds whatever T is."""
HEAVY = 0.2
"""The share of E_q e^T in one sample from which on its error is not to be believed."""


@dataclass(frozen=True, repr=False)
class LearntRatio:
    """The ratio p/q that critics have learnt, a function of points, with the divergence that it gives and its bounds.

    Attributes:
        account: Readings: NAME_by_critic, the plug-in of the divergence; kl_nwj and kl_dv, lower bounds of KL(p || q);
            and of another f than that of the KL NAME_lower, a lower bound of its divergence.
        critics: The networks, each trained on one half.
        shape: Of a point.

    Example:
        >>> p, q = torch.randn(400, 2) + 1, torch.randn(400, 2)
        >>> ratio = density_ratio(p, q, steps=200)
        >>> ratio(p[:3]).shape, bool(ratio.log_ratio(p).mean() > ratio.log_ratio(q).mean())
        (torch.Size([3]), True)
        >>> list(ratio.account)
        ['kl_by_critic', 'kl_nwj', 'kl_dv']
    """

    account: Account
    critics: tuple["_Standardised", ...]
    shape: torch.Size

    @property
    def divergence(self) -> Reading:
        """The divergence's plug-in, which is no bound."""
        return next(iter(self.account.values()))

    @property
    def lower(self) -> Reading:
        """The divergence's lower bound, in expectation."""
        readings = dict(self.account)
        return next((one for name, one in readings.items() if name.endswith("_lower")), readings["kl_nwj"])

    @torch.no_grad()
    def log_ratio(self, x: Any) -> Tensor:
        """log p/q at points x, shape (N, *shape): shape (N,), the mean of what the critics say."""
        points = _points("points", x)
        if points.shape[1] != self.shape.numel():
            raise Refused(f"Expected points of shape {tuple(self.shape)}; got {points.shape[1]} numbers each.")
        return torch.stack([critic(points) for critic in self.critics]).mean(0)

    def __call__(self, x: Any) -> Tensor:
        """p/q at points x, shape (N, *shape): shape (N,)."""
        return self.log_ratio(x).exp()

    def __repr__(self) -> str:
        return f"LearntRatio of points of shape {tuple(self.shape)}\n{self.account}"


@checked
def density_ratio(
    p: Any,
    q: Any,
    f: str | Divergence | Function = "kl",
    *,
    critic: Critic | None = None,
    steps: Count = 1000,
    batch_size: Count = 256,
    seed: Seed = 0,
) -> LearntRatio:
    """The density ratio p/q of two sets of samples, learnt by critics, with an f-divergence of p from q and its bounds.

    Args:
        p: Samples of one law, shape (N, D), or (N, *shape); an array, a tensor or a list.
        q: Samples of the other, shape (M, D); as many or not.
        f: Which divergence: "kl", "reverse-kl", "jensen-shannon", "pearson", "hellinger" and more (`DIVERGENCES`); a
            convex f with f(1) = 0 of your own; or one by name, "module:function".
        critic: Its layers; two of 128 where left out. Each half trains a copy.
        steps: How many moves a critic makes.
        batch_size: Samples of either law for each move.
        seed: Of the halves, the layers and the batches; the random state is left as it was.

    Returns:
        A function of points, `ratio(x)`, whose `account` has the readings, each with its error and its bias.

    Raises:
        BadData: Samples are too few, not finite, or of different sizes.
        Refused: f is none, or the critic is quadratic.

    Example:
        >>> p, q = torch.randn(500, 1) * 2, torch.randn(500, 1)
        >>> ratio = density_ratio(p, q, "hellinger", steps=300)
        >>> ratio.divergence.unit, ratio.lower.bias
        ('units', 'a LOWER bound: in expectation, however poor the critic')
    """
    divergence, template = divergence_from(f).loaded(), Critic(HIDDEN) if critic is None else critic
    if template.quadratic:
        raise Refused("A quadratic critic is for a standard normal prior on the right. Give one without: Critic().")
    sides = [_points(name, one) for name, one in (("p", p), ("q", q))]
    if sides[0].shape[1] != sides[1].shape[1]:
        raise BadData(
            f"Expected p and q of one size; got {sides[0].shape[1]} and {sides[1].shape[1]} numbers a sample."
        )
    for name, one in zip("pq", sides, strict=True):
        if len(one) < LEAST:
            raise BadData(f"Critics need {LEAST} samples of either law or more; got {len(one)} of {name}.")
    generator = torch.Generator().manual_seed(seed)
    halves = [torch.randperm(len(one), generator=generator).tensor_split(2) for one in sides]
    critics, outputs = [], []
    for fold in (0, 1):
        learn, read = ([one[half[at]] for one, half in zip(sides, halves, strict=True)] for at in (fold, 1 - fold))
        with own_randomness(seed + fold), torch.enable_grad():
            learnt = _trained(deepcopy(template), learn, steps, batch_size)
        critics.append(learnt)
        with torch.no_grad():
            outputs.append([learnt(part).double() for part in read])
    left, right = (torch.cat(parts) for parts in zip(*outputs, strict=True))
    return LearntRatio(_account(divergence, left, right), tuple(critics), torch.Size(np.shape(p)[1:] or (1,)))


class _Standardised:
    """A critic of points in units in which both sets together have mean 0 and standard deviation 1."""

    def __init__(self, critic: Critic, both: Tensor) -> None:
        self.critic, self.mean = critic, both.mean(0)
        spread = both.std(0)
        self.scale = torch.where(spread > 0, spread, torch.ones_like(spread))

    def inputs(self, x: Tensor) -> Tensor:
        """Points as the network sees them, float32."""
        return ((x - self.mean) / self.scale).float()

    def __call__(self, x: Tensor) -> Tensor:
        logits: Tensor = self.critic(self.inputs(x))
        return logits


def _trained(critic: Critic, learn: list[Tensor], steps: int, batch_size: int) -> _Standardised:
    """A critic trained on samples of both laws, as it was where it told best those that it was not trained on."""
    whole = _Standardised(critic, torch.cat(learn))
    critic.make_layers(learn[0].shape[1])
    inputs = [whole.inputs(one) for one in learn]
    watched, learn = [one[: len(one) // 5] for one in inputs], [one[len(one) // 5 :] for one in inputs]
    rate = Cosine(start=LEARNING_RATE, end=0.01 * LEARNING_RATE, steps=steps)
    move = optimizer_for(list(critic.parameters()), OptimizerSettings(learning_rate=LEARNING_RATE))
    least, best = math.inf, deepcopy(critic.state_dict())
    for step in range(steps):
        batch = torch.cat([one[torch.randint(len(one), (batch_size,))] for one in learn])
        loss = cross_entropy(*critic(batch).tensor_split(2)).mean()
        move.zero_grad()
        loss.backward()
        for group in move.param_groups:
            group["lr"] = rate(step)
        move.step()
        if step % max(1, steps // LOOKS) == 0 or step == steps - 1:
            with torch.no_grad():
                left, right = (critic(one) for one in watched)
            nothing = left.new_zeros(())
            found = float(cross_entropy(left, nothing).mean() + cross_entropy(nothing, right).mean())
            if found < least:
                least, best = found, deepcopy(critic.state_dict())
    critic.load_state_dict(best)
    return whole


def _account(f: Divergence, left: Tensor, right: Tensor) -> Account:
    """The readings of T at samples of p, shape (N,), and of q, shape (M,), that no critic saw."""
    name, kl = re.sub(r"[^a-z0-9]+", "_", f.name.lower()), divergence_from("kl")
    readings = [_reading(f"{name}_by_critic", f, f.value(left), None, "plug-in of critics", "plug-in: NEITHER bound")]
    if f.name != "kl":
        moved = f.pathwise(left), f.conjugate(right)
        readings.append(_reading(f"{name}_lower", f, *moved, "variational form at critics", IN_EXPECTATION))
    readings.append(_reading("kl_nwj", kl, left + 1, right.exp(), "NWJ of critics", IN_EXPECTATION))
    log_mean = float(right.logsumexp(0)) - math.log(len(right))
    sides = left + 1 - log_mean, (right - log_mean).exp()
    readings.append(
        _reading("kl_dv", kl, *sides, "DV of critics", "a LOWER bound, as samples grow: on few it overshoots")
    )
    return Account({one.name: one for one in readings}, tuple(_diagnosis(left, right)))


def _reading(name: str, f: Divergence, left: Tensor, right: Tensor | None, estimator: str, bias: str) -> Reading:
    """The mean over p less that over q, if any, of samples of either that are independent."""
    parts = [left] if right is None else [left, -right]
    value = sum(float(one.mean()) for one in parts)
    stderr = math.sqrt(sum(float(one.var()) / len(one) for one in parts))
    interval = [value - 1.96 * stderr, value + 1.96 * stderr]
    lower = value + float(ndtri(OUTSIDE)) * stderr if bias == IN_EXPECTATION else None
    return Reading(name, value, stderr, interval, lower, None, f.unit, estimator, bias, sum(map(len, parts)))


def _diagnosis(left: Tensor, right: Tensor) -> list[str]:
    """What is to be known before these readings are believed."""
    count = min(len(left), len(right))
    pairs = left[:count], right[:count]
    terms = {"accuracy": float(accuracy(*pairs).mean()), "cross_entropy": float(cross_entropy(*pairs).mean())}
    found = [f"The critics call {terms['accuracy']:.0%} of samples that they never saw by their law."]
    if (warning := separation(terms)) is not None:
        found.append(f"Beware: {warning}")
    if (share := float((right - right.logsumexp(0)).max().exp())) > HEAVY:
        found.append(
            f"One sample of q is {share:.0%} of E_q e^T, so that the errors of NWJ and DV are not to be believed: q "
            "hardly comes where p lies. Bring more samples of q, or swap the two."
        )
    return found


def _points(name: str, given: Any) -> Tensor:
    """Samples as rows of float64, shape (N, D).

    Raises:
        BadData: They are no numbers, or not finite.
    """
    try:
        points = torch.as_tensor(given if isinstance(given, Tensor) else np.asarray(given)).detach().cpu().double()
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadData(f"Expected {name} as an array or tensor of numbers, shape (N, D): {error!s:.200}") from None
    if not points.dim() or not points.numel():
        raise BadData(f"Expected {name} as samples, shape (N, D); got shape {tuple(points.shape)}.")
    if not bool(points.isfinite().all()):
        raise BadData(f"Expected numbers that are finite; {name} has such that are not. Leave those samples out.")
    return points.view(len(points), -1) if points.dim() < 3 else points.flatten(1)
