"""What accounts of one training say together: since when a fault stands, and what is on its way to one.

Every sentence is of numbers that were read, with their errors:

    a fault of an account   since the first of an unbroken row of accounts that all have it
    a collapse on its way   the rate is at most half of what it was before an unbroken row of two falls or more, and as
                            much again in proportion leaves it under `COLLAPSED_WHOLE`; a rise is one where it is more
                            than `NOISE` standard errors of the difference, and the row begins at the last reading
                            within `SURE` of the highest
    a dimension's collapse  it was over `COLLAPSED` by `NOISE` standard errors, and is as far under it
"""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from operator import index
from typing import Any

from termwise.account.account import Account
from termwise.account.judging import listed
from termwise.errors import Refused, in_short
from termwise.measuring.elbo.faults import COLLAPSED, COLLAPSED_WHOLE, WHETHER_COLLAPSED

NOISE, SURE = 2.0, 4.0
"""Standard errors: what may be chance, and what is none."""
LONGEST = 256
"""So many accounts are remembered at the most, the newest."""
CHIEF = (
    "distortion",
    "rate",
    "elbo",
    "index_code_mi",
    "marginal_kl",
    "total_correlation",
    "dimension_wise_kl",
    "population_mi",
    "active_units",
)
"""The readings of an account that are remembered."""


class StepNotAfter(UserWarning):
    """An account is of a step that is not after the last one's, and is not remembered."""


@dataclass(frozen=True)
class Moment:
    """What an account read at a step.

    Attributes:
        step: When.
        n: Of how many examples.
        readings: The chief readings by name, each its value and its standard error, if it has one.
    """

    step: int
    n: int
    readings: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Level:
    """A number that was read at a step, with its standard error.

    Attributes:
        step: When.
        value: The number, nats.
        stderr: Its standard error.
    """

    step: int
    value: float
    stderr: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ± {self.stderr:.1g}"

    def over(self, other: "Level") -> float:
        """How many standard errors of the difference it is higher than another reading; of other codes, as if."""
        error = math.hypot(self.stderr, other.stderr)
        gap = self.value - other.value
        return gap / error if error else math.copysign(math.inf, gap) if gap else 0.0


@dataclass
class Fall:
    """An unbroken row of readings of which none is surely higher than the one before it.

    Attributes:
        peak: The highest of them.
        start: The last that may be as high.
        now: The newest.
        count: How many came after `start`.
    """

    peak: Level
    start: Level
    now: Level
    count: int = 0

    def add(self, new: Level) -> None:
        """Take in the next reading."""
        if new.over(self.now) > NOISE:
            self.peak = self.start = new
            self.count = 0
        elif self.peak.over(new) <= SURE:
            self.peak = max(self.peak, new, key=lambda of: of.value)
            self.start, self.count = new, 0
        else:
            self.count += 1
        self.now = new

    @property
    def to_collapse(self) -> bool:
        """Whether the value is halved, and as much again leaves it under `COLLAPSED_WHOLE`, where it is not yet."""
        now, start = self.now.value, self.start.value
        return self.count > 1 and COLLAPSED_WHOLE <= now <= start / 2 and now**2 / start < COLLAPSED_WHOLE


@dataclass(frozen=True)
class Standing:
    """A fault that the newest account has.

    Attributes:
        first: The step of the first of an unbroken row of accounts that have it.
        count: How many these are.
        before: The rate in the account before them; None where they are all that there are.
    """

    first: int
    count: int
    before: Level | None

    def __str__(self) -> str:
        if self.count == 1:
            return "" if self.before is None else f" It was not so at step {self.before.step:,}."
        until = "" if self.before is None else f", and not at step {self.before.step:,}"
        return f" So at every reading since step {self.first:,}, {self.count} of them{until}."


@dataclass
class History:
    """The accounts of one training, step by step.

    Attributes:
        moments: What the newest of them read.
    """

    moments: list[Moment] = field(default_factory=list)
    _standing: dict[str, Standing] = field(default_factory=dict)
    _last: Level | None = None
    _fall: Fall | None = None
    _carried: dict[int, Level] = field(default_factory=dict)
    _warned: bool = field(default=False, compare=False)

    def warn_of(self, step: int) -> None:
        """Warn, once, where an account of this step will not be remembered."""
        if self._last is None or step > self._last.step or self._warned:
            return
        self._warned = True
        warnings.warn(
            f"Meter.compute: step {step:,} is not after {self._last.step:,}: not remembered. Count steps over all "
            "epochs, or begin with a new Meter.",
            StepNotAfter,
            stacklevel=3,
        )

    def add(self, step: int, account: Account, faults: Mapping[str, str]) -> tuple[str, ...]:
        """Remember an account, and give its diagnosis with what those before it tell.

        Args:
            step: When it was read; one of a step that has been, or of one before it, is not remembered.
            account: The readings and their diagnosis.
            faults: What each of the diagnosis's sentences on a fault answers.
        """
        rate = account.overall.get("rate")
        if rate is None or (self._last is not None and step <= self._last.step):
            return account.diagnosis
        new = Level(step, rate.value, rate.stderr or 0.0)
        self.moments = [*self.moments, _moment(step, account)][-LONGEST:]
        self._stand(faults.values(), step)
        self._last = new
        if self._fall is None:
            self._fall = Fall(new, new, new)
        else:
            self._fall.add(new)
        whole = self._standing.get(WHETHER_COLLAPSED)
        said = [f"{one}{self._standing[faults[one]]}" if one in faults else one for one in account.diagnosis]
        if whole is not None:
            return (*_from(whole.before, new), *said)
        return (*self._falling(), *self._dimensions(step, account), *said)

    def _stand(self, asked: Iterable[str], step: int) -> None:
        """Which faults stand now, and since when."""
        new = Standing(step, 0, self._last)
        had = {of: self._standing.get(of, new) for of in asked}
        self._standing = {of: replace(one, count=one.count + 1) for of, one in had.items()}

    def _falling(self) -> Iterator[str]:
        assert self._fall is not None
        fall = self._fall
        if fall.to_collapse:
            yield (
                f"The posterior is collapsing since step {fall.start.step:,}: the rate has fallen since, from "
                f"{fall.start} to {fall.now} nats, over {fall.count} readings of which none rose. As much again in "
                f"proportion leaves {fall.now.value**2 / fall.start.value:.2g}, and under {COLLAPSED_WHOLE} nats it "
                "has collapsed. Lower the weight of the rate, or warm it up more slowly."
            )

    def _dimensions(self, step: int, account: Account) -> Iterator[str]:
        by_dimension = account.by_dimension.get("rate_by_dimension")
        if by_dimension is None or by_dimension.stderr is None:
            return
        levels = [Level(step, *pair) for pair in zip(by_dimension.value, by_dimension.stderr, strict=True)]
        self._carried |= {j: one for j, one in enumerate(levels) if one.value - NOISE * one.stderr > COLLAPSED}
        names = account.data.get("dimensions", range(len(levels)))
        gone = [
            f"{names[j]} ({self._carried[j]} nats at step {self._carried[j].step:,})"
            for j, one in enumerate(levels)
            if one.value + NOISE * one.stderr < COLLAPSED and j in self._carried
        ]
        if gone:
            shown = [*gone[:4], f"{len(gone) - 4} more"] if len(gone) > 5 else gone
            yield f"Dimensions that carried something, and are under {COLLAPSED} nats now: {listed(shown, 'and')}."

    def state_dict(self) -> dict[str, Any]:
        """All that is remembered, as plain numbers."""
        return {
            "moments": [asdict(one) for one in self.moments],
            "standing": {asked: asdict(one) for asked, one in self._standing.items()},
            "last": None if self._last is None else asdict(self._last),
            "fall": None if self._fall is None else asdict(self._fall),
            "carried": {j: asdict(one) for j, one in self._carried.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "History":
        """The history whose `state_dict` this is."""
        fall, last = state["fall"], state["last"]
        levels = {} if fall is None else {name: Level(**fall[name]) for name in ("peak", "start", "now")}
        before = {asked: one["before"] for asked, one in state["standing"].items()}
        return cls(
            [Moment(**one) for one in state["moments"]],
            {
                asked: Standing(one["first"], one["count"], None if before[asked] is None else Level(**before[asked]))
                for asked, one in state["standing"].items()
            },
            None if last is None else Level(**last),
            None if fall is None else Fall(**levels, count=fall["count"]),
            {j: Level(**one) for j, one in state["carried"].items()},
        )


def whole_step(step: Any) -> int:
    """A step that somebody gave, as a number; a tensor of one whole number is taken.

    Raises:
        Refused: It is none.

    Example:
        >>> import torch
        >>> whole_step(5), whole_step(torch.tensor(7))
        (5, 7)
    """
    try:
        number = -1 if isinstance(step, bool) else index(step)
    except TypeError:
        number = -1
    if number < 0:
        raise Refused(f"Expected step as a whole number, such as the count of steps; got {in_short(step)}.")
    return number


def _moment(step: int, account: Account) -> Moment:
    chief = {name: account.overall[name] for name in CHIEF if name in account.overall}
    n = int(account.data.get("n", 0))
    return Moment(step, n, {name: (one.value, one.stderr) for name, one in chief.items()})


def _from(before: Level | None, now: Level) -> Iterator[str]:
    """Between which readings the posterior collapsed, where it had not before."""
    if before is not None:
        yield (
            f"The posterior collapsed after step {before.step:,}, when the rate was {before} nats; it is {now} at step "
            f"{now.step:,}."
        )
