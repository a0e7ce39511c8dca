"""How much each key of a sweep has to say in a reading: shares of its variance over runs.

Of a grid the variance is taken apart by least squares (type II sums of squares, of keys as categories):

    SS(key)      = RSS(all other keys) - RSS(all keys)      what a key alone explains
    SS(together) = RSS(all keys) - RSS(every setting)       what keys explain only together
    SS(seeds)    = RSS(every setting)                       what the seeds of one setting differ by

In a whole grid they sum to the total. Chance gives each key some: df(key) SS(seeds) / df(seeds) in expectation, which
is taken off where there are seeds (omega squared; Hays, 1963), so that a key that does nothing has about 0.

Of a search, whose settings are scattered, the shares are those of a random forest's variance over the space that was
drawn from, by Optuna (fANOVA; Hutter et al., 2014).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from termwise.sweeps.quiet_optuna import quiet_optuna
from termwise.sweeps.settings import Setting, value_in_words

TOGETHER, SEEDS = "together", "seeds"
"""What no key explains alone: keys together, and the seeds of one setting."""

LEAST_RUNS = 3
"""Fewer say nothing."""


@dataclass(frozen=True)
class Importance:
    """Shares of a reading's variance over runs, by key.

    Attributes:
        shares: By key, and "together" and "seeds" of a grid; below 0 never.
        how: How they were had, in words.

    Example:
        >>> Importance({"objective.beta": 0.9, "seeds": 0.1}, "by hand").shares["seeds"]
        0.1
    """

    shares: Mapping[str, float]
    how: str


def shares_of_variance(keys: Sequence[str], settings: Sequence[Setting], values: Sequence[float]) -> Importance | None:
    """The shares of a grid's keys; None where there are too few runs, or all have one value.

    Args:
        keys: The keys that vary.
        settings: One for each run.
        values: The reading of each run.

    Example:
        >>> settings = [{"a": a, "b": b} for a in (0, 1) for b in (0, 1)]
        >>> shares_of_variance(["a", "b"], settings, [0.0, 1.0, 4.0, 5.0]).shares["a"]
        0.941...
    """
    y = np.asarray(values, dtype=float)
    total = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    if len(y) < LEAST_RUNS or total <= 1e-24 * float((y**2).sum()):
        return None
    columns = {key: _indicators([value_in_words(one[key]) for one in settings]) for key in keys}
    cells = _indicators([str([value_in_words(one[key]) for key in keys]) for one in settings])
    additive = _residual(list(columns.values()), y)
    within = _residual([cells], y)
    free = len(y) - 1 - cells.shape[1]
    noise = within / free if free > 0 else 0.0
    shares = {}
    for key in keys:
        explained = _residual([columns[other] for other in keys if other != key], y) - additive
        shares[key] = explained - columns[key].shape[1] * noise
    together = cells.shape[1] - sum(column.shape[1] for column in columns.values())
    shares[TOGETHER] = additive - within - max(together, 0) * noise
    shares[SEEDS] = within
    how = "shares of the variance over runs, by least squares" + (", less what chance gives a key" if free > 0 else "")
    return Importance({key: max(0.0, share / (total + noise)) for key, share in shares.items()}, how)


def _indicators(values: Sequence[str]) -> "np.ndarray[Any, Any]":
    """A column for each value but the first, 1 where it is the run's, shape (runs, values - 1)."""
    levels = list(dict.fromkeys(values))[1:]
    return np.array([[float(value == level) for level in levels] for value in values]).reshape(len(values), len(levels))


def _residual(columns: "Sequence[np.ndarray[Any, Any]]", y: "np.ndarray[Any, Any]") -> float:
    """The sum of squares that least squares leave, with a constant."""
    design = np.column_stack([np.ones(len(y)), *columns])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - fitted) ** 2).sum())


def importance_by_optuna(
    keys: Sequence[str], settings: Sequence[Setting], values: Sequence[float]
) -> Importance | None:
    """The shares of a search's keys, by Optuna; None where it cannot say, or is not installed.

    Args:
        keys: The keys that vary.
        settings: One for each setting that has finished.
        values: The mean of the reading over its seeds.
    """
    try:
        import optuna
    except ImportError:
        return None
    if len(values) < LEAST_RUNS or len(set(values)) < 2:
        return None
    with quiet_optuna():
        study = optuna.create_study(direction="maximize", storage=optuna.storages.InMemoryStorage())
    spaces = {key: _space([one[key] for one in settings]) for key in keys}
    spaces = {key: space for key, space in spaces.items() if space is not None}
    for setting, value in zip(settings, values, strict=True):
        params = {key: _param(setting[key], space) for key, space in spaces.items()}
        study.add_trial(optuna.trial.create_trial(value=value, params=params, distributions=dict(spaces)))
    try:
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0), target=lambda trial: trial.value
        )
    except (ValueError, RuntimeError):  # of too few settings
        return None
    return Importance({key: float(found.get(key, 0.0)) for key in keys}, "Optuna's fANOVA, over settings")


def _space(values: Sequence[Any]) -> Any:
    """The distribution that values are of, as far as they go; None where all are one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if len({value_in_words(value) for value in values}) < 2:
        return None
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return FloatDistribution(float(min(values)), float(max(values)))
    return CategoricalDistribution(list(dict.fromkeys(value_in_words(value) for value in values)))


def _param(value: Any, space: Any) -> Any:
    from optuna.distributions import CategoricalDistribution

    return value_in_words(value) if isinstance(space, CategoricalDistribution) else float(value)
