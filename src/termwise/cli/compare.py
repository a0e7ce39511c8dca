"""`termwise compare`: runs side by side."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import Json, RunFolders, Trust, app, print_json, show_table, trusted


@app.command()
def compare(
    runs: RunFolders,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also with curves and pictures, as one page: the file to write.")
    ] = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Hold runs side by side, term by term, with the difference in standard errors."""
    from termwise import api
    from termwise.report.comparison_table import comparison_table

    if html is not None:
        api.write_comparison(runs, html, trust=trusted(trust))
    compared = api.compare(*runs)
    rows = [asdict(row) for row in compared]
    if as_json:
        page = {} if html is None else {"page": str(html)}
        print_json({"runs": [str(run) for run in runs], "comparison": rows, **page})
        return
    show_table(comparison_table(compared.names, rows))
    if html is not None:
        print(f"\nThe page is {html}")
