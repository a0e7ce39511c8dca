"""`termwise recipes`: the named objectives."""

import inspect
from typing import Annotated, Any

import typer

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="One of them, to look into.")] = None, as_json: Json = False
) -> None:
    """List the named objectives, with their links, options and papers; or look into one."""
    from termwise.objectives import RECIPES
    from termwise.registry import in_a_file
    from termwise.report.listing_tables import recipe_table, recipes_table

    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "formula": entry.formula,
            "source": entry.source,
            "options": {option: in_a_file(parameter.default) for option, parameter in entry.options.items()},
        }
        for entry in (RECIPES.values() if name is None else [RECIPES[name]])
    ]
    if name is None:
        print_json({"recipes": rows}) if as_json else show_table(recipes_table(rows))
        return
    (row,) = rows
    row["about"] = _about(inspect.getdoc(RECIPES[name].maker) or "")
    row["players"] = [
        {"name": player.name, "owns": list(player.owns), "moves": player.moves} for player in RECIPES[name]().players
    ]
    print_json(row) if as_json else show_table(recipe_table(row))


def _about(docstring: str) -> str:
    """All but the first line of a docstring, a paragraph a line."""
    paragraphs = docstring.partition("\n")[2].strip().split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)
