"""Several runs on one HTML page: accounts side by side, curves over one another, pictures in columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template
from typing import Any

import numpy as np

from termwise.account import glossary
from termwise.account.rounding import MISSING, WITHHELD, interval_in_words, with_error
from termwise.report.account_json import AccountJson
from termwise.report.comparison_table import difference_in_words
from termwise.report.curves import Chart, MetricsLine, is_a_point, run_charts
from termwise.report.galleries import reconstruction_gallery, sample_gallery, traversal_gallery
from termwise.report.image_grids import image_grid
from termwise.report.markup import hue, quiet, section, typeset
from termwise.report.page import page_json, page_resource, page_style
from termwise.report.pictures import Pictures, is_image
from termwise.report.run_summary import flattened, run_summary
from termwise.report.term_colours import RUN_COLOURS
from termwise.report.walk_layout import nats_of, placed_walk, ruler_lengths
from termwise.report.walks import standard_links

ACROSS = 8
"""How many images stand side by side in a run's column."""

MOST_PAIRS = 16
"""How many reconstructions of each run are shown."""


@dataclass(frozen=True)
class ComparedRun:
    """What a page shows of one of several runs.

    Attributes:
        name: What it is called.
        account: Its account.
        config: Its configuration; empty of an account alone.
        metrics: The lines of its metrics.jsonl; none of an account alone.
        pictures: What it draws.
    """

    name: str
    account: AccountJson
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[MetricsLine] = ()
    pictures: Pictures = field(default_factory=Pictures)


def comparison_page(runs: Sequence[ComparedRun], comparisons: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """The page as text.

    Args:
        runs: Two or more.
        comparisons: For each run but the first the fields of every `Comparison` of it and the first.
    """
    charts, x = _charts(runs)
    spec = {"x": x, "game": [], "terms": charts, "audit": [], "settings": []}
    of_images = any(is_image(run.pictures.originals.shape[1:]) for run in runs if run.pictures.originals is not None)
    pairs = "<p>Held-out examples: a row of originals over one of their reconstructions.</p>" * of_images
    moves = "<p>One dimension of each code moves while the others rest; the costliest dimension first.</p>"
    pictures = [
        section(
            "reconstructions", "Reconstructions", pairs + _side_by_side(runs, lambda r: _reconstructions(r.pictures))
        ),
        section("samples", "Samples from the prior", _side_by_side(runs, lambda r: sample_gallery(r.pictures, ACROSS))),
        section("traversals", "Latent traversals", moves + _side_by_side(runs, _traversals)),
    ]
    drawn = '<div class="charts" data-charts="terms"></div>' if charts else quiet("No curves were recorded.")
    title = " · ".join(run.name for run in runs)
    return Template(page_resource("comparison.html")).substitute(
        title=escape(title),
        style=page_style(),
        script=page_resource("page.js"),
        runs=_headline(runs),
        account=_account(runs, comparisons),
        walks=_walks(runs),
        curves=drawn,
        pictures="\n".join(pictures),
        configuration=_differing_settings(runs),
        data=page_json(spec),
    )


def _named(k: int, run: ComparedRun, tag: str = "span", **attributes: str) -> str:
    """A run's name in its colour."""
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<{tag} class="run run-{k % len(RUN_COLOURS)}"{more}>{escape(run.name)}</{tag}>'


def _headline(runs: Sequence[ComparedRun]) -> str:
    sentences = (run_summary(run.config).sentence() if run.config else "An account alone." for run in runs)
    rows = (
        f"<div>{_named(k, run, 'dt')}<dd>{escape(one)}</dd></div>"
        for k, (run, one) in enumerate(zip(runs, sentences, strict=True))
    )
    return f'<dl class="run-list">{"".join(rows)}</dl>'


def _account(runs: Sequence[ComparedRun], comparisons: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """A row for each reading: the value of each run, and of all but the first the difference, bold where it is sure."""
    by_name = [{row["name"]: row for row in rows} for rows in comparisons]
    names = glossary.in_order(name for rows in by_name for name in rows)
    body = []
    for name in names:
        rows = [rows.get(name) for rows in by_name]
        cells = [_cell(next((row for row in rows if row), None), 0)] + [_cell(row, 1, differs=True) for row in rows]
        unit = next((str(row["unit"]) for row in rows if row), "").replace("^2", "²")
        entry = glossary.reading(name)
        meaning = f'<span class="meaning">{escape(entry.meaning)}</span>' if entry.meaning else ""
        title = f'<span class="name">{escape(entry.title)}</span> <span class="unit">{escape(unit)}</span>'
        body.append(f'<tr {hue(name)}><th scope="row">{title}{meaning}</th>{"".join(cells)}</tr>')
    heads = "".join(_named(k, run, "th", scope="col") for k, run in enumerate(runs))
    table = f'<table class="sides-table"><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    first = escape(runs[0].name)
    return (
        f"<p>Each value with its standard error; below it how much more it is than {first}'s, by pairs where both are "
        "of the same examples, bold where that is two standard errors or more.</p>"
        f'<div class="table-scroll" tabindex="0" role="group" aria-label="The accounts">{table}</div>'
        + _notes(comparisons)
    )


def _cell(row: Mapping[str, Any] | None, place: int, *, differs: bool = False) -> str:
    if row is None:
        return f'<td class="number">{MISSING}</td>'
    if row["withheld"] and row["withheld"][place]:
        return f'<td class="number" title="{escape(row["withheld"][place])}">{WITHHELD}</td>'
    ends, stderr = row["bounds"][place], row["stderrs"][place]
    value = with_error(row["values"][place], stderr) if ends is None else interval_in_words(ends, stderr)
    text, clear = difference_in_words(row) if differs else (MISSING, False)
    below = "" if text == MISSING else f'<span class="difference{" clear" if clear else ""}">{typeset(text)}</span>'
    return f'<td class="number">{typeset(value)}{below}</td>'


def _notes(comparisons: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """Why values have no difference, or are not paired, or are withheld, each once."""
    said = dict.fromkeys(
        why for rows in comparisons for row in rows for why in (row["why"], *row["withheld"]) if why
    )  # fmt: skip
    return "".join(quiet(f"{why[0].upper()}{why[1:]}.") for why in said)


def _walks(runs: Sequence[ComparedRun]) -> str:
    """The links of every run end to end, on one scale of nats."""
    rulers = [_steps(run.account) for run in runs]
    longest = max((sum(nats for _, nats in steps) for steps in rulers), default=0.0)
    if not longest:
        return quiet("No walk of these accounts can be laid end to end.")
    named = dict.fromkeys(name for steps in rulers for name, _ in steps)
    key = "".join(f"<span {hue(name)}>{escape(glossary.reading(name).title)}</span>" for name in named)
    rows = []
    for k, (run, steps) in enumerate(zip(runs, rulers, strict=True)):
        parts = "".join(
            f'<b style="--hue:var(--term-{entry.term});width:{100 * nats / longest:.2f}%" '
            f'title="{escape(entry.title)}: {nats:.4g} nats"></b>'
            for entry, nats in ((glossary.reading(name), nats) for name, nats in steps)
        )
        whole = f"{typeset(with_error(sum(nats for _, nats in steps)))} nats" if steps else MISSING
        rows.append(f'<div>{_named(k, run)}<span class="track">{parts}</span><span class="figure">{whole}</span></div>')
    return (
        "<p>From the posterior to the prior: the links end to end, which add up to the rate, on one scale.</p>"
        f'<p class="key filled">{key}</p><div class="rulers">{"".join(rows)}</div>'
    )


def _steps(account: AccountJson) -> list[tuple[str, float]]:
    """The links of an account that lie end to end, with their nats; or the rate, where one is below 0."""
    placed = placed_walk(standard_links(account))
    steps = ruler_lengths(placed.arcs, len(placed.stops))
    whole = [
        (arc, nats) for arc in placed.arcs if arc.link["name"] == "rate" and (nats := nats_of(arc.link)) is not None
    ]
    return [(arc.link["name"], nats) for arc, nats in steps or whole]


def _charts(runs: Sequence[ComparedRun]) -> tuple[list[Chart], str]:
    """A chart for each quantity that any run recorded, a curve for each run: of held-out data, or else of training."""
    of_each = [run_charts(run.metrics) for run in runs]
    axes = {one["x"] for one in of_each if one["terms"]}
    charts: dict[str, Chart] = {}
    for k, (run, one) in enumerate(zip(runs, of_each, strict=True)):
        for chart in one["terms"]:
            if is_a_point(chart):
                continue
            curve = next((c for c in chart["curves"] if c["role"] == "held-out"), chart["curves"][0])
            shared = charts.setdefault(chart["name"], {**chart, "curves": []})
            shared["curves"].append({**curve, "name": run.name, "role": "run", "run": k % len(RUN_COLOURS)})
    return list(charts.values()), axes.pop() if len(axes) == 1 else "step"


def _reconstructions(pictures: Pictures) -> str:
    """Of images a sheet in which a row of originals stands over their reconstructions; else as the report has them."""
    x, copies = pictures.originals, pictures.reconstructions
    if x is None or copies is None or not is_image(x.shape[1:]):
        return reconstruction_gallery(pictures)
    x, copies = x[:MOST_PAIRS], copies[:MOST_PAIRS]
    if len(x) % ACROSS and len(x) > ACROSS:
        x, copies = x[: len(x) // ACROSS * ACROSS], copies[: len(x) // ACROSS * ACROSS]
    across = min(ACROSS, len(x))
    rows = [part for k in range(0, len(x), across) for part in (x[k : k + across], copies[k : k + across])]
    alt = f"{len(x)} examples, a row of originals over one of their reconstructions"
    return f'<img class="sheet" src="{image_grid(np.concatenate(rows), across)}" alt="{alt}" style="width:100%">'


def _traversals(run: ComparedRun) -> str:
    return traversal_gallery(run.pictures, run.account, told=False)


def _side_by_side(runs: Sequence[ComparedRun], column: Callable[[ComparedRun], str]) -> str:
    """A column for each run."""
    figures = (f'<div class="side-run">{_named(k, run, "h3")}{column(run)}</div>' for k, run in enumerate(runs))
    return f'<div class="sides">{"".join(figures)}</div>'


def _differing_settings(runs: Sequence[ComparedRun]) -> str:
    """The settings in which configurations differ, a row each."""
    flat = [dict(flattened(run.config)) for run in runs]
    rows = list(_rows(flat))
    if not rows:
        return quiet("There is no setting in which these runs differ.")
    heads = "".join(_named(k, run, "th", scope="col") for k, run in enumerate(runs))
    body = "".join(
        f'<tr><th scope="row">{escape(key)}</th>{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'
        for key, values in rows
    )
    table = f'<table class="plain"><thead><tr><th></th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="table-scroll" tabindex="0" role="group" aria-label="Settings that differ">{table}</div>'


def _rows(flat: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for key in dict.fromkeys(key for one in flat for key in one):
        values = [str(one[key]) if key in one and one[key] is not None else MISSING for one in flat]
        if len(set(values)) > 1:
            yield key, values
