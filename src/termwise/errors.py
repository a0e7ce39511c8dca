"""The errors that a user can mend: each says what was expected, what was got and what to do."""

import difflib
from collections.abc import Iterable


def in_short(value: object, length: int = 120) -> str:
    """A value as Python writes it, for a message: on one line, and cut where it is long.

    Example:
        >>> in_short([1, 2, 3]), in_short("a" * 99, length=8)
        ('[1, 2, 3]', "'aaaaaaa ...")
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of thousands of digits, tables a thousand deep, an object that cannot show itself
        return f"a {type(value).__name__} too long or too deep to be shown"
    return text if len(text) <= length else f"{text[:length]} ..."


class TermwiseError(Exception):
    """Something that the user can mend; the command line prints it without a traceback and ends with 2.

    Example:
        >>> import termwise as tw
        >>> try:
        ...     tw.recipe("beta-vea")
        ... except tw.TermwiseError as error:
        ...     print(error)
        Unknown recipe 'beta-vea'. Did you mean 'beta-vae'...
    """


MOST_NAMES = 80
"""So many names of a table an error lists at the most."""


class UnknownName(TermwiseError):
    """A name that is not in a table: says which are, and which are near.

    Args:
        what: What the name would be of, in the singular: "recipe".
        name: The name.
        names: Those that there are.

    Example:
        >>> raise UnknownName("fruit", "aple", ["cherry", "apple"])
        Traceback (most recent call last):
        termwise.errors.UnknownName: Unknown fruit 'aple'. Did you mean 'apple'? Known: apple, cherry.
    """

    def __init__(self, what: str, name: object, names: Iterable[str]) -> None:
        names = sorted(names)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) if isinstance(name, str) else []
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        super().__init__(f"Unknown {what} {in_short(name)}. {hint}Known: {', '.join(names[:MOST_NAMES])}{more}.")


class BadData(TermwiseError):
    """Data that cannot be read, or that cannot be used as it is."""


class Refused(TermwiseError):
    """A combination that cannot be right, refused when it is built."""


class NoDensity(Refused):
    """A law that can be sampled but has no log-density."""


class NonFiniteLoss(TermwiseError):
    """Training met a loss that is not finite; the message names the term at fault."""


class ProcessEnded(TermwiseError):
    """One of several processes that trained together has ended; the message says which, and how."""


class NotFinite(Refused):
    """A model gave numbers that are not finite; the message says which part of it, and for how many examples."""
