"""`termwise data`: the sources of data, and what is in one."""

from typing import Annotated, Any

import typer

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def data(
    source: Annotated[str | None, typer.Argument(help="A source's name, or a path, to look into.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="data.NAME=VALUE, as train takes it: data.labels=species.", metavar="PATH=VALUE"),
    ] = None,
    side: Annotated[
        list[str] | None,
        typer.Option(help="What stands beside x: labels, factors, attributes, or the name of a column and the like."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the sources of data, or look into one: what it is taken for, before anything trains on it."""
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
    from termwise.data.tables.build import MissingCells

    options, gaps = _options(setting or []) | ({"side": side} if side else {}), None
    try:
        about = load_data(source, **options).describe()
    except MissingCells as error:  # it can be shown, though nothing can train on it as it is
        about, gaps = load_data(source, **options | {"missing": "mask"}).describe(), error
    if as_json:
        print_json(about.to_dict())
    else:
        from termwise.report.data_table import data_table

        show_table(data_table(about))
    if gaps is not None:
        raise gaps


def _options(settings: list[str]) -> dict[str, Any]:
    """The options of data that settings name, with or without the "data." before them."""
    from termwise.errors import Refused, in_short
    from termwise.training.config import config_from, with_setting

    tables: dict[str, Any] = {}
    for one in settings:
        if "." in one.partition("=")[0].removeprefix("data."):
            raise Refused(f"Data takes settings of its own alone, such as data.labels=species; got {in_short(one)}.")
        tables = with_setting(tables, one if one.startswith("data.") else f"data.{one}")
    config_from(tables)  # says what no option can be
    return dict(tables.get("data", {}))
