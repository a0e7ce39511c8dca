"""The quality of what is made as a table, beside one half of the real data, judged by the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from termwise.account import glossary
from termwise.account.rounding import MISSING, with_error
from termwise.report.account_json import AccountJson, ReadingJson, withheld_sentences
from termwise.report.terminal import Entry, Fitting, Stacked, listed_diagnosis, plain_table

REAL = "_of_real"
"""How a reading of real data's halves is called, beside the reading's own name."""

WORDS = 30
"""The columns that a reading's words ask for beside its numbers, before they go below them."""

_FEATURES = "features of "


def quality_table(account: AccountJson) -> RenderableType:
    """For the terminal: what to mind; a row a reading, with its bias; then whose features were looked at."""
    table = plain_table()
    table.add_column("reading", min_width=WORDS)
    for title in ("made", "real"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("unit", style="dim", no_wrap=True)
    entries = []
    for row in quality_rows(account):
        table.add_row(Text.assemble((row.title, "bold"), (f"\n{row.bias}", "dim")), row.model, row.real, row.unit)
        below = Text(f"of real: {row.real}; {row.bias}", "dim")
        entries.append(Entry(Text(row.title, "bold"), Text(row.model), unit=row.unit, below=below))
    said = [*withheld_sentences(account), *(account.get("diagnosis") or [])]
    notes = (Text(f" {line}", "dim") for line in [quality_note(account)] if line)
    return Group(*listed_diagnosis(said), Fitting(table, Stacked(entries)) if entries else table, *notes)


@dataclass(frozen=True)
class QualityRow:
    """A reading of what a model makes, in words, beside the same of real data.

    Attributes:
        name: The reading's name in the account.
        title: Its name for people.
        model: Its value with its error, of samples or reconstructions.
        real: The same of real data.
        unit: The unit of both.
        bias: In which way it is off.
    """

    name: str
    title: str
    model: str
    real: str
    unit: str
    bias: str


def quality_rows(account: AccountJson) -> Iterator[QualityRow]:
    """A row a reading; those of the classifier, by whose features they are, left out."""
    readings = account["readings"]
    for name, reading in readings.items():
        if not (name.endswith(REAL) or name.startswith("classifier_")):
            title, real = glossary.reading(name).title, readings.get(name + REAL)
            yield QualityRow(name, title, _cell(reading), _cell(real), reading["unit"], reading["bias"])


def quality_note(account: AccountJson) -> str:
    """Whose features were looked at, and what the column of real data is; "" where no reading says."""
    estimators = [reading["estimator"] for reading in account["readings"].values()]
    network = next((one.partition(_FEATURES)[2] for one in estimators if _FEATURES in one), None)
    return "" if network is None else f"By {_FEATURES}{network}. Real: one half of the real data, judged by the other."


def _cell(reading: ReadingJson | None) -> str:
    return MISSING if reading is None else with_error(reading["value"], reading["stderr"])
