"""`termwise recipes`: the named objectives."""

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the named objectives, with their links, options and papers."""
    from termwise.objectives import RECIPES
    from termwise.objectives.configured import plain
    from termwise.report.listing_tables import recipes_table

    rows = [
        {
            "name": entry.name,
            "formula": entry.formula,
            "source": entry.source,
            "options": {name: plain(parameter.default) for name, parameter in entry.options.items()},
        }
        for entry in RECIPES.values()
    ]
    if as_json:
        print_json({"recipes": rows})
        return
    show_table(recipes_table(rows))
