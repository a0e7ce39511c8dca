"""A table's columns, as pictures: what is real against what the model draws, and how far reconstructions are off."""

from dataclasses import dataclass
from html import escape

import numpy as np

from termwise.account.rounding import rounded
from termwise.data.columns import Column
from termwise.report.markup import typeset

MOST_COLUMNS = 24
"""How many columns are shown: those that tell the most."""

MOST_BARS = 24
"""How many bars a histogram has."""

WIDTH, HEIGHT = 160.0, 60.0
"""The size of a histogram, in pixels."""

SIDE = 300.0
"""The side of the picture of all columns' means, in pixels."""


@dataclass(frozen=True)
class TableOfExamples:
    """What is needed to show a table column by column.

    Args:
        columns: The D columns.
        real: Held-out rows, shape (n, D); nan where a cell is missing, which then counts for nothing.
        reconstructions: The same rows decoded from their codes, shape (n, D).
        drawn: Rows drawn from p(x|z) at codes from the prior, noise and all, shape (m, D).
    """

    columns: tuple[Column, ...]
    real: np.ndarray
    reconstructions: np.ndarray
    drawn: np.ndarray

    def spread(self) -> np.ndarray:
        """The standard deviation of each column, shape (D,), 1 where it is constant."""
        spread = np.sqrt(_mean_of_known(np.square(self.real - _mean_of_known(self.real)), self.real))
        return np.where(spread > 0, spread, 1.0)

    def misses(self) -> np.ndarray:
        """How far reconstructions are off, as root mean square, in standard deviations of the column; shape (D,)."""
        off = np.sqrt(_mean_of_known(np.square(self.reconstructions - self.real), self.real)) / self.spread()
        return np.nan_to_num(off, nan=np.inf)

    def distances(self) -> np.ndarray:
        """The largest difference of the distribution functions of real and drawn values, from 0 to 1; shape (D,)."""
        pairs = zip(self.real.T, self.drawn.T, strict=True)
        return np.array([_kolmogorov_smirnov(a[~np.isnan(a)], b) for a, b in pairs])


def misses_section(table: TableOfExamples) -> str:
    """How far reconstructions are off by column, the worst first, as bars."""
    misses = table.misses()
    order = np.argsort(-misses, kind="stable")[:MOST_COLUMNS]
    longest = max((float(misses[j]) for j in order if np.isfinite(misses[j])), default=1.0) or 1.0
    rows = []
    for j in order:
        length = 100 * min(float(misses[j]) / longest, 1.0)
        rows.append(
            f'<div><span class="column-name">{_called(table.columns[j])}</span><span class="track">'
            f'<b style="width:{length:.2f}%"></b></span><span>{f"{misses[j]:.2f}"}</span></div>'
        )
    which = _which(len(order), len(misses), "whose reconstructions are furthest off")
    return (
        f"<p>How far reconstructions are off, as a root mean square, in standard deviations of the column: 1 is as far "
        f'as its mean would be. {which}</p><div class="misses">{"".join(rows)}</div>'
    )


def distributions_section(table: TableOfExamples) -> str:
    """Histograms of real and of drawn values by column, those furthest apart first; and the means of all columns."""
    distances = table.distances()
    order = np.argsort(-distances, kind="stable")[:MOST_COLUMNS]
    figures = []
    for j in order:
        column, real, drawn = table.columns[j], table.real[:, j], table.drawn[:, j]
        svg, low, high = histograms(real, drawn, logarithmic=column.kind == "count")
        figures.append(
            f'<figure class="column"><figcaption><b>{_called(column)}</b> '
            f'<span class="unit">{distances[j]:.2f}</span></figcaption>{svg}'
            f"<div class=ends><span>{typeset(low)}</span><span>{typeset(high)}</span></div></figure>"
        )
    which = _which(len(order), len(distances), "whose draws are furthest from the data")
    every = _means(table) if len(table.columns) > MOST_COLUMNS else ""
    return (
        "<p>Rows that the model draws, noise and all, against held-out ones. Beside each name stands the largest "
        f"difference of their distribution functions: 0 where they agree, 1 where they share no value. {which}</p>"
        "<p class=key><span class=before>held out</span> <span class=after>drawn</span></p>"
        f'{every}<div class="columns">{"".join(figures)}</div>'
    )


def histograms(real: np.ndarray, drawn: np.ndarray, *, logarithmic: bool = False) -> tuple[str, str, str]:
    """Both distributions over one axis as a small SVG, and the values at its ends, where all beyond is counted.

    Args:
        real: Values, shape (n,), filled.
        drawn: Values, shape (m,), as a line.
        logarithmic: Whether the axis is of log(1 + x), as suits counts; of few whole numbers each has a bar.
    """
    both = [v[np.isfinite(v)] for v in (real, drawn)]
    whole = np.concatenate(both)
    if not len(whole):
        return "", "", ""
    low, high = (float(end) for end in np.quantile(whole, (0.005, 0.995), method="nearest"))
    discrete = bool((whole == np.round(whole)).all()) and high - low < MOST_BARS
    if discrete:
        edges = np.arange(low - 0.5, high + 1)
    else:
        if logarithmic:
            both = [np.log1p(np.clip(v, 0, None)) for v in both]
        start, end = (float(np.log1p(max(end, 0.0))) for end in (low, high)) if logarithmic else (low, high)
        edges = np.linspace(start, end if end > start else start + 1, _bars(len(both[0])) + 1)
    shares = [np.histogram(v.clip(edges[0], edges[-1]), edges)[0] / max(len(v), 1) for v in both]
    top = max(float(share.max()) for share in shares) or 1.0
    paths = [_steps(share / top) for share in shares]
    svg = (
        f'<svg class="histogram" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="held" d="{paths[0]}V{HEIGHT:g}H0Z"/><path class="drawn" d="{paths[1]}"/></svg>'
    )
    first, last = (rounded(float(f"{end:.4g}"))[0] for end in (low, high))
    return svg, first, last


def _kolmogorov_smirnov(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference of the distribution functions of two samples; nan where a value is, or none."""
    both = np.concatenate([a, b])
    if not len(a) or np.isnan(both).any():
        return float("nan")
    below = [np.searchsorted(np.sort(sample), both, side="right") / len(sample) for sample in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def _mean_of_known(rows: np.ndarray, real: np.ndarray | None = None) -> np.ndarray:
    """The mean of each column over the rows whose real cell is there, shape (D,); 0 where none is."""
    there = ~np.isnan(rows if real is None else real)
    mean: np.ndarray = np.where(there, rows, 0.0).sum(0) / there.sum(0).clip(1)
    return mean


def _called(column: Column) -> str:
    """A column's name; where it has its place alone, with the word."""
    return escape(f"column {column.name}" if column.name.isdecimal() else column.name)


def _bars(rows: int) -> int:
    """As many bars as rows can fill: twice the cube root of their number, by the rule of Rice."""
    return max(6, min(MOST_BARS, round(2 * rows ** (1 / 3))))


def _steps(heights: np.ndarray) -> str:
    """A path of steps, a bar each, from left to right."""
    step, tall = WIDTH / len(heights), HEIGHT - 3
    parts = [f"{'M0 ' if k == 0 else 'V'}{HEIGHT - tall * h:.1f}H{(k + 1) * step:.1f}" for k, h in enumerate(heights)]
    return "".join(parts)


def _means(table: TableOfExamples) -> str:
    """The mean of every column, drawn rows against held-out ones, about the line where they are the same.

    Of counts log(1 + mean); of other numbers the column's place among the values held out, in standard deviations.
    """
    if all(column.kind == "count" for column in table.columns):
        what = "log(1 + mean) of every column, held out from left to right and drawn upwards"
        x, y = (np.log1p(mean.clip(0)) for mean in (_mean_of_known(table.real), table.drawn.mean(0)))
        low, high = 0.0, float(np.nanmax([x, y])) or 1.0
        line = (0.0, 1.0)
    else:
        what = "how far the mean of every drawn column is off, in its standard deviations, the columns in their order"
        x, y = (
            np.linspace(0, 1, len(table.columns)),
            (table.drawn.mean(0) - _mean_of_known(table.real)) / table.spread(),
        )
        most = max(0.1, float(np.abs(y[np.isfinite(y)]).max(initial=0)))
        low, high, line = -most, most, (0.5, 0.5)
        what = f"{what}: from {-most:.2g} to {most:.2g}"
        x = low + x * (high - low)

    def at(share: float) -> str:
        return f"{8 + share * (SIDE - 16):.1f}"

    dots = "".join(
        f'<circle cx="{at(a)}" cy="{at(1 - b)}" r="2"/>'
        for a, b in zip((x - low) / (high - low), (y - low) / (high - low), strict=True)
        if np.isfinite(a) and np.isfinite(b)
    )
    return (
        f'<figure class="means"><svg viewBox="0 0 {SIDE:g} {SIDE:g}" role="img" aria-label="{what}">'
        f'<path class="same" d="M{at(0)} {at(1 - line[0])}L{at(1)} {at(1 - line[1])}"/>{dots}</svg>'
        f"<figcaption>{typeset(what[0].upper() + what[1:])}.</figcaption></figure>"
    )


def _which(shown: int, of: int, what: str) -> str:
    """Which columns are shown, of how many."""
    return f"The worst come first, {shown} of {of:,}: those {what}." if shown < of else "The worst come first."
