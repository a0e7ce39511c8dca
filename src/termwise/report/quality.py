"""The quality of what is made as a table, beside one half of the real data, judged by the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from termwise.account import glossary
from termwise.report.rounding import MISSING, with_error

REAL = "_of_real"
"""How a reading of real data's halves is called, beside the reading's own name."""

_FEATURES = "features of "


def quality_table(account: Mapping[str, Any]) -> RenderableType:
    """For the terminal: a row a reading, with its bias; then whose features were looked at, and what to mind."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    table.add_column("reading")
    for title in ("made", "real"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    for row in rows(account):
        table.add_row(Text.assemble((row.title, "bold"), (f"\n{row.bias}", "dim")), row.made, row.real, row.unit)
    said = (Text(f" • {sentence}") for sentence in account.get("diagnosis") or [])
    return Group(table, *(Text(f" {line}", "dim") for line in [note(account)] if line), *said)


@dataclass(frozen=True)
class Row:
    """A reading of what was made, in words, beside the same of real data."""

    name: str
    title: str
    made: str
    real: str
    unit: str
    bias: str


def rows(account: Mapping[str, Any]) -> Iterator[Row]:
    """A row a reading; those of the classifier, by whose features they are, left out."""
    readings = account["readings"]
    for name, reading in readings.items():
        if not (name.endswith(REAL) or name.startswith("classifier_")):
            title, real = glossary.reading(name).title, readings.get(name + REAL)
            yield Row(name, title, _cell(reading), _cell(real), reading["unit"], reading["bias"])


def note(account: Mapping[str, Any]) -> str:
    """Whose features were looked at, and what the column of real data is; "" where no reading says."""
    estimators = [reading["estimator"] for reading in account["readings"].values()]
    seen = next((one.partition(_FEATURES)[2] for one in estimators if _FEATURES in one), None)
    return "" if seen is None else f"By {_FEATURES}{seen}. Real: one half of the real data, judged by the other."


def _cell(reading: Mapping[str, Any] | None) -> str:
    return MISSING if reading is None else with_error(reading["value"], reading["stderr"])
