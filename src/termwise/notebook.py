"""How objects show themselves: in a line where they hold many numbers, and in a notebook as small tables of HTML.

Whatever is shown may come from a file or from somebody else, so that every text is escaped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape
from typing import Any

MOST_LETTERS = 200
"""The letters of a field's value that a line shows at most."""


def in_a_line(thing: Any) -> str:
    """A dataclass as Python writes it, but tensors and arrays by their shape alone, and other values cut where long.

    Example:
        >>> import torch
        >>> from termwise.data import Batch
        >>> in_a_line(Batch(torch.zeros(64, 1, 8, 8), torch.arange(64)))
        'Batch(x=(64, 1, 8, 8), index=(64,), side=None)'
    """
    shown = (f"{one.name}={_value(getattr(thing, one.name))}" for one in fields(thing) if one.repr)
    return f"{type(thing).__name__}({', '.join(shown)})"


def _value(value: Any) -> str:
    shape = getattr(value, "shape", None)
    text = repr(tuple(shape) if isinstance(shape, tuple) and shape else value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is of names, and whose others are as they are written, to the left.

    Example:
        >>> html_table(["", "value"], [["a<b", "1"]])  # doctest: +ELLIPSIS
        '<table><thead><tr><th...></th><th...>value</th></tr></thead><tbody><tr><th...>a&lt;b</th><td...>1</td>...'
    """
    left = ' style="text-align:left"'
    head = "".join(f"<th{left}>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th{left}>{escape(name)}</th>{''.join(f'<td{left}>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_sentences(sentences: Iterable[str]) -> str:
    """Sentences as a list; "" of none."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""
