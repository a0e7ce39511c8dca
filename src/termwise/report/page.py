"""One HTML page that holds a whole run: it asks the network for nothing, and reads in light, in dark and on paper."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any

from termwise.report import curves, galleries, game_charts, generation_sections, sections
from termwise.report.game_diagnosis import verdicts
from termwise.report.pictures import Pictures
from termwise.report.run_summary import facts
from termwise.report.walk_diagram import standard_links


def page(
    *,
    title: str,
    config: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]],
    account: Mapping[str, Any],
    links: Sequence[Mapping[str, Any]],
    pictures: Pictures,
    quality: Sequence[Mapping[str, Any]] = (),
    attributes: Mapping[str, Any] | None = None,
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
    spec = curves.charts(metrics) | {"game": game_charts.charts(metrics, account)}
    spec["still"] = [c for c in spec["settings"] if curves.constant(c) is not None]
    spec["settings"] = [c for c in spec["settings"] if curves.constant(c) is None]
    judged = {
        "Quality": generation_sections.quality(quality),
        "Attributes": generation_sections.attributes(attributes, figures),
    }
    return Template(_resource("page.html")).substitute(
        title=escape(title),
        style=_resource("page.css"),
        script=_resource("page.js"),
        headline=sections.headline(title, facts(config), account),
        walk=sections.walk(_with_whole(links, account)),
        account=sections.account_table(account),
        diagnosis=sections.diagnosis(account),
        dimensions=sections.dimensions(account),
        curves=sections.game(spec, verdicts(metrics, account)) + sections.curves(spec),
        reconstructions=galleries.reconstructions(pictures),
        samples=galleries.samples(pictures),
        made="".join(f"{part}\n" for part in judged.values() if part),
        made_links="".join(f'<a href="#{name.lower()}">{name}</a>\n' for name, part in judged.items() if part),
        traversals=galleries.traversals(pictures, account),
        configuration=sections.configuration(config),
        data=_json({k: spec[k] for k in ("x", "game", "terms", "audit", "settings")}),
    )


def _with_whole(links: Sequence[Mapping[str, Any]], account: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The links, and where they lack them, the rate and the distortion of the account."""
    standard = standard_links(account)
    if not links:
        return list(standard)
    named = {link["name"] for link in links}
    return [*links, *(s for s in standard if s["name"] in {"rate", "distortion"} - named)]


def _json(value: object) -> str:
    """JSON that cannot end the script element that holds it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _resource(name: str) -> str:
    return files("termwise.report").joinpath(name).read_text(encoding="utf-8")
