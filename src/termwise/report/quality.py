"""The quality of samples as a table: what is made beside one half of the real data, judged by the other."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from termwise.report.rounding import MISSING, with_error

REAL = "_of_real"
"""How a reading of real data's halves is called, beside the reading's own name."""

_FEATURES = "features of "


def quality_table(account: Mapping[str, Any]) -> RenderableType:
    """A row a reading, with its bias; then whose features were looked at, and what to mind."""
    readings = account["readings"]
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("reading")
    for title in ("made", "real"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    for name, reading in readings.items():
        if name.endswith(REAL) or name.startswith("classifier_"):
            continue
        said = Text.assemble((name.replace("_", " "), "bold"), (f"\n{reading['bias']}", "dim"))
        table.add_row(said, _cell(reading), _cell(readings.get(name + REAL)), reading["unit"])
    estimators = [reading["estimator"] for reading in readings.values()]
    seen = next((one.partition(_FEATURES)[2] for one in estimators if _FEATURES in one), None)
    parts: list[RenderableType] = [table]
    if seen is not None:
        parts.append(Text(f" By {_FEATURES}{seen}. Real: one half of the real data, judged by the other.", "dim"))
    return Group(*parts, *(Text(f" • {sentence}") for sentence in account.get("diagnosis") or []))


def _cell(reading: Mapping[str, Any] | None) -> str:
    return MISSING if reading is None else with_error(reading["value"], reading["stderr"])
