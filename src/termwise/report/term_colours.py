"""The colour of each term of the ELBO, in which all that shows a reading of that term is drawn."""

from dataclasses import dataclass

from termwise.account import glossary
from termwise.account.reading_row import ElboTerm


@dataclass(frozen=True)
class TermColour:
    """A term's colour on light paper, on dark paper, and on a terminal, by the names that rich gives."""

    light: str
    dark: str
    terminal: str


TERM_COLOURS: dict[ElboTerm, TermColour] = {
    "distortion": TermColour("#be3b5e", "#ee8098", "red"),
    "rate": TermColour("#5b5bd6", "#9a9bf5", "blue"),
    "elbo": TermColour("#38445a", "#c3cbd9", "default"),
    "mi": TermColour("#2476d2", "#5ea4f2", "cyan"),
    "marginal": TermColour("#a04fc0", "#c98be0", "magenta"),
    "tc": TermColour("#cc6a10", "#eb9a4b", "yellow"),
    "dw": TermColour("#12886b", "#45b896", "green"),
    "other": TermColour("#7a7f8c", "#9a9faa", "default"),
}
"""The colours by term, for every term that a reading may belong to."""


def terminal_colour(reading: str) -> str:
    """The colour on a terminal of a reading, by its name.

    Example:
        >>> terminal_colour("total_correlation"), terminal_colour("total_correlation_nwj")
        ('yellow', 'yellow')
    """
    return TERM_COLOURS[glossary.reading(reading).term].terminal


def svg_colour(reading: str) -> str:
    """The colour in a drawing of a reading, by its name: the page's where it is in one, else that on light paper.

    Example:
        >>> svg_colour("rate")
        'var(--term-rate, #5b5bd6)'
    """
    term = glossary.reading(reading).term
    return f"var(--term-{term}, {TERM_COLOURS[term].light})"


def css_variables(theme: str, indent: str) -> str:
    """The colours as the page's CSS variables, a line each.

    Args:
        theme: "light" or "dark".
        indent: What each line begins with.
    """
    return "\n".join(f"{indent}--term-{term}: {getattr(colour, theme)};" for term, colour in TERM_COLOURS.items())
