"""One HTML page that holds a whole run: it asks the network for nothing, and reads in light, in dark and on paper."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any

from termwise.report import galleries, generation_sections, markup, sections
from termwise.report.account_json import AccountJson
from termwise.report.curves import MetricsLine, constant_values, is_a_point, run_charts
from termwise.report.dimension_bars import dimensions_section
from termwise.report.game_charts import game_charts
from termwise.report.game_diagnosis import diagnose_game
from termwise.report.pictures import Pictures
from termwise.report.run_summary import run_summary
from termwise.report.term_colours import css_variables
from termwise.report.walks import standard_links

DRAWN = ("game", "terms", "audit", "settings")
"""The groups of charts that the page's script draws."""


def page(
    *,
    title: str,
    config: Mapping[str, Any],
    metrics: Sequence[MetricsLine],
    account: AccountJson,
    links: Sequence[Mapping[str, Any]],
    pictures: Pictures,
    quality: Sequence[AccountJson] = (),
    attributes: AccountJson | None = None,
    figures: Mapping[str, bytes] = MappingProxyType({}),
) -> str:
    """The page as text.

    Args:
        title: The heading, for example the name of the run.
        config: The run's configuration.
        metrics: The lines of metrics.jsonl, possibly none.
        account: An account with readings and a diagnosis.
        links: The walk, as `walk_svg` takes it; the rate and the distortion are added from the account where they
            are left out, and with no links at all the standard walk is drawn.
        pictures: What to show; any of it may be left out.
        quality: Accounts of the quality of samples and of reconstructions, those that there are.
        attributes: The account of edits by attribute, where there is one.
        figures: PNGs of those edits, by method.

    Raises:
        BadData: The links go round in a circle.
    """
    spec = run_charts(metrics) | {"game": game_charts(metrics, account)}
    spec["still"] = [c for c in spec["settings"] if constant_values(c) is not None]
    spec["settings"] = [c for c in spec["settings"] if constant_values(c) is None]
    for group in DRAWN:
        spec.setdefault("points", []).extend(filter(is_a_point, spec[group]))
        spec[group] = [c for c in spec[group] if not is_a_point(c)]
    optional = {
        "Values": galleries.side_gallery(pictures),
        "Quality": generation_sections.quality_section(quality),
        "Attributes": generation_sections.attributes_section(attributes, figures),
    }
    optional = {name: part for name, part in optional.items() if part}
    before, after = _galleries(pictures, account)
    shown = [*before, *optional, *after]
    return Template(page_resource("page.html")).substitute(
        title=escape(title),
        style=page_style(),
        script=page_resource("page.js"),
        headline=sections.headline_section(title, run_summary(config).sentence(), account),
        tiles=sections.tiles_section(account),
        walk=sections.walk_section(_with_whole(links, account)),
        account=sections.account_section(account),
        diagnosis=sections.diagnosis_section(account),
        dimensions=dimensions_section(account),
        curves=sections.game_section(spec, diagnose_game(metrics, account)) + sections.curves_section(spec),
        pictures="".join(f"{part}\n" for part in (*before.values(), *optional.values(), *after.values())),
        picture_links="".join(f'<a href="#{name.lower()}">{name}</a>\n' for name in shown),
        configuration=sections.configuration_section(config),
        data=page_json({k: spec[k] for k in ("x", *DRAWN)}),
    )


def _galleries(pictures: Pictures, account: AccountJson) -> tuple[dict[str, str], dict[str, str]]:
    """The sections of pictures, by their links, before those of quality and after; one where none can be had."""
    names = ("reconstructions", "samples", "traversals")
    reasons = {pictures.missing.get(name) for name in names}
    if len(reasons) == 1 and (reason := reasons.pop()):
        none = markup.quiet(f"{reason} There are neither reconstructions, samples nor traversals.")
        return {"Pictures": _section("pictures", "Pictures", none)}, {}
    return {
        "Reconstructions": _section("reconstructions", "Reconstructions", galleries.reconstruction_gallery(pictures)),
        "Samples": _section("samples", "Samples from the prior", galleries.sample_gallery(pictures)),
    }, {"Traversals": _section("traversals", "Latent traversals", galleries.traversal_gallery(pictures, account))}


def _section(name: str, heading: str, body: str) -> str:
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">\n<h2 id="{name}-heading">{heading}</h2>\n{body}\n'
        "</section>"
    )


def _with_whole(links: Sequence[Mapping[str, Any]], account: AccountJson) -> list[Mapping[str, Any]]:
    """The links, and where they lack them, the rate and the distortion of the account."""
    standard = standard_links(account)
    if not links:
        return list(standard)
    named = {link["name"] for link in links}
    return [*links, *(s for s in standard if s["name"] in {"rate", "distortion"} - named)]


def page_style() -> str:
    """The page's CSS, with the colours of the terms as variables in light and in dark."""
    colours = {"light": css_variables("light", indent="  "), "dark": css_variables("dark", indent="    ")}
    names = {f"term_colours_{theme}": lines for theme, lines in colours.items()}
    return Template(page_resource("page.css")).substitute(names)


def page_json(value: object) -> str:
    """JSON that cannot end the script element that holds it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def page_resource(name: str) -> str:
    """A file of the report's own as text: its HTML, its script, its style."""
    return files("termwise.report").joinpath(name).read_text(encoding="utf-8")
