"""Whether a training has learned its examples by heart: the ELBO on training and on held-out data, epoch by epoch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LOOKS = 5
"""Under so many looks at held-out data nothing is said."""
RISE = 0.02
"""Of what the held-out loss fell by: a rise from its least by more is worth a sentence."""
APART = 0.1
"""Of the same: the gap between training and held-out loss from which it is worth one."""
END = 3
"""Of how many looks in a row the median is taken: one alone is chance."""
NOISE = 4.0
"""How many times as large as its noise, or its error, a rise or a gap must be."""


@dataclass(frozen=True)
class _Losses:
    """What is minimised on both parts, nats, by look: shape (L,) each."""

    epochs: np.ndarray
    train: np.ndarray
    held_out: np.ndarray
    title: str
    sign: int


def diagnose_overfitting(
    metrics: Sequence[Mapping[str, Any]], held_out: str, stderr: float | None, waited: int = 0
) -> list[str]:
    """The sentence on a model that fits its training data far better than others, with its best epoch; or none.

    The rise of the held-out loss from its least, and how much wider the gap to the training loss has become, are told
    from their noise from look to look: a training loss is of one code an example, so it jumps more than a held-out one,
    whose noise stays. A gap that was always there is told from the error of the held-out data, too.

    Args:
        metrics: The lines of metrics.jsonl.
        held_out: The name of the held-out part.
        stderr: The standard error of the ELBO over held-out examples; None where it is not known.
        waited: How many looks early stopping has gone back by.

    Example:
        >>> def line(split, epoch, nats):
        ...     return {"split": split, "epoch": epoch, "terms": {"distortion": nats, "rate": 1.0}}
        >>> lines = [line("train", n, 90.0 - 10 * n) for n in range(9)]
        >>> lines += [line("test", n, 90.0 - 10 * min(n, 5) + 4 * max(n - 5, 0)) for n in range(9)]
        >>> print(*diagnose_overfitting(lines, "test", stderr=1.0))
        The model overfits: at the end its ELBO is -11.00 nats on train and -53.00 on test. There it was best ...
    """
    losses = _losses(metrics, held_out, waited)
    if losses is None or len(losses.epochs) < LOOKS:
        return []
    if not math.isfinite(losses.train[-1] + losses.held_out[-1]):
        return [
            f"It could not be judged whether the model overfits: its {losses.title} is no finite number at the end."
        ]
    sound = np.isfinite(losses.train) & np.isfinite(losses.held_out)
    if sound.sum() < LOOKS:
        return []
    epochs, train, other = losses.epochs[sound], losses.train[sound], losses.held_out[sound]
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(np.stack([train, other]), END, axis=1), axis=2)
    gaps = smooth[1] - smooth[0]
    least = int(np.argmin(smooth[1]))
    fallen, rise, widened = other[0] - smooth[1, least], smooth[1, -1] - smooth[1, least], gaps[-1] - gaps[least]
    noise, gap_noise = NOISE * _jitter(other), NOISE * _jitter(other - train)
    rises = rise > max(RISE * fallen, noise) and widened > max(rise / 2, gap_noise) and gaps[-1] > gap_noise
    apart = stderr is not None and gaps[-1] > max(APART * fallen, gap_noise, NOISE * stderr)
    if not (rises or apart):
        return []
    best = int(np.argmin(other))
    ends = [f"{losses.sign * value:.2f}" for value in (train[-1], other[-1], other[best])]
    return [
        f"The model overfits: at the end its {losses.title} is {ends[0]} nats on train and {ends[1]} on {held_out}. "
        f"There it was best in epoch {epochs[best]}, {ends[2]}. Stop early (data.validation, training.patience), train "
        "on more examples, or take a smaller network."
    ]


def _jitter(values: np.ndarray) -> float:
    """How far the later of these values, (L,), jump from one look to the next, beyond a steady fall or rise."""
    return float(np.median(np.abs(np.diff(values[len(values) // 2 :], n=2)))) / math.sqrt(3)


def _losses(metrics: Sequence[Mapping[str, Any]], held_out: str, waited: int) -> _Losses | None:
    """Minus the ELBO on both parts where both have it, else the distortion, at every look that both have."""
    first = next((line["player"] for line in metrics if "player" in line), None)
    terms: dict[str, dict[int, Mapping[str, Any]]] = {"train": {}, held_out: {}}
    for line in metrics:
        if line.get("player", first) == first and line.get("split") in terms:
            terms[line["split"]][line["epoch"]] = line.get("terms") or {}
    epochs = [epoch for epoch in terms[held_out] if epoch in terms["train"]]
    epochs = epochs[: len(epochs) - waited]
    looks = [terms[split][epoch] for split in terms for epoch in epochs]
    if not looks or not all("distortion" in look for look in looks):
        return None
    names = ("distortion", "rate") if all("rate" in look for look in looks) else ("distortion",)
    train, other = (
        np.array([sum(_number(terms[split][epoch][name]) for name in names) for epoch in epochs]) for split in terms
    )
    title, sign = ("ELBO", -1) if "rate" in names else ("distortion", 1)
    return _Losses(np.array(epochs), train, other, title, sign)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
