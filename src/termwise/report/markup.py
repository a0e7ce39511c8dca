"""The few pieces of HTML that every section shares."""

from html import escape

from termwise.report import glossary


def hue(name: str) -> str:
    """The style attribute that gives an element the colour of its term."""
    return f'style="--hue:var(--term-{glossary.reading(name).hue})"'


def typeset(text: str) -> str:
    """Escaped, with true minus signs before digits."""
    signed = text.replace("-∞", "−∞")
    return escape("".join("−" if c == "-" and signed[i + 1 : i + 2].isdigit() else c for i, c in enumerate(signed)))


def quiet(text: str) -> str:
    """A line that says why a section is empty."""
    return f"<p class=quiet>{escape(text)}</p>"
