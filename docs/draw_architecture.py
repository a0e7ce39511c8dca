"""Draw the rooms of src/termwise, and who stands on whom, from the imports as they are: docs/architecture.svg.

    python docs/draw_architecture.py

A room's floor is one above the highest room that it imports. Arrows that follow from others are left out: who stands on
a room stands on all that carries it.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "termwise"
DRAWING = HERE / "architecture.svg"

Graph = Mapping[str, set[str]]

WIDTH, MARGIN, TOP, GAP = 940, 24, 72, 34
COLUMNS = ((24, 268), (292, 648), (672, 916))
"""Left wing, body and right wing: where each begins and ends, in pixels."""
TURN = 10
"""How round the corners of arrows are."""
WINGS = {"account": 0, "measuring": 0, "worlds": 2}
"""Rooms beside the body; another of the same floor has the body, or all that is left of the width."""
NARROW = {"data", "models", "terms", "objectives", "training"}
"""Rooms that keep to the body, so that arrows find a way beside them."""
HUES = {
    "errors": "other", "registry": "other", "account": "rate", "data": "elbo", "models": "mi", "terms": "marginal",
    "objectives": "tc", "training": "distortion", "worlds": "dw", "measuring": "rate",
}  # fmt: skip

STYLE = """
svg { --paper: #fdfcfa; --panel: #f5f3ee; --ink: #1d2129; --muted: #5c6370; --line: #d8d3c8; --chip: #efece5;
  --distortion: #be3b5e; --rate: #5b5bd6; --elbo: #38445a; --mi: #2476d2; --marginal: #a04fc0; --tc: #cc6a10;
  --dw: #12886b; --other: #7a7f8c }
@media (prefers-color-scheme: dark) {
  svg { --paper: #1c1f26; --panel: #14161b; --ink: #e7e5e0; --muted: #a0a5af; --line: #3a3f4a; --chip: #2a2f38;
    --distortion: #ee8098; --rate: #9a9bf5; --elbo: #c3cbd9; --mi: #5ea4f2; --marginal: #c98be0; --tc: #eb9a4b;
    --dw: #45b896; --other: #9a9faa }
}
text { font-family: Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  fill: var(--ink); font-size: 12.5px }
.title { font: 600 22px Palatino, "Palatino Linotype", Georgia, "Liberation Serif", serif }
.name { font-size: 16px; font-weight: 600 }
.says, .count, .caption { fill: var(--muted) }
.count, .chip text { font-size: 11.5px }
.room rect { fill: var(--paper); stroke: var(--line) }
.chip rect { fill: var(--chip); stroke: none }
.arrow { fill: none; stroke: var(--muted); stroke-width: 1.6 }
#head path { fill: var(--muted) }
"""


@dataclass(frozen=True)
class Room:
    """One folder of the library, or one file beside them.

    Attributes:
        name: What it is called.
        says: The first line of its docstring.
        files: How many modules it has, in all.
        folders: How many modules each of its own folders has, by name.
    """

    name: str
    says: str
    files: int
    folders: Mapping[str, int]


@dataclass(frozen=True)
class Box:
    """Where a room is drawn, in pixels."""

    left: float
    right: float
    top: float
    bottom: float


def rooms(source: Path = SOURCE) -> dict[str, Room]:
    """Every room, by name."""
    by_name = {}
    for path in sorted(source.iterdir()):
        home = path / "__init__.py" if path.is_dir() else path
        if home.suffix == ".py" and home.exists() and path.stem != "__init__":
            says = (ast.get_docstring(ast.parse(home.read_text())) or "").split("\n")[0]
            says = says.rstrip(".").replace("->", "→").replace("`", "")
            inner = [folder for folder in sorted(path.glob("*/")) if (folder / "__init__.py").exists()]
            by_name[path.stem] = Room(path.stem, says, _files(path), {folder.name: _files(folder) for folder in inner})
    return by_name


def _files(path: Path) -> int:
    """How many modules there are, an `__init__` not counted."""
    return 1 if path.is_file() else sum(file.stem != "__init__" for file in path.rglob("*.py"))


def imports(source: Path = SOURCE) -> dict[str, set[str]]:
    """The rooms that each room imports, wherever in its modules."""
    names = rooms(source)
    graph: dict[str, set[str]] = {name: set() for name in names}
    for path in source.rglob("*.py"):
        room = path.relative_to(source).with_suffix("").parts[0]
        if room in graph:
            graph[room] |= {name for name in _imported(path.read_text(), source.name) if name in names} - {room}
    return graph


def _imported(code: str, package: str) -> Iterator[str]:
    """What a module imports of `package`, by the name that comes after it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (module.split(".")[1] for module in modules if module.startswith(f"{package}."))


def floors(graph: Graph) -> dict[str, int]:
    """The floor of each room: 0 where it imports none, else one above the highest that it imports."""
    floor: dict[str, int] = {}

    def floor_of(room: str, path: tuple[str, ...] = ()) -> int:
        if room in path:
            raise SystemExit(f"Rooms import one another in a circle: {' -> '.join([*path, room])}.")
        if room not in floor:
            floor[room] = max((floor_of(below, (*path, room)) + 1 for below in graph[room]), default=0)
        return floor[room]

    return {room: floor_of(room) for room in graph}


def arrows(graph: Graph) -> list[tuple[str, str]]:
    """Who imports whom, without what follows from the rest."""
    reached: dict[str, set[str]] = {}
    for room in sorted(graph, key=floors(graph).__getitem__):
        reached[room] = set(graph[room]).union(*(reached[below] for below in graph[room]))
    return [
        (room, below)
        for room in sorted(graph)
        for below in sorted(graph[room])
        if not any(below in reached[other] for other in graph[room])
    ]


def drawing(source: Path = SOURCE) -> str:
    """The drawing as SVG."""
    every, graph = rooms(source), imports(source)
    boxes = _boxes(every, floors(graph))
    height = max(box.bottom for box in boxes.values()) + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        'aria-labelledby="title description">',
        '<title id="title">The rooms of termwise, in floors</title>',
        f'<desc id="description">{escape(_in_words(every, graph))}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height:g}" rx="14" style="fill: var(--panel)"/>',
        f'<text class="title" x="{MARGIN}" y="42">The house, floor by floor</text>',
        *(_arrow(boxes, above, below) for above, below in arrows(graph)),
        *(_room(every[name], boxes[name]) for name in sorted(boxes)),
        *_caption(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(every: Mapping[str, Room], graph: Graph) -> str:
    stands = [f"{name} on {', '.join(below for above, below in arrows(graph) if above == name)}" for name in every]
    return f"Which room stands on which: {'; '.join(line for line in stands if not line.endswith(' on '))}."


def _boxes(every: Mapping[str, Room], floor_of: Mapping[str, int]) -> dict[str, Box]:
    """Floors from the top of the drawing to its bottom."""
    boxes: dict[str, Box] = {}
    top: float = TOP
    for floor in range(max(floor_of.values()), -1, -1):
        here = [name for name in every if floor_of[name] == floor]
        spans = _spans(here)
        heights = {name: _height(every[name], right - left) for name, (left, right) in spans.items()}
        boxes |= {name: Box(left, right, top, top + heights[name]) for name, (left, right) in spans.items()}
        top += max(heights.values()) + GAP
    return boxes


def _spans(here: list[str]) -> dict[str, tuple[float, float]]:
    """Where each room of one floor begins and ends, in pixels."""
    spans: dict[str, tuple[float, float]] = {name: COLUMNS[WINGS[name]] for name in here if name in WINGS}
    body = [name for name in here if name not in WINGS]
    taken = {WINGS[name] for name in here if name in WINGS} | ({0, 2} if NARROW & set(body) else set())
    free = [column for number, column in enumerate(COLUMNS) if number not in taken]
    left, right = free[0][0], free[-1][1]
    share = (right - left + GAP) / max(1, len(body))
    for number, name in enumerate(body):
        spans[name] = left + number * share, left + (number + 1) * share - GAP
    return spans


def _height(room: Room, width: float) -> float:
    lines, rows = len(_lines(room.says, width - 32)), len(_rows(room, width))
    return 38 + 17 * lines + (8 + 25 * rows if rows else 2) + 6


def _lines(text: str, width: float) -> list[str]:
    """The text in lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if _wide(longer) <= width else [*lines, word]
    return [line for line in lines if line]


def _wide(text: str) -> float:
    """About how many pixels a text of the common size takes."""
    return 6.7 * len(text)


def _rows(room: Room, width: float) -> list[list[tuple[str, float, float]]]:
    """The room's folders in rows: what each says, where it begins, how wide it is."""
    rows: list[list[tuple[str, float, float]]] = []
    x = width
    for name, count in room.folders.items():
        says = f"{name}/ {count}"
        wide = _wide(says) * 0.91 + 16
        if x + wide > width - 16:
            rows.append([])
            x = 16
        rows[-1].append((says, x, wide))
        x += wide + 6
    return rows


def _room(room: Room, box: Box) -> str:
    width = box.right - box.left
    hue = HUES.get(room.name, "elbo")
    name, count = (f"{room.name}/", f"{room.files} files") if room.files > 1 else (f"{room.name}.py", "")
    parts = [
        f'<g class="room" id="room-{room.name}" transform="translate({box.left:g} {box.top:g})">',
        f'<rect width="{width:g}" height="{box.bottom - box.top:g}" rx="9"/>',
        f'<rect x="0" y="12" width="4" height="20" rx="2" style="fill: var(--{hue}); stroke: none"/>',
        f'<text class="name" x="16" y="28">{name}</text>',
        f'<text class="count" x="{width - 16:g}" y="28" text-anchor="end">{count}</text>',
    ]
    y = 49
    for line in _lines(room.says, width - 32):
        parts.append(f'<text class="says" x="16" y="{y}">{escape(line)}</text>')
        y += 17
    y -= 5
    for row in _rows(room, width):
        for says, x, wide in row:
            parts.append(
                f'<g class="chip"><rect x="{x:g}" y="{y}" width="{wide:.0f}" height="20" rx="5"/>'
                f'<text x="{x + 8:g}" y="{y + 14}">{says}</text></g>'
            )
        y += 25
    return "\n".join([*parts, "</g>"])


def _arrow(boxes: Mapping[str, Box], above: str, below: str) -> str:
    """Straight down where nothing stands between; else by the way that is free into the side of the room below."""
    start, end = boxes[above], boxes[below]
    between = [box for box in boxes.values() if start.bottom < box.bottom and box.top < end.top and box != start]
    left, right = max(start.left, end.left), min(start.right, end.right)
    straight = [x for x in _steps(left, right) if _free(x, between)]
    if straight:
        path = f"M{straight[len(straight) // 2]:g},{start.bottom:g} V{end.top - 1:g}"
    else:
        way = 1 if start.left < end.left else -1
        y, side = (end.top + end.bottom) / 2, end.left - 1 if way > 0 else end.right + 1
        x = start.right - 36 if way > 0 else start.left + 36
        turn = f"V{y - TURN:g} Q{{x:g}},{y:g} {{out:g}},{y:g} H{side:g}"
        if _free(x, between):
            path = f"M{x:g},{start.bottom:g} " + turn.format(x=x, out=x + way * TURN)
        else:  # between the columns
            edge, from_y = (start.right, start.bottom - 16) if way > 0 else (start.left, start.bottom - 16)
            x = edge + way * 12
            path = f"M{edge:g},{from_y:g} H{x - way * TURN:g} Q{x:g},{from_y:g} {x:g},{from_y + TURN:g} "
            path += turn.format(x=x, out=x + way * TURN)
    return f'<path class="arrow" id="{above}-on-{below}" d="{path}" marker-end="url(#head)"/>'


def _free(x: float, between: Iterable[Box]) -> bool:
    """Whether a line down at x meets no room."""
    return not any(box.left - 8 < x < box.right + 8 for box in between)


def _steps(left: float, right: float) -> Iterable[float]:
    return [left + 4 * step for step in range(2, int((right - left) / 4) - 1)]


def _caption(height: float) -> list[str]:
    lines = (
        "An arrow says: imports. Who stands on a room stands on all that carries it, and such arrows are left out.",
        "A room's words are the first line of its docstring; beside its folders, how many files each has.",
    )
    return [
        f'<text class="caption" x="{MARGIN}" y="{height - 38 + 18 * number:g}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]


if __name__ == "__main__":
    DRAWING.write_text(drawing())
    sys.stdout.write(f"{DRAWING}\n")
