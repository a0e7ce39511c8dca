"""What a row of the table of readings is: a reading's name, title, symbol, meaning, unit, and what it can be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from termwise.errors import UnknownName

ElboTerm = Literal["distortion", "rate", "elbo", "mi", "marginal", "tc", "dw", "other"]
"""The terms of the ELBO that a reading may belong to: it has their colour wherever readings are shown."""

LOG_N: Final = "log N"
"""The most that a reading can be of N examples, where it grows with them."""


@dataclass(frozen=True)
class ReadingRow:
    """What a reading is called, stands for and is measured in, and what it can be.

    A reading that leaves its range by more than its error is withheld (`account/guard.py`).

    Attributes:
        name: Its key in an account; never changed once released.
        title: Its name for people; where left out, the name with spaces.
        symbol: How the mathematics writes it.
        meaning: What it says, in one line.
        term: The term of the ELBO that it belongs to, whose colour it has.
        unit: Its unit, of which a square is written "^2".
        short: Its name on a line of a training's progress; where left out, the name.
        population_of: The reading of the examples measured whose value for the population this is; "" for others.
        least: The least that it can be.
        most: The most that it can be: a number, or "log N" of N examples.
        at_most: The reading that it cannot exceed; "" for others.
        sum_of: The readings that it is a sum of, each with its sign, by name.
        rests_on: Other readings from whose estimates it is made, so that it is wrong where they are.

    Example:
        >>> ReadingRow("free_nats", meaning="what the rate may cost for nothing", term="rate", least=0.0).title
        'free nats'
        >>> from termwise.account import READINGS
        >>> row = READINGS["total_correlation"]
        >>> row.title, row.symbol, row.unit, row.short
        ('total correlation', 'KL(q(z) ‖ ∏_j q(z_j))', 'nats', 'TC')
    """

    name: str
    title: str = ""
    symbol: str = ""
    meaning: str = ""
    term: ElboTerm = "other"
    unit: str = "nats"
    short: str = ""
    population_of: str = ""
    least: float = -math.inf
    most: float | Literal["log N"] = math.inf
    at_most: str = ""
    sum_of: Mapping[str, int] = field(default_factory=dict)
    rests_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.term not in get_args(ElboTerm):
            raise UnknownName("term of the ELBO", self.term, get_args(ElboTerm))
        object.__setattr__(self, "title", self.title or self.name.replace("_", " "))
        object.__setattr__(self, "short", self.short or self.name)
