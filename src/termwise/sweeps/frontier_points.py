"""The points of a frontier: a setting each, the mean of its runs, with the error between their seeds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from os import PathLike
from pathlib import Path
from typing import Any

from termwise.account import Account, Reading
from termwise.account.compare import told_apart
from termwise.account.frontier import FrontierPoint
from termwise.content import exists
from termwise.sweeps.replicas import over_seeds
from termwise.sweeps.settings import in_words, short_keys
from termwise.sweeps.sweep_folder import SweepFolder


@dataclass(frozen=True)
class RunOfPoint:
    """A run that is part of a point: what it is called, its setting, and its account; without a setting it is alone."""

    name: str
    setting: Mapping[str, Any] | None
    account: Account


def runs_of_sweep(path: str | PathLike[str]) -> tuple[list[RunOfPoint], dict[str, str]]:
    """The finished runs of a sweep's folder, by its record; and the others by name, each with its reason."""
    folder = SweepFolder(path)
    found, left_out = list[RunOfPoint](), dict[str, str]()
    for row in folder.record().runs:
        run, name = folder.run(row), Path(row.folder).name
        if row.state == "finished" and exists(run.account_file):
            found.append(RunOfPoint(name, row.settings, Account.load(run.account_file)))
        else:
            left_out[name] = f"it is {row.state}{f', {row.reason}' if row.reason else ''}"
    return found, left_out


def frontier_points(runs: Sequence[RunOfPoint]) -> tuple[FrontierPoint, ...]:
    """A point for each setting, by rate."""
    groups: dict[str, list[RunOfPoint]] = {}
    for place, run in enumerate(runs):
        own = place if run.setting is None else dict(run.setting)
        groups.setdefault(json.dumps(own, sort_keys=True, default=str), []).append(run)
    settings = [some[0].setting or {} for some in groups.values()]
    keys = [key for key in dict.fromkeys(key for one in settings for key in one) if _varies(key, settings)]
    short = short_keys(keys)
    words = [in_words({key: one[key] for key in keys if key in one}, short) for one in settings]
    names = told_apart([name or some[0].name for name, some in zip(words, groups.values(), strict=True)])
    points = [
        FrontierPoint(name, some[0].setting or {}, len(some), pooled_account([run.account for run in some]))
        for name, some in zip(names, groups.values(), strict=True)
    ]
    return tuple(sorted(points, key=lambda point: getattr(point.account.overall.get("rate"), "value", inf)))


def _varies(key: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a key tells settings apart; of one setting alone every key does."""
    return len({json.dumps(one.get(key), default=str) for one in settings}) > 1 or len(settings) == 1


def pooled_account(accounts: Sequence[Account]) -> Account:
    """The mean of accounts of trainings that differ in their seed alone, with the error between these.

    Of the readings of one number that all have; values by example are left out. One account is itself.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> def of(rate):
        ...     one = reading_without_error("rate", rate, estimator="closed form", bias="exact for every x", n=100)
        ...     return Account({"rate": one})
        >>> print(pooled_account([of(2.0), of(4.0)])["rate"])
        rate = 3.000 ± 1.000 nats (closed form, mean of 2 seeds; exact for every x)
    """
    if len(accounts) == 1:
        return accounts[0]
    overall = [account.overall for account in accounts]
    shared = [name for name in overall[0] if all(name in other for other in overall)]
    return Account({name: _mean([one[name] for one in overall]) for name in shared}, data=dict(accounts[0].data))


def _mean(readings: Sequence[Reading]) -> Reading:
    one, mean = readings[0], over_seeds([reading.value for reading in readings])
    return Reading(
        name=one.name,
        value=mean.value,
        stderr=mean.stderr,
        interval=None if mean.interval is None else list(mean.interval),
        lower=None,
        upper=None,
        unit=one.unit,
        estimator=f"{one.estimator}, mean of {len(readings)} seeds",
        bias=one.bias,
        n=one.n,
    )
