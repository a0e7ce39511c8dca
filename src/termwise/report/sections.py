"""The sections of the page, each a function from plain data to HTML; every text that is not ours is escaped."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from termwise.account import glossary
from termwise.report import readings
from termwise.report.curves import constant
from termwise.report.markup import hue, quiet, symbol_html, typeset
from termwise.report.readings import Account, Reading
from termwise.report.rounding import MISSING, rounded, with_error
from termwise.report.run_summary import Facts, flattened
from termwise.report.walk_diagram import BESIDE, walk_svg

HEADLINES = ("elbo", "distortion", "rate", "index_code_mi", "total_correlation", "dimension_wise_kl", "active_units")
MOST_DIMENSIONS = 32


def headline(title: str, facts: Facts, account: Account) -> str:
    """What was trained on what, and the numbers that a reader looks for first."""
    taken = readings.overall(account)
    tiles = []
    for name in (n for n in HEADLINES if n in taken):
        value, error = rounded(taken[name].get("value"), taken[name].get("stderr"))
        unit = str(taken[name].get("unit") or "")
        if name == "active_units" and readings.by_dimension(account):
            unit = f"of {len(readings.dimensions_by_cost(account))}"
        detail = " ".join(part for part in (error and f"± {error}", unit) if part)
        tiles.append(
            f'<div class="tile" {hue(name)}><dt>{escape(glossary.reading(name).title)}</dt>'
            f"<dd><strong>{typeset(value)}</strong> <span>{typeset(detail)}</span></dd></div>"
        )
    numbers = f'<dl class="tiles">{"".join(tiles)}</dl>' if tiles else quiet("No readings were taken.")
    measured = max((int(r.get("n") or 0) for r in taken.values()), default=0)
    on = f" Measured on {measured:,} examples." if measured else ""
    return f"<h1>{escape(title)}</h1><p class=deck>{escape(facts.sentence())}{on}</p>{numbers}"


def walk(links: Sequence[Mapping[str, Any]]) -> str:
    """The walk, drawn."""
    if not links:
        return quiet("No link of the walk was measured.")
    aside = " What is compared in the space of x stands beside, not to scale." if BESIDE & _ends(links) else ""
    return (
        "<p>The rate is what it costs to go from the posterior to the prior, and each link is one part of that cost. "
        f"An arc is as thick as its nats; the ruler lays the links end to end.{aside}</p>"
        f'<div class="figure-scroll" tabindex="0" role="group" aria-label="The walk, drawn">{walk_svg(links)}</div>'
    )


def account_table(account: Account) -> str:
    """Every reading with its standard error, interval, bounds, estimator and bias."""
    rows = []
    for name, reading in account.get("readings", {}).items():
        entry = glossary.reading(name)
        what = f'<span class="symbol">{symbol_html(entry.symbol)}</span>' if entry.symbol else ""
        meaning = f'<span class="meaning">{escape(entry.meaning)}</span>' if entry.meaning else ""
        rows.append(
            f'<tr {hue(name)}><th scope="row"><span class="name">{escape(entry.title)}</span>{what}{meaning}</th>'
            f'<td class="number" data-label="value">{_value(reading)}</td>'
            f'<td class="number" data-label="95% interval">{typeset(readings.interval(reading))}</td>'
            f'<td data-label="estimator">{escape(str(reading.get("estimator") or MISSING))}</td>'
            f'<td data-label="bias">{escape(str(reading.get("bias") or MISSING))}{_bounds(reading)}</td></tr>'
        )
    if not rows:
        return quiet("No readings were taken.")
    return (
        '<table class="account"><thead><tr><th scope="col">reading</th><th scope="col">value ± standard error</th>'
        '<th scope="col">95% interval</th><th scope="col">estimator</th><th scope="col">bias</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def diagnosis(account: Account) -> str:
    """The account in words."""
    sentences = account.get("diagnosis") or []
    if not sentences:
        return quiet("There is nothing to say beyond the numbers.")
    return f'<ul class="diagnosis">{"".join(f"<li>{escape(str(s))}</li>" for s in sentences)}</ul>'


def dimensions(account: Account) -> str:
    """A row of bars for each latent dimension, the costliest first; bars of one unit share one scale."""
    lists = readings.by_dimension(account)
    if not lists:
        return quiet("No reading was taken by dimension.")
    heads = "".join(
        f'<th scope="col" {hue(name)}>{escape(glossary.reading(name).title.removesuffix(" by dimension"))}'
        f' <span class="unit">{escape(str(reading.get("unit") or ""))}</span></th>'
        for name, reading in lists.items()
    )
    order = readings.dimensions_by_cost(account)
    longest = {
        unit: max((_far(r, j) for r in lists.values() if r.get("unit") == unit for j in order), default=0.0) or 1.0
        for unit in {r.get("unit") for r in lists.values()}
    }
    rows = []
    for j in order:
        cells = "".join(_bar(name, reading, j, longest[reading.get("unit")]) for name, reading in lists.items())
        rows.append(f'<tr><th scope="row">z<sub>{j}</sub></th>{cells}</tr>')
    shown, rest = _bars(heads, rows[:MOST_DIMENSIONS]), rows[MOST_DIMENSIONS:]
    intro = "<p>The costliest first; bars of one unit share one scale, and whiskers are one standard error.</p>"
    if not rest:
        return intro + shown
    more = f"<details><summary>The other {len(rest)} dimensions</summary>{_bars(heads, rest)}</details>"
    return intro + shown + more


def game(spec: Mapping[str, Any], verdicts: Sequence[str]) -> str:
    """What the curves of a game say, the places for them, and what they are; "" where no game was played."""
    if not spec["game"]:
        return ""
    told = "".join(f"<li>{typeset(verdict)}</li>" for verdict in verdicts)
    names = dict.fromkeys(chart["name"] for chart in spec["game"])
    meanings = "".join(
        f"<div {hue(name)}><dt>{escape(entry.title)}</dt><dd>{escape(entry.meaning)}</dd></div>"
        for name in names
        if (entry := glossary.reading(name)).meaning
    )
    return (
        f'<h3>The game</h3><ul class="diagnosis">{told}</ul><div class="charts" data-charts="game"></div>'
        f'<details><summary>What these charts show</summary><dl class="meanings">{meanings}</dl></details>'
        "<h3>The autoencoder's own terms</h3>"
    )


def curves(spec: Mapping[str, Any]) -> str:
    """Places for the page's script to draw in, and in words what stayed the same throughout."""
    if not any(spec[group] for group in ("terms", "audit", "settings")):
        return quiet("No metrics were recorded.")
    parts = ['<div class="charts" data-charts="terms"></div>']
    if spec["audit"]:
        parts.append(
            "<h3>The training estimator, audited</h3><p>The estimator that the objective trained with, minus the "
            "exact full aggregate, on the same frozen posteriors; the band is two standard errors. Where it leaves "
            'zero, training saw a biased value.</p><div class="charts" data-charts="audit"></div>'
        )
    if spec["settings"]:
        parts.append('<h3>Settings over time</h3><div class="charts" data-charts="settings"></div>')
    still = [f"{c['title']} {_held(values)}" for c in spec["still"] if (values := constant(c)) is not None]
    if still:
        parts.append(f"<p class=quiet>Constant throughout: {typeset('; '.join(still))}.</p>")
    parts.append("<noscript><p class=quiet>The curves are drawn by a script, which is switched off.</p></noscript>")
    return "".join(parts)


def configuration(config: Mapping[str, Any]) -> str:
    """The configuration, a card for each of its tables."""
    plain = {k: v for k, v in config.items() if not isinstance(v, Mapping)}
    groups: dict[str, Mapping[str, Any]] = {"": plain} if plain else {}
    groups |= {str(k): v for k, v in config.items() if isinstance(v, Mapping)}
    cards = []
    for name, group in groups.items():
        rows = "".join(
            f"<div><dt>{escape(key)}</dt><dd>{escape(_setting(value))}</dd></div>" for key, value in flattened(group)
        )
        head = f"<h3>{escape(name)}</h3>" if name else ""
        cards.append(f'<div class="card">{head}<dl>{rows}</dl></div>')
    return f'<div class="cards">{"".join(cards)}</div>' if cards else quiet("No configuration was given.")


def _held(values: Mapping[str, float]) -> str:
    """One value, or where they differ those of every curve."""
    if len(set(values.values())) == 1:
        return with_error(next(iter(values.values())))
    return ", ".join(f"{with_error(value)} ({name})" for name, value in values.items())


def _ends(links: Sequence[Mapping[str, Any]]) -> set[str]:
    return {end for link in links for end in (link["from"], link["to"])}


def _value(reading: Reading) -> str:
    unit = escape(str(reading.get("unit") or ""))
    if isinstance(reading.get("value"), list):
        return f'<a href="#dimensions">by dimension</a> <span class="unit">{unit}</span>'
    value, error = rounded(reading.get("value"), reading.get("stderr"))
    beside = f' <span class="error">± {typeset(error)}</span>' if error else ""
    return f'<strong>{typeset(value)}</strong>{beside} <span class="unit">{unit}</span>'


def _bounds(reading: Reading) -> str:
    words = (("lower", "at least"), ("upper", "at most"))
    bounds = [f"{word} {end}" for side, word in words if (end := readings.bound(reading, side))]
    return f'<span class="bound">{typeset(" and ".join(bounds))}, in expectation</span>' if bounds else ""


def _bar(name: str, reading: Reading, j: int, longest: float) -> str:
    value, stderr = readings.at(reading, "value", j, math.nan), readings.at(reading, "stderr", j, 0.0)
    text = typeset(with_error(value, stderr)) if math.isfinite(value) else MISSING
    length = 100 * max(value, 0.0) / longest if math.isfinite(value) else 0.0
    low, high = (100 * max(value + k * stderr, 0.0) / longest if length else 0.0 for k in (-1, 1))
    whisker = f'<i style="left:{low:.2f}%;width:{high - low:.2f}%"></i>' if high > low else ""
    return (
        f'<td {hue(name)}><span class="track"><b style="width:{length:.2f}%"></b>{whisker}</span>'
        f'<span class="figure">{text}</span></td>'
    )


def _bars(heads: str, rows: Sequence[str]) -> str:
    corner = '<th scope="col"><span class="visually-hidden">dimension</span></th>'
    return f'<table class="bars"><thead><tr>{corner}{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _far(reading: Reading, j: int) -> float:
    """How far a bar reaches, its whisker with it."""
    reach = readings.at(reading, "value", j, 0.0) + readings.at(reading, "stderr", j, 0.0)
    return reach if math.isfinite(reach) else 0.0


def _setting(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting, value)) or "none"
    return {True: "yes", False: "no", None: "—"}[value] if value is None or isinstance(value, bool) else str(value)
