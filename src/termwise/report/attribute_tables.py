"""Attributes as tables: shares by attribute in percent, and what is one number for the model."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from termwise.account.rounding import MISSING, with_error
from termwise.measuring.attributes import BY_SIDE
from termwise.measuring.attributes.vectors import reading_ending
from termwise.report.account_json import AccountJson, ReadingJson, withheld_sentences
from termwise.report.terminal import Fitting, RowsOver, listed_diagnosis

WORDS = 14
"""The columns that names ask for beside numbers, before these are given in several tables."""


def attribute_table(account: AccountJson) -> RenderableType:
    """For the terminal: what to mind; a table a method, then what is one number for the model."""
    said = [*withheld_sentences(account), *(account.get("diagnosis") or [])]
    parts: list[RenderableType] = listed_diagnosis(said)
    for method in account["data"]["methods"]:
        parts += [Text(f" {edit_title(account, method)}", "bold"), _table(attribute_rows(account, method)), ""]
    return Group(*parts, Text(f" {attribute_note(account)}", "dim"), _table(model_rows(account)))


def edit_title(account: AccountJson, method: str) -> str:
    """How the edits of a method were made."""
    if method == BY_SIDE:
        return "side, another value beside x"
    return f"{method}, strength {account['data']['strength']:g}"


def attribute_note(account: AccountJson) -> str:
    """What the shares by attribute are of, and by whom they are judged."""
    return (
        f"% of {account['data']['n']} held-out images judged as asked, by a classifier that learned from real ones "
        "alone: real images and decoded ones as they are, attributes added, removed, and generated; 95% intervals. "
        "Gen. before: generated images judged to have it, before it was added."
    )


def attribute_rows(account: AccountJson, method: str) -> Iterator[list[str]]:
    """A row of titles, then a row an attribute: its name, and shares in percent."""
    readings, ending = account["readings"], reading_ending(method)
    columns = {
        "real\nimages": ["classifier_accuracy"],
        "decoded\n  0  |  1": ["attribute_reconstructed_lacking", "attribute_reconstructed_having"],
        "added": [f"attribute_added{ending}"],
        "removed": [f"attribute_removed{ending}"],
        "generated": [f"attribute_generated{ending}"],
        "gen.\nbefore": ["attribute_generated_before"],
    }
    yield ["attribute", *columns]
    for k, name in enumerate(account["data"]["attributes"]):
        cells = []
        for title, names in columns.items():
            by_attribute = [readings.get(f"{one}_by_attribute") for one in names]
            within = title in ("added", "removed", "generated")
            cells.append(" | ".join(_percent(reading, k, within) for reading in by_attribute))
        yield [name, *cells]


def model_rows(account: AccountJson) -> Iterator[list[str]]:
    """A row of titles, then what is asked, in rows, of the data, the reconstructions and the edits by each method."""
    readings, methods = account["readings"], account["data"]["methods"]
    yield ["mean over attributes", "data", "unedited", *methods]
    endings = [reading_ending(method) for method in methods]
    rows: dict[str, list[str | None]] = {
        "edits judged as asked": [None, "attribute_success_before", *(f"attribute_success{e}" for e in endings)],
        "other attributes kept": [None, None, *(f"attribute_others_kept{e}" for e in endings)],
        "generated with it judged to have it": [
            None, "attribute_generated_before", *(f"attribute_generated{e}" for e in endings)
        ],
        "feature distance of an edit; of two images": [
            None, "identity_scale", *(f"identity_distance{e}" for e in endings)
        ],
        "cosine of attributes, asked and predicted": [
            "attribute_cosine_of_data", "attribute_cosine_of_reconstructions",
            *(f"attribute_cosine_of_generated{e}" for e in endings),
        ],
        "squared error of the same": [
            "attribute_squared_error_of_data", "attribute_squared_error_of_reconstructions",
            *(f"attribute_squared_error_of_generated{e}" for e in endings),
        ],
    }  # fmt: skip
    for title, names in rows.items():
        cells = [None if name is None else readings.get(name) for name in names]
        if any(cells):
            yield [title, *(with_error(r["value"], r["stderr"]) if r else "" for r in cells)]


def _percent(reading: ReadingJson | None, k: int, within: bool) -> str:
    if reading is None or reading["value"][k] is None:
        return MISSING
    value, interval = reading["value"][k], reading["interval"]
    share = f"{100 * value:3.0f}"
    return f"{share}  {100 * interval[k][0]:.0f}–{100 * interval[k][1]:.0f}" if within and interval else share


def _table(rows: Iterator[list[str]]) -> RenderableType:
    """The rows, every number whole in a narrow terminal too: errors stand below, and columns below one another."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False, collapse_padding=True)
    first, *others = next(rows)
    table.add_column(first, style="bold", overflow="fold", min_width=WORDS)
    for title in others:
        table.add_column(title.replace("-", "-\n"), justify="right", no_wrap=True)
    lines = [(name, [Text(cell.replace(" ± ", "\n± ")) for cell in cells]) for name, *cells in rows]
    for name, cells in lines:
        table.add_row(Text(name), *cells)
    names, heads = ([Text(one) for one in ones] for ones in ([name for name, _ in lines], others))
    return Fitting(table, RowsOver(names, heads, [cells for _, cells in lines]))
