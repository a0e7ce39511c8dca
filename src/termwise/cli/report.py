"""`termwise report`: a run's report, written again; or the report of anyone's model."""

from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import DataOption, OwnModel, Trust, app, progress_bar, trusted
from termwise.errors import Refused


@app.command()
def report(
    run: Annotated[
        str,
        typer.Argument(help="A run folder, or your function that returns a model.", metavar="RUN|MODULE:FUNCTION"),
    ],
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="Of data: train, validation or test; all of a file without parts, if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file; the run's own, or report.html, where left out.")] = None,
    model: OwnModel = None,
    trust: Trust = None,
) -> None:
    """Write a run's report again, or measure a model of yours and write its report, as one HTML file."""
    from termwise import api
    from termwise.api.model_and_data import model_named, names_function, whole_of
    from termwise.api.write_report import PAGE_ENDINGS
    from termwise.files import checked_place

    if not names_function(run):
        if data is not None or split is not None:
            raise Refused(
                f"{run} is a run, whose report is of its own data: --data and --split are of MODULE:FUNCTION."
            )
        print(api.write_report(api.load_run(run, model=model, trust=trusted(trust)), out))
        return
    if data is None:
        raise Refused(f"The report of {run} needs data: say --data, a source's name or a path.")
    out = checked_place(out or "report.html", "Pages are", PAGE_ENDINGS)
    with progress_bar() as progress:  # what their function prints is no part of the answer
        own, whole = model_named(run), whole_of(data, split)
        account = api.measure(own, whole, split=split, progress=progress)
    print(api.write_report(account, out, model=own, data=whole, split=split))
