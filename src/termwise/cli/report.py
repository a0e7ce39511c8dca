"""`termwise report`: a run's report, written again."""

from termwise.cli.app import OwnModel, RunArgument, Trust, app, trusted


@app.command()
def report(run: RunArgument, model: OwnModel = None, trust: Trust = None) -> None:
    """Write a run's report again, as one HTML file."""
    from termwise import api

    print(api.write_report(api.load_run(run, model=model, trust=trusted(trust))))
