"""`termwise quality`: how good what a run generates is beside real data."""

from typing import Annotated

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
def quality(
    run: RunArgument,
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="Of the real examples: test or validation; all of what has no parts.")
    ] = None,
    reconstructions: Annotated[
        bool, typer.Option("--reconstructions", help="Judge reconstructions, and not samples from the prior.")
    ] = False,
    count: Annotated[
        int | None, typer.Option(help="How many samples; as many as real examples where left out.")
    ] = None,
    neighbours: Annotated[int, typer.Option(help="Of precision, recall, density and coverage.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the samples, of what features learn, and of the errors.")] = 0,
    classifier_steps: Annotated[int, typer.Option(help="How many moves the network that judges makes.")] = 1000,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Judge what a run generates beside real data: Fréchet and kernel distances, precision, recall, sharpness."""
    from termwise import api

    opened = api.load_run(run, model=model, trust=trusted(trust))
    with progress_bar() as progress:
        account = api.sample_quality(
            opened,
            data,
            split=split,
            reconstructions=reconstructions,
            count=count,
            neighbours=neighbours,
            steps=classifier_steps,
            folder=run,
            seed=seed,
            device=device,
            progress=progress,
        )
    report = api.write_report(opened)
    if as_json:
        print_json(account.to_json())
        return
    from termwise.report.quality_tables import quality_table

    show_table(quality_table(account.to_json()))
    show_measured(account)
    print(f"\nThe same is in {report}")
