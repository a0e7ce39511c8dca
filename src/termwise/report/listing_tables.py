"""What there is to choose from, and what was verified, as tables for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from termwise.account.rounding import MISSING
from termwise.report.terminal import Fitting, plain_table

WORDS = 40
"""The columns that a check's words ask for beside its numbers, before these go below them."""


def recipes_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The named objectives: name, links beside the distortion, options with their defaults, and paper."""
    parts: list[RenderableType] = []
    for row in rows:
        options = "  ".join(f"{name}={_default(value)}" for name, value in row["options"].items())
        lines = [(f"distortion + {row['formula']}", "cyan"), (options, ""), (row["source"], "dim")]
        parts.append(Text(row["name"], "bold"))
        parts += [Padding(Text(line, style), (0, 0, 0, 2)) for line, style in lines if line]
    return Group(*parts)


def recipe_table(row: Mapping[str, Any]) -> RenderableType:
    """One named objective: its links and paper, what its function says, a line for each option, and who plays."""
    lines: list[RenderableType] = [Text(row["name"], "bold"), Text(f"distortion + {row['formula']}", "cyan")]
    lines += [Text(row["source"]), *([Text(row["about"], "dim")] if row["about"] else [])]
    if row["options"]:
        lines += ["", Text("options, and what they are where left out", "dim")]
        lines += [Text(f"  {name} = {_default(value)}") for name, value in row["options"].items()]
        one = next(iter(row["options"]))
        lines += [Text(f"  termwise train --recipe {row['name']} --set objective.{one}=VALUE", "dim")]
    lines += ["", Text("players, and what they own", "dim")]
    for player in row["players"]:
        moves = "" if player["moves"] == 1 else f", {player['moves']} moves a round"
        owns = ", ".join(player["owns"])
        lines.append(Text(f"  {player['name']}{'' if owns == player['name'] else f': {owns}'}{moves}"))
    return Group(*lines)


def sources_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Where data can come from, what it is, and the options that it takes."""
    table = plain_table()
    table.add_column("source", style="bold", no_wrap=True)
    table.add_column("what it is")
    for row in rows:
        options = [f"\n{name}: {meaning}" for name, meaning in row["options"].items()]
        table.add_row(row["name"], Text.assemble(row["description"], *((option, "dim") for option in options)))
    return table


def verification_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Checks of the theory, one below another, and a last line that says how many hold.

    Args:
        rows: For each check: name, equation, statement, left, right, residual, allowed, as_printed, own_terms, passed
            and note.
    """
    table, blocks = plain_table(), []
    table.add_column("")
    table.add_column("check", ratio=1, min_width=max((WORDS, *(len(row["name"]) for row in rows))))
    for side in ("left", "right", "residual", "allowed", "as printed"):
        table.add_column(side, justify="right", no_wrap=True)
    for row in rows:
        mark = Text("✓", "green") if row["passed"] else Text("✗", "bold red")
        words = Text.assemble(
            (row["name"], "bold"),
            f"  {row['equation']}{' *' if row['own_terms'] else ''}",
            (f"\n{row['statement']}", "dim"),
        )
        if not row["passed"]:
            words.append(f"\n{row['note']}", "red")
        sides = [MISSING if row[side] is None else f"{round(row[side], 5) + 0.0:.5f}" for side in ("left", "right")]
        errors = [
            MISSING if row[error] is None else f"{row[error]:.1e}" for error in ("residual", "allowed", "as_printed")
        ]
        table.add_row(mark, words, *sides, *errors)
        numbers = f"\n{sides[0]} and {sides[1]}: residual {errors[0]}, allowed {errors[1]}"
        block = Table.grid(padding=(0, 1))
        block.add_row(
            mark, words + Text(numbers if row["as_printed"] is None else f"{numbers}, as printed {errors[2]}")
        )
        blocks.append(block)
    failed = [row["name"] for row in rows if not row["passed"]]
    last = (
        f"{len(failed)} of {len(rows)} checks fail: {', '.join(failed)}"
        if failed
        else "The check holds."
        if len(rows) == 1
        else f"All {len(rows)} checks hold."
    )
    return Group(
        Fitting(table, Group(*blocks)),
        Text(" This holds the theory against worlds whose answers are known; * runs the library's own terms.", "dim"),
        Text(" as printed: the residual of the form that the notes print, which was corrected", "dim"),
        Text(f" {last}", "bold red" if failed else "bold"),
    )


def _default(value: object) -> str:
    if isinstance(value, Mapping):
        return tomli_w.dumps({"table": value}).partition("\n")[2].strip().replace("\n", ", ").join(("{ ", " }"))
    return "by the paper" if value is None else str(value)
