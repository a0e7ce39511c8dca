"""A sweep as one HTML page: settings in a table, as lines, what keys have to say, and links to the runs' reports."""

from collections.abc import Mapping
from html import escape
from pathlib import PurePath
from string import Template
from urllib.parse import quote

from termwise.account import glossary
from termwise.account.rounding import MISSING, with_error
from termwise.report.markup import hue, quiet, section, typeset
from termwise.report.page import page_resource, page_style
from termwise.report.parallel_coordinates import parallel_coordinates
from termwise.report.run_summary import run_summary
from termwise.report.sections import configuration_section
from termwise.sweeps import SettingReading, Sweep, SweptRun
from termwise.sweeps.importance import SEEDS, TOGETHER
from termwise.sweeps.replicas import paired_over_seeds
from termwise.sweeps.settings import in_words, value_in_words

OTHERS = {TOGETHER: "keys together", SEEDS: "seeds alone"}
"""What is called how, beside the keys, where the variance is taken apart."""


def sweep_page(found: Sweep) -> str:
    """The page as text; it asks for nothing but the reports of runs, which are links.

    Args:
        found: The sweep.
    """
    best = _best(found)
    parts = [
        section("settings", "Settings", _settings(found, best)),
        section("coordinates", "Lines through settings", _coordinates(found)),
        section("importance", "What keys have to say", _importance(found)),
        section("runs", "Runs", _runs(found)),
        section("configuration", "What all runs share", configuration_section(found.config.to_json()["base"])),
    ]
    return Template(page_resource("sweep.html")).substitute(
        title=escape(_title(found)),
        style=page_style(),
        deck=_deck(found, best),
        sections="\n".join(parts),
        script=page_resource("sweep.js"),
    )


def _title(found: Sweep) -> str:
    keys = [found.short[key] for key in found.keys]
    if not keys:
        return "Seeds of one setting"
    named = keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"
    how = "A search over" if found.config.sweep.search is not None else "A sweep over"
    return f"{how} {named}"


def _deck(found: Sweep, best: SettingReading | None) -> str:
    """What it is of, how many runs there are, and the best setting."""
    about = run_summary({name: table for name, table in found.config.base.items() if isinstance(table, Mapping)})
    of = " ".join(part for part in (about.recipe and f"{about.recipe}", about.data and f"on {about.data}") if part)
    states = ", ".join(f"{count} {state}" for state, count in found.states.items())
    seeds = len(found.config.seeds)
    lines = [f"{of[:1].upper()}{of[1:]}; {seeds} seed{'s' * (seeds > 1)} a setting. {len(found.runs)} runs: {states}."]
    if best is not None and found.keys:
        words, value = in_words(best.setting, found.short), with_error(best.value, best.stderr)
        title = glossary.reading(best.name).title
        lines.append(f"Best by {title}: <strong>{escape(words)}</strong>, {typeset(value)} {escape(best.unit)}.")
    elif found.keys and found.settings:
        count = len(found.pareto())
        names = " and ".join(glossary.reading(name).title for name in found.sought)
        lines.append(f"{count} setting{'s are' if count > 1 else ' is'} beaten by no other in {escape(names)}.")
    return "".join(f'<p class="deck">{line}</p>' for line in lines)


def _best(found: Sweep) -> SettingReading | None:
    """The best setting by the one reading that is sought; None of several, or where no run has it."""
    name = next(iter(found.sought))
    return found.best() if len(found.sought) == 1 and name in found.readings else None


def _settings(found: Sweep, best: SettingReading | None) -> str:
    """A row for each setting: its keys, its readings, and its runs' reports."""
    if not found.settings:
        return quiet("No run has finished yet.")
    names = found.shown()
    reference = best.setting if best is not None else found.settings[0]
    keys = [found.short[key] for key in found.keys] or ["setting"]
    heads = [*((key, "") for key in keys), ("reports by seed", "")]
    heads += [(glossary.reading(name).title, hue(name)) for name in names]
    head = "".join(
        f'<th scope="col" {style}><button type="button" data-column="{k}">{escape(title)}</button></th>'
        for k, (title, style) in enumerate(heads)
    )
    by_name = {name: {str(one.setting): one for one in found.of(name)} for name in names}
    kept = {str(setting) for setting in found.pareto()} if len(found.sought) > 1 else set()
    body = []
    for k, setting in enumerate(found.settings):
        marked = str(setting) in kept or (best is not None and setting == best.setting)
        cells = [_key_cell(setting.get(key)) for key in found.keys] or ["<td>the base</td>"]
        runs = found.of_setting(setting)
        links = " ".join(_link(found, run, str(run.seed)) for run in runs)
        cells.append(f'<td class="reports" data-value="{len(runs)}">{links}</td>')
        for name in names:
            of = by_name[name]
            cells.append(_reading_cell(of.get(str(setting)), of.get(str(reference))))
        body.append(f'<tr data-setting="{k}"{" class=best" if marked else ""}>{"".join(cells)}</tr>')
    told = _told(found, best, in_words(reference, found.short) or "the base", marked=bool(kept))
    table = (
        f'<table class="sides-table settings-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )
    return f'<p>{told}</p><div class="table-scroll" tabindex="0" role="group" aria-label="The settings">{table}</div>'


def _told(found: Sweep, best: SettingReading | None, reference: str, marked: bool) -> str:
    """What the numbers of the table are."""
    which = "the best setting" if best is not None else "the first setting"
    lines = [
        "Means over seeds, ± the standard error between them.",
        f"Below, how much more it is than of {which} ({escape(reference)}), by pairs of the same seed: bold where 95% "
        "by Student's t leave 0 out." * (len(found.settings) > 1),
        "The best of many is so by chance, too: expect less of it on new seeds." * (best is not None),
        "Marked: settings that no other beats in all that is sought." * marked,
        "Heads sort; a seed leads to the report of its run.",
    ]
    return " ".join(line for line in lines if line)


def _key_cell(value: object) -> str:
    text = value_in_words(value)
    number = f' data-value="{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f'<td class="key-value"{number}>{typeset(text)}</td>'


def _reading_cell(one: SettingReading | None, reference: SettingReading | None) -> str:
    if one is None:
        return f'<td class="number">{MISSING}</td>'
    below = ""
    if reference is not None and one.setting != reference.setting:
        pairs = paired_over_seeds(reference.values, one.values)
        if pairs is not None:
            text = str(pairs)
            text = text if text.startswith("-") else f"+{text}"
            below = f'<span class="difference{" clear" if pairs.sure else ""}">{typeset(text)}</span>'
    return f'<td class="number" data-value="{one.value!r}">{typeset(str(one.over_seeds))}{below}</td>'


def _link(found: Sweep, run: SweptRun, text: str) -> str:
    """A link to a run's report, from the sweep's folder on."""
    place = quote(PurePath(run.folder.relative_to(found.folder), "report.html").as_posix(), safe="/,=+~")
    name = escape(in_words(run.setting, found.short))
    return f'<a href="{place}" title="{name}, seed {run.seed}">{escape(text)}</a>'


def _coordinates(found: Sweep) -> str:
    drawn = parallel_coordinates(found)
    if not drawn:
        return quiet("Lines are drawn of two settings or more.")
    title = glossary.reading(found.shown()[0]).title
    return (
        f"<p>A line is a setting; the stronger its colour, the better its {escape(title)}. Strokes at the axes of "
        f"readings are errors between seeds.</p>{drawn}"
    )


def _importance(found: Sweep) -> str:
    """A block of bars for each reading of the table."""
    blocks, how = [], ""
    for name in found.shown():
        importance = found.importance(name)
        if importance is None:
            continue
        how = importance.how
        rows = "".join(
            f'<div><span class="column-name">{escape(found.short.get(key, OTHERS.get(key, key)))}</span>'
            f'<span class="track"><b style="width:{100 * min(share, 1.0):.1f}%"></b></span>'
            f"<span>{100 * share:.0f}%</span></div>"
            for key, share in importance.shares.items()
        )
        title = escape(glossary.reading(name).title)
        blocks.append(f'<figure class="shares" {hue(name)}><figcaption>{title}</figcaption>{rows}</figure>')
    if not blocks:
        return quiet("Shares need three runs or more of settings that differ.")
    return f'<p>{escape(how[0].upper() + how[1:])}.</p><div class="share-list">{"".join(blocks)}</div>'


def _runs(found: Sweep) -> str:
    """Those that did not finish, with their reasons; and below a list of all."""
    unfinished = [run for run in found.runs if run.state != "finished"]
    rows = "".join(
        f'<tr><th scope="row">{escape(in_words(run.setting, found.short))}</th><td>{run.seed}</td><td>{run.state}</td>'
        f'<td class="reason">{escape(run.reason)}</td></tr>'
        for run in unfinished
    )
    head = "<thead><tr><th>setting</th><th>seed</th><th>state</th><th>why</th></tr></thead>"
    table = f'<table class="plain">{head}<tbody>{rows}</tbody></table>'
    first = (
        f'<div class="table-scroll" tabindex="0" role="group" aria-label="Runs that did not finish">{table}</div>'
        if rows
        else quiet("Every run that was begun has finished.")
    )
    named = ((run, in_words(run.setting, found.short) or "the base") for run in found.finished)
    links = "".join(f"<li>{_link(found, run, f'{name}, seed {run.seed}')}</li>" for run, name in named)
    return f"{first}<details><summary>All reports</summary><ul class=report-list>{links}</ul></details>"
