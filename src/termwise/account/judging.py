"""What a diagnosis may judge: only what was read, is not withheld, and is finite; and how it says what it may not."""

import math
from collections.abc import Mapping, Sequence

from termwise.account import glossary
from termwise.account.account import Account


def unfit(account: Account, names: Sequence[str]) -> list[str]:
    """Which of these readings nothing may be judged by: those withheld, and those that hold what is no finite number.

    Example:
        >>> from termwise.account.reading import reading_without_error
        >>> rate = reading_without_error("rate", -3.0, estimator="by hand", bias="none", n=9)
        >>> unfit(Account({"rate": rate}), ["rate", "distortion"])
        ['rate']
    """
    return [name for name in names if name in account.withheld or not _finite(account, name)]


def unjudged(questions: Mapping[str, Sequence[str]], withheld: Mapping[str, str] | None = None) -> list[str]:
    """The sentence on questions that could not be judged, none where there are none.

    Args:
        questions: The readings that were unfit, by what was asked: "whether a dimension is collapsed".
        withheld: Why readings are withheld, by name: said of one that stands alone.

    Example:
        >>> unjudged({"whether a dimension is collapsed": ["rate"]})
        ['It could not be judged whether a dimension is collapsed: rate is no number that can be.']
    """
    if not questions:
        return []
    names = list(dict.fromkeys(name for lacking in questions.values() for name in lacking))
    titles = listed([glossary.reading(name).title for name in names], "and")
    why = (withheld or {}).get(names[0]) if len(names) == 1 else None
    are = "is no number that can be" if len(names) == 1 else "are no numbers that can be"
    return [
        f"It could not be judged {listed(list(questions), 'or')}: {titles} {f'is withheld, as {why}' if why else are}."
    ]


def listed(words: Sequence[str], last: str) -> str:
    """Words in a row: "a, b, and c"."""
    if len(words) < 3:
        return f" {last} ".join(words)
    return f"{', '.join(words[:-1])}, {last} {words[-1]}"


def _finite(account: Account, name: str) -> bool:
    """Whether all that a reading holds is finite; a reading that is not there holds nothing."""
    value = account.readings[name].value if name in account.readings else []
    return all(map(math.isfinite, value if isinstance(value, list) else [value]))
