"""The sections of the page, each a function from plain data to HTML; every text that is not ours is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from termwise.account import glossary
from termwise.account.rounding import MISSING, WITHHELD, rounded, with_error
from termwise.report.account_json import (
    AccountJson,
    ReadingJson,
    bounds_in_words,
    by_dimension,
    dimensions_by_cost,
    interval,
    measured_part,
    overall,
    units_in_words,
    withheld,
)
from termwise.report.curves import Chart, constant_values
from termwise.report.markup import hue, quiet, symbol_html, typeset
from termwise.report.run_summary import flattened
from termwise.report.walk_diagram import walk_svg
from termwise.report.walks import BESIDE

HEADLINES = (
    *("elbo", "prediction_accuracy", "prediction_r2", "prediction_cross_entropy", "distortion", "rate"),
    *("index_code_mi", "target_information", "total_correlation", "dimension_wise_kl", "active_units"),
)
"""The readings that a reader looks for first, in the order of their tiles."""


def headline_section(title: str, sentence: str, account: AccountJson) -> str:
    """What was trained on what, and on how many examples it was measured."""
    examples = max((int(r.get("n") or 0) for r in overall(account).values()), default=0)
    on = f" Measured on {examples:,} examples." if examples else ""
    return f"<h1>{escape(title)}</h1><p class=deck>{escape(sentence)}{on}</p>"


def tiles_section(account: AccountJson) -> str:
    """The numbers that a reader looks for first."""
    scalars = overall(account)
    tiles = []
    for name in (n for n in HEADLINES if n in scalars):
        value, error = rounded(scalars[name].get("value"), scalars[name].get("stderr"))
        unit = str(scalars[name].get("unit") or "")
        if name == "active_units" and by_dimension(account):
            unit = f"of {len(dimensions_by_cost(account))}"
        detail = " ".join(part for part in (error and f"± {error}", unit) if part)
        tiles.append(
            f'<div class="tile" {hue(name)}><dt>{escape(glossary.reading(name).title)}</dt>'
            f"<dd><strong>{typeset(value)}</strong> <span>{typeset(detail)}</span></dd></div>"
        )
    return f'<dl class="tiles">{"".join(tiles)}</dl>' if tiles else quiet("No readings were taken.")


def walk_section(links: Sequence[Mapping[str, Any]]) -> str:
    """The walk from the posterior to the prior, drawn, with how to read the drawing."""
    if not links:
        return quiet("No link of the walk was measured.")
    aside = " What is compared in the space of x stands beside, not to scale." if BESIDE & _ends(links) else ""
    return (
        "<p>The rate is what it costs to go from the posterior to the prior, and each link is one part of that cost. "
        f"An arc is as thick as its nats; the ruler lays the links end to end.{aside}</p>"
        f'<div class="figure-scroll" tabindex="0" role="group" aria-label="The walk, drawn">{walk_svg(links)}</div>'
    )


def account_section(account: AccountJson) -> str:
    """Every reading with its standard error, interval, bounds, estimator and bias; or why it is withheld."""
    rows = []
    for name, reading in account.get("readings", {}).items():
        rows.append(
            f"<tr {hue(name)}>{_what(name, account)}"
            f'<td class="number" data-label="value">{_value(reading)}</td>'
            f'<td class="number" data-label="95% interval">{typeset(interval(reading))}</td>'
            f'<td data-label="estimator">{escape(str(reading.get("estimator") or MISSING))}</td>'
            f'<td data-label="bias">{escape(str(reading.get("bias") or MISSING))}{_bound_span(reading)}</td></tr>'
        )
    rows += [
        f'<tr {hue(name)}>{_what(name, account)}<td class="number" data-label="value"><strong>{WITHHELD}</strong></td>'
        f'<td colspan="3" data-label="reason">{escape(reason)}</td></tr>'
        for name, reason in withheld(account).items()
    ]
    if not rows:
        return quiet("No readings were taken.")
    said = "".join(quiet(sentence) for sentence in (measured_part(account), units_in_words(account)) if sentence)
    return said + (
        '<table class="account"><thead><tr><th scope="col">reading</th><th scope="col">value ± standard error</th>'
        '<th scope="col">95% interval</th><th scope="col">estimator</th><th scope="col">bias</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def diagnosis_section(account: AccountJson) -> str:
    """The diagnosis of an account, in its sentences."""
    sentences = account.get("diagnosis") or []
    if not sentences:
        return quiet("There is nothing to say beyond the numbers.")
    return f'<ul class="diagnosis">{"".join(f"<li>{escape(str(s))}</li>" for s in sentences)}</ul>'


def game_section(spec: Mapping[str, Any], sentences: Sequence[str]) -> str:
    """What the curves of a game say, the places for them, and what they are; "" where no game was played."""
    if not (spec["game"] or sentences):
        return ""
    listed = "".join(f"<li>{typeset(sentence)}</li>" for sentence in sentences)
    names = dict.fromkeys(chart["name"] for chart in spec["game"])
    meanings = "".join(
        f"<div {hue(name)}><dt>{escape(entry.title)}</dt><dd>{escape(entry.meaning)}</dd></div>"
        for name in names
        if (entry := glossary.reading(name)).meaning
    )
    charts = (
        '<div class="charts" data-charts="game"></div>'
        f'<details><summary>What these charts show</summary><dl class="meanings">{meanings}</dl></details>'
    )
    return (
        f'<h3>The game</h3><ul class="diagnosis">{listed}</ul>{charts if spec["game"] else ""}'
        "<h3>The autoencoder's own terms</h3>"
    )


def curves_section(spec: Mapping[str, Any]) -> str:
    """Places for the page's script to draw in, and in words what stayed the same throughout."""
    if not any(spec[group] for group in ("terms", "audit", "settings", "points")):
        return quiet("No metrics were recorded.")
    parts = ['<div class="charts" data-charts="terms"></div>'] if spec["terms"] else []
    if spec["audit"]:
        parts.append(
            "<h3>The training estimator, audited</h3><p>The estimator that the objective trained with, minus the "
            "exact full aggregate, on the same frozen posteriors; the band is two standard errors. Where it leaves "
            'zero, training saw a biased value.</p><div class="charts" data-charts="audit"></div>'
        )
    if spec["settings"]:
        parts.append('<h3>Settings over time</h3><div class="charts" data-charts="settings"></div>')
    if spec["points"]:
        parts.append(_points(spec["points"], spec["x"]))
    still = [f"{c['title']} {_constants(values)}" for c in spec["still"] if (values := constant_values(c)) is not None]
    if still:
        parts.append(f"<p class=quiet>Constant throughout: {typeset('; '.join(still))}.</p>")
    if any(spec[group] for group in ("terms", "audit", "settings")):
        parts.append("<noscript><p class=quiet>The curves are drawn by a script, which is switched off.</p></noscript>")
    return "".join(parts)


def _points(charts: Sequence[Chart], x: str) -> str:
    """What was recorded once: a row for each quantity, a column for each split, and other curves with their names."""
    curves = [curve for chart in charts for curve in chart["curves"]]
    splits = list(dict.fromkeys(curve["name"] for curve in curves if curve["role"] in ("train", "held-out")))
    rows = []
    for chart in charts:
        values = {curve["name"]: _point(curve) for curve in chart["curves"]}
        cells = "".join(f'<td class="number">{typeset(values.get(split, MISSING))}</td>' for split in splits)
        others = ", ".join(f"{value} ({name})" for name, value in values.items() if name not in splits)
        title = f'{escape(chart["title"])} <span class="unit">{escape(chart["unit"])}</span>'
        rows.append(f'<tr><th scope="row">{title}</th>{cells}<td>{typeset(others)}</td></tr>')
    heads = "".join(f'<th scope="col" class="number">{escape(split)}</th>' for split in splits)
    places = sorted({curve["x"][0] for curve in curves})
    where = f"at {x} {places[0]:g} alone" if len(places) == 1 else "once each"
    return (
        f'<p>Recorded {where}, and so not drawn.</p><div class="table-scroll" tabindex="0"><table class="plain"><thead>'
        f'<tr><th scope="col">quantity</th>{heads}<th></th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _point(curve: Mapping[str, Any]) -> str:
    """The one value of a curve, with its error, or with its ends, where it has a band."""
    (value,), band = curve["y"], (curve["band"] or [None])[0]
    if isinstance(band, list):
        return f"{with_error(value)} ({' to '.join(with_error(end) for end in band)})"
    return with_error(value, None if band is None else band / 2)


def configuration_section(config: Mapping[str, Any]) -> str:
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


def _constants(values: Mapping[str, float]) -> str:
    """One value, or where they differ those of every curve."""
    if len(set(values.values())) == 1:
        return with_error(next(iter(values.values())))
    return ", ".join(f"{with_error(value)} ({name})" for name, value in values.items())


def _ends(links: Sequence[Mapping[str, Any]]) -> set[str]:
    return {end for link in links for end in (link["from"], link["to"])}


def _what(name: str, account: AccountJson) -> str:
    """The head of a reading's row: its title, its symbol and what it says, of a model of a target of that."""
    entry, target = glossary.reading(name), account.get("data", {}).get("target")
    if target is not None and "p(x|z" in entry.symbol:
        meaning = f"how poorly the decoder says {target}" if name == "distortion" else entry.meaning
        entry = replace(entry, symbol=entry.symbol.replace("p(x|z", "p(t|z"), meaning=meaning)
    symbol = f'<span class="symbol">{symbol_html(entry.symbol)}</span>' if entry.symbol else ""
    meaning = f'<span class="meaning">{escape(entry.meaning)}</span>' if entry.meaning else ""
    return f'<th scope="row"><span class="name">{escape(entry.title)}</span>{symbol}{meaning}</th>'


def _value(reading: ReadingJson) -> str:
    unit = escape(str(reading.get("unit") or ""))
    if isinstance(reading.get("value"), list):
        return f'<a href="#dimensions">by dimension</a> <span class="unit">{unit}</span>'
    value, error = rounded(reading.get("value"), reading.get("stderr"))
    beside = f' <span class="error">± {typeset(error)}</span>' if error else ""
    return f'<strong>{typeset(value)}</strong>{beside} <span class="unit">{unit}</span>'


def _bound_span(reading: ReadingJson) -> str:
    words = bounds_in_words(reading)
    return f'<span class="bound">{typeset(words)}</span>' if words else ""


def _setting(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting, value)) or "none"
    return {True: "yes", False: "no", None: "—"}[value] if value is None or isinstance(value, bool) else str(value)
