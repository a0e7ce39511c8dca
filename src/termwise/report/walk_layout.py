"""Where the links of a walk are placed: their stops in order, and each link an arc above those that it spans."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from termwise.errors import BadData
from termwise.report.walks import BESIDE

THICKEST = 22.0
"""The thickness of the longest link's arc, in pixels."""

FIRST_RISE, RISE = 92, 58
"""How high the lowest arcs stand above the line of stops, and how much higher each further level, in pixels."""

STEP, PILL = 186, 94
"""How far apart two stops stand, and how wide each is, in pixels."""


@dataclass(frozen=True)
class Arc:
    """One link, placed: the columns it joins, its level above the line and its thickness in pixels."""

    link: Mapping[str, Any]
    start: int
    end: int
    thickness: float
    level: int = 0

    @property
    def height(self) -> int:
        """How high the arc's crown stands above the line of stops."""
        return FIRST_RISE + RISE * self.level


def stops_in_order(links: Sequence[Mapping[str, Any]]) -> list[str]:
    """The stops in the order in which the links visit them.

    Raises:
        BadData: The links lead back to a stop that the walk has left.
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for link in links:
        sorter.add(link["to"], link["from"])
    try:
        return list(sorter.static_order())
    except CycleError as error:
        round_trip = " -> ".join(error.args[1])
        raise BadData(
            f"A walk goes from the posterior to the prior without coming back; these links go round: {round_trip}. "
            "Turn one of them."
        ) from None


def nats_of(link: Mapping[str, Any]) -> float | None:
    """The length of a link in nats, or None where it has none: another unit, or no finite value."""
    value = link.get("value")
    comparable = link.get("unit", "nats") == "nats" and value is not None and math.isfinite(value)
    return abs(float(value)) if comparable and value is not None else None


def place_arcs(links: Sequence[Mapping[str, Any]], stops: list[str]) -> list[Arc]:
    """The arcs of the links, with their columns, levels and thickness.

    An arc rises one level above every arc that it spans.
    """
    longest = max((nats_of(link) or 0.0 for link in links), default=0.0) or 1.0
    placed: list[Arc] = []
    for link in sorted(links, key=lambda k: stops.index(k["to"]) - stops.index(k["from"])):
        start, end = stops.index(link["from"]), stops.index(link["to"])
        below = [arc.level for arc in placed if arc.start < end and start < arc.end]
        level = max(below, default=-1) + 1
        placed.append(Arc(link, start, end, THICKEST * (nats_of(link) or 0.0) / longest, level))
    return placed


def arc_ports(arcs: list[Arc], columns: list[int]) -> dict[tuple[int, str], float]:
    """Where each arc meets its stops, side by side in an order in which no two arcs cross."""
    ports = {}
    for column, x in enumerate(columns):
        arriving = sorted((a for a in arcs if a.end == column), key=lambda a: a.level)
        leaving = sorted((a for a in arcs if a.start == column), key=lambda a: -a.level)
        ends = [(a, "end") for a in arriving] + [(a, "start") for a in leaving]
        at = x - (sum(a.thickness for a, _ in ends) + 6 * (len(ends) - 1)) / 2
        for arc, side in ends:
            ports[id(arc), side] = at + arc.thickness / 2
            at += arc.thickness + 6
    return ports


class PlacedWalk(NamedTuple):
    """Links as they are drawn.

    Attributes:
        stops: The stops, in order.
        columns: Where each stands from left to right, in pixels.
        arcs: The links between them.
        beside: The links in the space of x, which stand beside.
    """

    stops: list[str]
    columns: list[int]
    arcs: list[Arc]
    beside: list[Mapping[str, Any]]


def placed_walk(links: Sequence[Mapping[str, Any]]) -> PlacedWalk:
    """The links with name, from, to and value, placed."""
    beside = [link for link in links if {link["from"], link["to"]} & BESIDE]
    walked = [link for link in links if link not in beside]
    stops = stops_in_order(walked)
    return PlacedWalk(stops, [56 + STEP * i for i in range(len(stops))], place_arcs(walked, stops), beside)


def shoulder(x0: float, x1: float, height: float) -> float:
    """The radius by which an arc that rises at x0 and comes down at x1 is rounded above."""
    return min(0.56 * height, (x1 - x0) / 2)


def ruler_lengths(arcs: Sequence[Arc], stops: int) -> list[tuple[Arc, float]]:
    """The links between neighbouring stops with their nats, to be laid end to end; none unless all can be.

    A link that is negative by its error alone, two standard errors at the most, has no length; of one that is truly
    negative there is no ruler.
    """
    steps = sorted((a for a in arcs if a.end == a.start + 1), key=lambda a: a.start)
    lengths = [
        (a, nats if a.link["value"] >= 0 else 0.0)
        for a in steps
        if (nats := nats_of(a.link)) is not None and a.link["value"] >= -2 * (a.link.get("stderr") or 0.0)
    ]
    whole = len(steps) > 1 and len(lengths) == stops - 1 and sum(nats for _, nats in lengths) > 0
    return lengths if whole else []


def tick_of(length: float) -> float:
    """A round distance between marks, so that a ruler of this length has four to ten."""
    power = 10.0 ** math.floor(math.log10(length / 4))
    return max(m * power for m in (1, 2, 5) if m * power <= length / 4)
