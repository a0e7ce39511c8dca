"""The few pieces of HTML that every section shares."""

import re
from html import escape

from termwise.account import glossary


def hue(name: str) -> str:
    """The style attribute that gives an element the colour of its term."""
    return f'style="--hue:var(--term-{glossary.reading(name).term})"'


def symbol_html(symbol: str) -> str:
    """A symbol of the glossary with its lowered characters as <sub>, everything else escaped."""
    return re.sub(r"_(\w)", r"<sub>\1</sub>", escape(symbol))


def typeset(text: str) -> str:
    """Escaped, with true minus signs before digits."""
    signed = text.replace("-∞", "−∞")
    return escape("".join("−" if c == "-" and signed[i + 1 : i + 2].isdigit() else c for i, c in enumerate(signed)))


def section(name: str, heading: str, inner: str) -> str:
    """A section of the page under its heading."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">\n<h2 id="{name}-heading">{escape(heading)}</h2>\n'
        f"{inner}\n</section>"
    )


def quiet(text: str) -> str:
    """A line that says why a section is empty."""
    return f"<p class=quiet>{escape(text)}</p>"
