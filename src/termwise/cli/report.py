"""`termwise report`: a run's report, written again."""

from termwise.cli.app import RunArgument, app


@app.command()
def report(run: RunArgument) -> None:
    """Write a run's report again, as one HTML file."""
    from termwise import api

    print(api.write_report(api.load_run(run)))
