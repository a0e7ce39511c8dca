"""The lines of metrics.jsonl as charts: one for each quantity, its splits as curves, ready for the page's script.

A chart is plain data: {"name", "title", "unit", "hue", "curves": [{"name", "role", "x", "y", "band"}]}, where the
role is "train", "held-out", "audit" or "setting" and the name a split's or, for the terms of a further player such as
a critic, that player's; band is a half-width around y, or None. Numbers that are not
finite become None, which the script draws as a gap.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from termwise.report import glossary

MOST_POINTS = 1200
Chart = dict[str, Any]
Line = Mapping[str, Any]


def charts(metrics: Sequence[Line]) -> dict[str, Any]:
    """All charts of a run: "x" (epoch or step), and "terms", "audit" and "settings", each a list of charts."""
    x = _axis(metrics)
    runs = [line for line in metrics if line.get("split") != "audit"]
    first = next((line["player"] for line in runs if "player" in line), None)
    others = list(dict.fromkeys(line["player"] for line in runs if line.get("player", first) != first))
    leading = [line for line in runs if line.get("player", first) == first]
    splits = list(dict.fromkeys(str(line.get("split", "train")) for line in leading))
    by_curve = {split: [line for line in leading if line.get("split", "train") == split] for split in splits}
    by_curve |= {player: [line for line in runs if line.get("player") == player] for player in others}
    audited = [line for line in metrics if line.get("split") == "audit"]

    def chart(name: str, read: Callable[[Line], Any], title: str = "", only: Sequence[str] = tuple(by_curve)) -> Chart:
        curves = [_curve(c, _role(c, splits), by_curve[c], x, read) for c in only]
        return _chart(name, title, [c for c in curves if c["x"]])

    terms = [chart("loss", _at("loss"), only=splits), *(chart(n, _at("terms", n)) for n in _names(runs, "terms"))]
    settings = [chart("learning_rate", _at("learning_rate"), only=splits)]
    settings += [chart("learning_rate", _at("learning_rate"), f"learning rate of the {p}", [p]) for p in others]
    weighing = [n for n in _names(runs, "weights") if any(line.get("weights", {}).get(n) for line in runs)]
    settings += [chart(n, _at("weights", n), f"weight on {glossary.reading(n).title}") for n in weighing]
    audit = [_audit(name, audited, x) for name in _names(audited, "terms")]
    for setting in settings:
        for curve in setting["curves"]:
            curve["role"] = "setting"
    return {
        "x": x,
        "terms": [c for c in terms if c["curves"]],
        "audit": [c for c in audit if c["curves"]],
        "settings": [c for c in settings if c["curves"]],
    }


def constant(chart: Chart) -> float | None:
    """The one value that a chart's curves hold throughout, or None where they move."""
    values = {y for curve in chart["curves"] for y in curve["y"]}
    return values.pop() if len(values) == 1 else None


def finite(value: object) -> float | None:
    """The value to seven significant digits, or None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.7g}")


def _audit(name: str, lines: Sequence[Line], x: str) -> Chart:
    curve = _curve("training − Full", "audit", lines, x, _at("terms", name, "difference"))
    errors = _curve("", "audit", lines, x, _at("terms", name, "stderr"), keep=curve["x"])
    curve["band"] = [None if s is None else 2 * s for s in errors["y"]]
    return _chart(name, "", [curve] if curve["x"] else [])


def _chart(name: str, title: str, curves: list[dict[str, Any]]) -> Chart:
    entry = glossary.reading("elbo" if name == "loss" else name)
    title = title or glossary.reading(name).title
    return {"name": name, "title": title, "unit": entry.unit, "hue": entry.hue, "curves": curves}


def _curve(
    name: str,
    role: str,
    lines: Sequence[Line],
    x: str,
    read: Callable[[Line], Any],
    keep: Sequence[float] | None = None,
) -> dict[str, Any]:
    """One curve; `keep` fixes its points, else lines without the quantity are left out and long runs thinned."""
    points = [(finite(line.get(x)), read(line)) for line in lines]
    held = [(at, finite(value)) for at, value in points if at is not None and value is not None]
    if keep is None:
        held = _thinned(held)
    else:
        known = dict(held)
        held = [(at, known.get(at)) for at in keep]
    return {"name": name, "role": role, "x": [at for at, _ in held], "y": [y for _, y in held], "band": None}


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


def _axis(metrics: Sequence[Line]) -> str:
    """Epochs, unless a split has several lines in one."""
    seen = [(line.get("split"), line.get("player"), line.get("epoch")) for line in metrics]
    return "epoch" if len(set(seen)) == len(seen) and all("epoch" in line for line in metrics) else "step"


def _names(lines: Sequence[Line], key: str) -> list[str]:
    """Every name under the key, those of the glossary first and in its order."""
    names = dict.fromkeys(name for line in lines for name in line.get(key) or {})
    known = [name for name in glossary.READINGS if name in names]
    return known + [name for name in names if name not in glossary.READINGS]


def _at(*keys: str) -> Callable[[Line], Any]:
    """A reader of what lies under the keys, one inside the other; None where a line has no such thing."""

    def read(line: Line) -> Any:
        found: Any = line
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    return read


def _role(curve: str, splits: Sequence[str]) -> str:
    return "held-out" if curve in splits and curve != "train" else "train"
