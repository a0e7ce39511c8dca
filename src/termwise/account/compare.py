"""Accounts side by side, term by term, with the difference in standard errors.

Where two accounts are of the same examples their values are paired, so that what is easy or hard in an example falls
out of the difference: se(d) = sd(a_i - b_i) / sqrt(N). Else se(d)^2 = se(a)^2 + se(b)^2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from termwise.account.account import Account
from termwise.errors import Refused


@dataclass(frozen=True)
class Comparison:
    """One reading in several accounts.

    Attributes:
        name: The reading.
        unit: Its unit.
        values: One by account; None where an account lacks it.
        stderrs: Likewise.
        difference: The second less the first; None unless two accounts are compared.
        difference_stderr: Its standard error.
        z: The difference in standard errors.
        paired: Whether the standard error is over pairs.

    Example:
        >>> import torch
        >>> from termwise.account import Account
        >>> from termwise.account.reading import reading_of
        >>> def rates(*nats):
        ...     values = torch.tensor(nats)
        ...     reading = reading_of(values, "rate", estimator="by hand", bias="unbiased")
        ...     return Account({"rate": reading}, per_example={"rate": values}, data={"fingerprint": "the same"})
        >>> (row,) = compare([rates(1.0, 5.0, 9.0), rates(2.0, 6.0, 10.5)])
        >>> row.paired, round(row.difference, 2), round(row.difference_stderr, 2)  # far less than that of either
        (True, 1.17, 0.17)
    """

    name: str
    unit: str
    values: tuple[float | None, ...]
    stderrs: tuple[float | None, ...]
    difference: float | None = None
    difference_stderr: float | None = None
    z: float | None = None
    paired: bool = False


def compare(accounts: Sequence[Account]) -> list[Comparison]:
    """Every reading of one number that any account has; differences where there are two.

    Example:
        >>> compare([Account({})])
        Traceback (most recent call last):
        termwise.errors.Refused: A comparison needs two accounts or more; got 1.
    """
    if len(accounts) < 2:
        raise Refused(f"A comparison needs two accounts or more; got {len(accounts)}.")
    return [
        _compared(name, accounts) for name in dict.fromkeys(name for account in accounts for name in account.overall)
    ]


def _compared(name: str, accounts: Sequence[Account]) -> Comparison:
    readings = [account.overall.get(name) for account in accounts]
    values = tuple(None if reading is None else reading.value for reading in readings)
    stderrs = tuple(None if reading is None else reading.stderr for reading in readings)
    unit = next(reading.unit for reading in readings if reading is not None)
    if len(accounts) != 2 or values[0] is None or values[1] is None:
        return Comparison(name, unit, values, stderrs)
    difference = values[1] - values[0]
    first, second = (account.per_example.get(name) for account in accounts)
    same = accounts[0].data.get("fingerprint") == accounts[1].data.get("fingerprint")
    paired = bool(accounts[0].data) and same and first is not None and second is not None
    stderr = None
    if paired and first is not None and second is not None:
        stderr = float((second - first).std()) / math.sqrt(len(first))
    elif stderrs[0] is not None and stderrs[1] is not None:
        stderr = math.hypot(stderrs[0], stderrs[1])
    z = difference / stderr if stderr else None
    return Comparison(name, unit, values, stderrs, difference, stderr, z, paired)
