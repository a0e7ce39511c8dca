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

RUN_COLOURS = (
    ("#3d5a80", "#8fb2dd"),
    ("#c9622b", "#ea9a68"),
    ("#4a8f5c", "#7fc492"),
    ("#8a5aa8", "#c096dc"),
    ("#a8841a", "#d9b850"),
    ("#3b9c9c", "#74cccc"),
    ("#a83a5a", "#e0839c"),
    ("#7a7f8c", "#a9aeb9"),
)
"""The colours of runs that are held side by side, on light and on dark paper; after the last comes the first again."""


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
    """The colours of terms and of runs as the page's CSS variables, a line each.

    Args:
        theme: "light" or "dark".
        indent: What each line begins with.
    """
    terms = [f"{indent}--term-{term}: {getattr(colour, theme)};" for term, colour in TERM_COLOURS.items()]
    runs = [f"{indent}--run-{k}: {pair[theme == 'dark']};" for k, pair in enumerate(RUN_COLOURS)]
    return "\n".join([*terms, *runs])
