"""`termwise data`: the sources of data, and what is in one."""

from typing import Annotated, Any

import typer

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def data(
    source: Annotated[str | None, typer.Argument(help="A source's name, or a path, to look into.")] = None,
    as_json: Json = False,
) -> None:
    """List the sources of data, or look into one."""
    from termwise.data import FORMATS, SOURCES, load_data
    from termwise.data.load import COMMON_OPTIONS
    from termwise.report.listing_tables import sources_table

    if source is None:
        rows: list[dict[str, Any]] = [
            {"name": row.name, "description": row.summary, "options": row.meanings}
            for row in (*SOURCES.values(), *FORMATS.values())
        ]
        rows.append(
            {
                "name": "any of them",
                "description": "and arrays, tensors and torch Datasets, from Python",
                "options": COMMON_OPTIONS,
            }
        )
        print_json({"sources": rows}) if as_json else show_table(sources_table(rows))
        return
    dataset = load_data(source)
    values = dataset.value_range()
    about = {
        "name": dataset.name,
        "examples": len(dataset),
        "shape": list(dataset.shape),
        "splits": {name: len(positions) for name, positions in dataset.splits.items()},
        "values": {"minimum": values.minimum, "maximum": values.maximum, "binary": values.binary},
        "labels": dataset.labels is not None,
        "factors": list(dataset.factor_names),
        "attributes": list(dataset.attribute_names),
    }
    if as_json:
        print_json(about)
        return
    for name, value in about.items():
        print(f"{name:>10}  {value}")
