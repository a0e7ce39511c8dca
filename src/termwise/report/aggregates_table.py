"""The laws of groups on the terminal: which groups are alike, and where codes are likelier in some than in others."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Group, RenderableType
from rich.text import Text

from termwise.measuring.aggregates.by_group import GroupAggregates
from termwise.measuring.aggregates.group_files import GroupRatio
from termwise.report.terminal import plain_table

MOST_GROUPS = 50
"""More groups than so many are not listed."""
SURE = 2.0
"""Standard errors by which a log ratio must be off 0 to be counted."""


def aggregates_json(laws: GroupAggregates, ratios: Sequence[GroupRatio]) -> dict[str, Any]:
    """What `aggregates_table` shows, as JSON."""
    distances = [[value if math.isfinite(value) else None for value in row] for row in laws.distances().tolist()]
    sizes = laws.sizes.tolist()
    return {
        "examples": len(laws.codes),
        "groups": [{"name": name, "examples": size} for name, size in zip(laws.names, sizes, strict=True)],
        "distances": distances,
        "ratios": [
            {
                "these": ratio.these,
                "those": ratio.those,
                "groups": {name: _counted(laws, ratio, place) for place, name in enumerate(laws.names)},
            }
            for ratio in ratios
        ],
    }


def aggregates_table(laws: GroupAggregates, ratios: Sequence[GroupRatio]) -> RenderableType:
    """A row a group, with the groups that its codes are nearest to and farthest from; then a table a ratio."""
    content = aggregates_json(laws, ratios)
    table = plain_table()
    ends = ("nearest", "farthest") if len(laws) > 2 else ("other",)
    for title in ("group", "examples", *(title for end in ends for title in (end, "nats"))):
        table.add_column(title, justify="right" if title in ("examples", "nats") else "left")
    for place, group in enumerate(content["groups"][:MOST_GROUPS]):
        distances = zip(content["distances"][place], laws.names, strict=True)
        others = sorted((far, name) for far, name in distances if far is not None and name != group["name"])
        shown = (others[0], others[-1])[: len(ends)] if others else ((None, "-"),) * len(ends)
        cells = [cell for far, name in shown for cell in (name, "-" if far is None else f"{far:.2f}")]
        table.add_row(Text(group["name"], "bold"), f"{group['examples']:,}", *cells)
    more = len(laws) - MOST_GROUPS
    parts: list[RenderableType] = [table]
    parts += [Text(f" and {more:,} groups more", "dim")] if more > 0 else []
    parts.append(Text(" nats: how much likelier a group's codes are under its own law than under the other's", "dim"))
    for of, ratio in zip(content["ratios"], ratios, strict=True):
        parts += ["", Text(f" log ratio of {', '.join(of['these'])} over {', '.join(of['those'])}", "bold")]
        parts.append(_ratio_table(of, ratio))
    return Group(*parts)


def _ratio_table(of: dict[str, Any], ratio: GroupRatio) -> RenderableType:
    known = ratio.found.stderr is not None
    table = plain_table()
    for title in ("codes of", "mean", "likelier" if known else "above 0", "less likely" if known else "below 0"):
        table.add_column(title, justify="left" if title == "codes of" else "right")
    for name, row in list(of["groups"].items())[:MOST_GROUPS]:
        mean = "-" if row["mean"] is None else f"{row['mean']:+.2f}"
        table.add_row(Text(name, "bold"), mean, f"{row['above']:,}", f"{row['below']:,}")
    said = (
        f" counted where it is more than {SURE:g} standard errors off 0; the error is over groups, by the jackknife"
        if known
        else " without an error, which is over groups, and asks for two on one side at the least"
    )
    return Group(table, Text(said, "dim"))


def _counted(laws: GroupAggregates, ratio: GroupRatio, place: int) -> dict[str, Any]:
    """Of the codes of one group: their mean log ratio, and how many are likelier on either side."""
    rows = laws.groups == place
    values = ratio.found.log_ratio[rows]
    least = torch.zeros_like(values) if ratio.found.stderr is None else SURE * ratio.found.stderr[rows]
    mean = float(values.mean())
    return {
        "mean": mean if math.isfinite(mean) else None,
        "above": int((values > least).sum()),
        "below": int((values < -least).sum()),
    }
