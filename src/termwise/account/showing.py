"""How readings and accounts show themselves at a prompt, in one screen, and in a notebook."""

import textwrap
from collections.abc import Iterable, Mapping

from termwise.account.reading import AnyReading, Reading, ReadingByDimension
from termwise.account.rounding import interval_in_words, rounded, with_error
from termwise.notebook import html_sentences, html_table

LINES, COLUMNS = 22, 79
"""What a screen holds."""

DIAGNOSED = 8
"""The lines of it that a diagnosis has at most, where readings follow."""


def in_lines(title: str, readings: Mapping[str, AnyReading], diagnosis: Iterable[str], withheld: Iterable[str]) -> str:
    """A title, the diagnosis, and a line for each reading with the name by which it is had; no more than a screen.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> rate = reading_without_error("rate", 2.0, estimator="closed form", bias="none", n=10)
        >>> print(in_lines("Account", {"rate": rate}, ["Nothing shows."], []))
        Account
        • Nothing shows.
        rate  2 nats
    """
    said = [line for one in diagnosis for line in textwrap.wrap(f"• {one}", COLUMNS, subsequent_indent="  ")]
    width = max(map(len, readings), default=0)
    lines = [f"{name:<{width}}  {in_short(reading)}" for name, reading in readings.items()]
    lines += [f"withheld: {name}" for name in withheld]
    said = _cut(said, DIAGNOSED if lines else LINES, "more is in .diagnosis")
    return "\n".join([title, *said, *_cut(lines, LINES - len(said), "more: print it, or go through its names")])


def _cut(lines: list[str], most: int, rest: str) -> list[str]:
    return lines if len(lines) <= most else [*lines[: most - 1], f"... {rest}"]


def in_short(reading: AnyReading) -> str:
    """A reading's value, error and unit; of one by dimension how many there are, and from where to where."""
    if isinstance(reading, Reading):
        return f"{_number(reading)} {reading.unit}"
    known = [value for value in reading.value if value is not None]
    ends = f", {rounded(min(known))[0]} to {rounded(max(known))[0]} {reading.unit}" if known else ""
    return f"{len(reading.value)} values{ends}"


def _number(reading: Reading) -> str:
    """The value and its error; or from and to where the truth lies, of a value that is a bound."""
    if (ends := reading.bounds) is None:
        return with_error(reading.value, reading.stderr)
    return interval_in_words(ends, reading.stderr)


def in_html(readings: Mapping[str, AnyReading], diagnosis: Iterable[str], withheld: Mapping[str, str]) -> str:
    """The diagnosis, and a table of the readings by the names by which they are had."""
    rows = [*map(_row, readings.values()), *([name, "withheld", "", "", reason] for name, reason in withheld.items())]
    return html_sentences(diagnosis) + html_table(["", "value", "unit", "95% interval", "estimator; bias"], rows)


def _row(reading: AnyReading) -> list[str]:
    how = "; ".join(text for text in (reading.estimator, reading.bias) if text)
    if isinstance(reading, ReadingByDimension):
        return [reading.name, in_short(reading), reading.unit, "", how]
    ends = reading.interval and " to ".join(rounded(end, reading.stderr)[0] for end in reading.interval)
    return [reading.name, _number(reading), reading.unit, ends or "", how]
