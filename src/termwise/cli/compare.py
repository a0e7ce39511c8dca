"""`termwise compare`: runs side by side."""

from dataclasses import asdict

from termwise.cli.app import Json, RunFolders, app, print_json, show_table


@app.command()
def compare(runs: RunFolders, as_json: Json = False) -> None:
    """Hold runs side by side, term by term, with the difference in standard errors."""
    from termwise import api
    from termwise.report.comparison_table import comparison_table

    rows = [asdict(row) for row in api.compare(*runs)]
    if as_json:
        print_json({"runs": [str(run) for run in runs], "comparison": rows})
        return
    show_table(comparison_table([run.name or str(run) for run in runs], rows))
