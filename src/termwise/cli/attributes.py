"""`termwise attributes`: editing and generating by attributes, and how well it works."""

from typing import Annotated, Any

import typer

from termwise.cli.app import (
    DataOption,
    Device,
    Json,
    OwnModel,
    RunArgument,
    Trust,
    app,
    print_json,
    progress_bar,
    show_measured,
    show_table,
    trusted,
)


@app.command()
def attributes(
    run: RunArgument,
    data: DataOption = None,
    split: Annotated[str, typer.Option(help="Where edits are judged: test or validation.")] = "test",
    attribute: Annotated[
        list[str] | None, typer.Option(help="Which attribute; say it again for more. All where left out.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="mean-difference, regression, or side, by what the decoder takes beside x; all where left out."
        ),
    ] = None,
    strength: Annotated[float, typer.Option(help="Of the edits that are judged, in units of the vectors.")] = 1.0,
    show: Annotated[list[float] | None, typer.Option(help="A strength in the figure; -1 and 1 where left out.")] = None,
    limit: Annotated[int, typer.Option(help="How many held-out examples to edit at most.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the examples, the classifier and what is generated.")] = 0,
    classifier_steps: Annotated[int, typer.Option(help="How many moves the network that judges makes.")] = 1000,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Edit and generate by attributes, and let a classifier that knows real images alone judge how often they show."""
    from termwise import api

    chosen: dict[str, Any] = {"methods": method, "strengths": show}
    opened = api.load_run(run, model=model, trust=trusted(trust))
    with progress_bar() as progress:
        account = api.attributes(
            opened,
            data,
            split=split,
            names=attribute,
            strength=strength,
            limit=limit,
            classifier_steps=classifier_steps,
            folder=run,
            seed=seed,
            device=device,
            progress=progress,
            **{name: values for name, values in chosen.items() if values},
        )
    report = api.write_report(opened)
    if as_json:
        print_json(account.to_json())
        return
    from termwise.report.attribute_tables import attribute_table
    from termwise.training import RunFolder

    show_table(attribute_table(account.to_json()))
    show_measured(account)
    folder = RunFolder(run)
    figures = [file for name in account.data["methods"] if (file := folder.edits_figure(name)).exists()]
    print(f"\nThe account is in {folder.attributes_file}" + "".join(f"\nA figure: {file}" for file in figures))
    print(f"All of it is in {report}")
