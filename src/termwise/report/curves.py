"""The lines of metrics.jsonl as charts: one for each quantity, its splits as curves, ready for the page's script.

A chart is plain data: {"name", "title", "unit", "hue", "curves": [{"name", "role", "x", "y", "band"}]}, where the
role is "train", "held-out", "audit" or "setting" and the name a split's; band is a half-width around y, or None.
Numbers that are not finite become None, which the script draws as a gap. What critics minimise, and what the
autoencoder takes from them, is in `game_charts.py`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from termwise.account import glossary

MOST_POINTS = 1200
"""How many points a curve keeps about at most."""

Chart = dict[str, Any]
"""One chart, as plain data that the page's script draws."""

MetricsLine = Mapping[str, Any]
"""One line of metrics.jsonl."""


def run_charts(metrics: Sequence[MetricsLine]) -> dict[str, Any]:
    """All charts of a run: "x" (epoch or step), and "terms", "audit" and "settings", each a list of charts."""
    x = axis(metrics)
    splits, others = by_split(metrics), by_further_player(metrics)
    by_curve = {**splits, **others}
    leading = [line for lines in splits.values() for line in lines]
    audited = [line for line in metrics if line.get("split") == "audit"]

    def drawn(
        name: str, read: Callable[[MetricsLine], Any], title: str = "", only: Iterable[str] = tuple(splits)
    ) -> Chart:
        return chart(name, [curve(c, split_role(c), by_curve[c], x, read) for c in only], title)

    own = [name for name in names(leading, "terms") if not name.endswith(glossary.BY_CRITIC)]
    terms = [drawn("loss", under("loss")), *(drawn(name, under("terms", name)) for name in own)]
    settings = [drawn("learning_rate", under("learning_rate"))]
    settings += [drawn("learning_rate", under("learning_rate"), f"learning rate of the {p}", [p]) for p in others]
    runs = [line for lines in by_curve.values() for line in lines]
    weighing = [n for n in names(runs, "weights") if any(line.get("weights", {}).get(n) for line in runs)]
    settings += [drawn(n, under("weights", n), f"weight on {glossary.reading(n).title}", by_curve) for n in weighing]
    audit = [_audit(name, audited, x) for name in names(audited, "terms")]
    for line in (one for setting in settings for one in setting["curves"]):
        line["role"] = "setting"
    return {
        "x": x,
        "terms": [c for c in terms if c["curves"]],
        "audit": [c for c in audit if c["curves"]],
        "settings": [c for c in settings if c["curves"]],
    }


def by_split(metrics: Sequence[MetricsLine]) -> dict[str, list[MetricsLine]]:
    """The lines of the first player, whose objective is looked at on held-out data too, audits apart."""
    first = _first_player(metrics)
    lines: dict[str, list[MetricsLine]] = {}
    for line in metrics:
        if line.get("split") != "audit" and line.get("player", first) == first:
            lines.setdefault(str(line.get("split", "train")), []).append(line)
    return lines


def by_further_player(metrics: Sequence[MetricsLine]) -> dict[str, list[MetricsLine]]:
    """The lines of the players after the first, such as critics."""
    first = _first_player(metrics)
    lines: dict[str, list[MetricsLine]] = {}
    for line in metrics:
        if line.get("player", first) != first:
            lines.setdefault(line["player"], []).append(line)
    return lines


def _first_player(metrics: Sequence[MetricsLine]) -> str | None:
    return next((line["player"] for line in metrics if "player" in line), None)


def constant_values(chart: Chart) -> dict[str, float] | None:
    """The values that a chart's curves hold throughout, by their names, or None where one moves."""
    values = {curve["name"]: set(curve["y"]) for curve in chart["curves"]}
    return None if any(len(each) != 1 for each in values.values()) else {name: y for name, (y,) in values.items()}


def is_a_point(chart: Chart) -> bool:
    """Whether each of a chart's curves is one point, so that there is nothing to be drawn over training."""
    return all(len(curve["x"]) == 1 for curve in chart["curves"])


def finite(value: object) -> float | None:
    """The value to seven significant digits, or None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.7g}")


def _audit(name: str, lines: Sequence[MetricsLine], x: str) -> Chart:
    differences = curve("training − Full", "audit", lines, x, under("terms", name, "difference"))
    errors = curve("", "audit", lines, x, under("terms", name, "stderr"), keep=differences["x"])
    differences["band"] = [None if s is None else 2 * s for s in errors["y"]]
    return chart(name, [differences])


def chart(name: str, curves: Iterable[dict[str, Any]], title: str = "") -> Chart:
    """A chart of those curves that have points, with the name, the unit and the colour of a quantity."""
    entry = glossary.reading("elbo" if name == "loss" else name)
    title = title or glossary.reading(name).title
    return {
        "name": name,
        "title": title,
        "unit": entry.unit.replace("^2", "²"),
        "hue": entry.term,
        "curves": [c for c in curves if c["x"]],
    }


def curve(
    name: str,
    role: str,
    lines: Sequence[MetricsLine],
    x: str,
    read: Callable[[MetricsLine], Any],
    keep: Sequence[float] | None = None,
) -> dict[str, Any]:
    """One curve; `keep` fixes its points, else lines without the quantity are left out and long runs thinned."""
    points = [(finite(line.get(x)), read(line)) for line in lines]
    kept = [(at, finite(value)) for at, value in points if at is not None and value is not None]
    if keep is None:
        kept = _thinned(kept)
    else:
        at_hand = dict(kept)
        kept = [(at, at_hand.get(at)) for at in keep]
    return {"name": name, "role": role, "x": [at for at, _ in kept], "y": [y for _, y in kept], "band": None}


def _thinned(points: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """The lowest and the highest point of each stretch, and the ends, so that no spike is lost."""
    if len(points) <= MOST_POINTS:
        return points
    stretch = -(-len(points) // (MOST_POINTS // 2))
    kept = {0, len(points) - 1}
    for start in range(0, len(points), stretch):
        part = range(start, min(start + stretch, len(points)))
        gaps = [i for i in part if points[i][1] is None]
        numbers = sorted((i for i in part if points[i][1] is not None), key=lambda i: points[i][1] or 0.0)
        kept.update(gaps[:1], numbers[:1], numbers[-1:])
    return [points[i] for i in sorted(kept)]


def axis(metrics: Sequence[MetricsLine]) -> str:
    """What charts are drawn over: "epoch", or "step" where a split has several lines in one epoch."""
    places = [(line.get("split"), line.get("player"), line.get("epoch")) for line in metrics]
    return "epoch" if len(set(places)) == len(places) and all("epoch" in line for line in metrics) else "step"


def names(lines: Sequence[MetricsLine], key: str) -> list[str]:
    """Every name under the key, those of the glossary first and in its order."""
    return glossary.in_order(name for line in lines for name in line.get(key) or {})


def under(*keys: str) -> Callable[[MetricsLine], Any]:
    """A reader of what lies under the keys, one inside the other; None where a line has no such thing."""

    def read(line: MetricsLine) -> Any:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return read


def split_role(name: str) -> str:
    """How a split's curve is drawn."""
    return "train" if name == "train" else "held-out"
