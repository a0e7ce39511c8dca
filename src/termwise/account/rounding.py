"""A number beside its standard error: the error is kept to two significant digits, and sets those of the value."""

import math
from collections.abc import Sequence

MISSING = "—"
NOTHING = 1e-13
"""An error of this share of its value is the rounding of float64, of values that are all the same."""
WITHHELD = "withheld"
"""In place of a value that cannot be."""


def rounded(value: float | None, stderr: float | None = None) -> tuple[str, str]:
    """The value and its standard error as text; the error is "" where there is none, or none but rounding.

    A value without an error keeps four significant digits, and every digit left of the point.
    """
    if value is None:
        return MISSING, ""
    if stderr is None or abs(stderr) <= NOTHING * abs(value) or not math.isfinite(value):
        return _plain(value), ""
    if not math.isfinite(stderr):
        return _plain(value), "?"
    decimals = 1 - int(f"{stderr:.1e}".partition("e")[2])
    if -9 < decimals < 8:
        places = max(decimals, 0)
        return _unsigned_zero(f"{round(value, decimals):.{places}f}"), f"{round(stderr, decimals):.{places}f}"
    exponent = math.floor(math.log10(max(abs(value), abs(stderr))))
    places, scale = max(decimals + exponent, 0), 10.0**exponent
    return f"{value / scale:.{places}f}e{exponent:+03d}", f"{stderr / scale:.{places}f}e{exponent:+03d}"


def with_error(value: float | None, stderr: float | None = None) -> str:
    """The value and its standard error in one string, as in "3.214 ± 0.012"."""
    text, error = rounded(value, stderr)
    return f"{text} ± {error}" if error else text


def interval_in_words(ends: Sequence[float | None], stderr: float | None = None) -> str:
    """From and to where something lies, in words, as exact as a standard error of this size.

    Example:
        >>> interval_in_words((9.5, 11.25), 0.1), interval_in_words((-90.0, None)), interval_in_words((None, 3.0))
        ('9.50 to 11.25', 'at least -90', 'at most 3')
    """
    lower, upper = (None if end is None else rounded(end, stderr)[0] for end in ends)
    if lower is None or upper is None:
        return f"at most {upper}" if lower is None else f"at least {lower}"
    return f"{lower} to {upper}"


def _plain(value: float) -> str:
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 1e3 <= abs(value) < 1e9:
        return f"{value:.0f}" if abs(value) >= 1e4 or value == int(value) else f"{value:.1f}"
    return f"{value:.4g}"


def _unsigned_zero(text: str) -> str:
    return text.lstrip("-") if not text.strip("-0.") else text
