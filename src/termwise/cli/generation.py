"""attributes and quality: what a run makes, and how good it is."""

from typing import Annotated, Any

import typer

from termwise.cli.app import Json, RunArgument, app, print_json, show_table, telling


@app.command()
def attributes(
    run: RunArgument,
    data: Annotated[str | None, typer.Option(help="A name, or a path; the run's own where left out.")] = None,
    split: Annotated[str, typer.Option(help="Where edits are judged: test or validation.")] = "test",
    attribute: Annotated[
        list[str] | None, typer.Option(help="Which attribute; say it again for more. All where left out.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="mean-difference or regression; both where left out.")
    ] = None,
    strength: Annotated[float, typer.Option(help="Of the edits that are judged, in units of the vectors.")] = 1.0,
    show: Annotated[list[float] | None, typer.Option(help="A strength in the figure; -1 and 1 where left out.")] = None,
    limit: Annotated[int, typer.Option(help="How many held-out examples to edit at most.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the examples, the classifier and what is generated.")] = 0,
    classifier_steps: Annotated[int, typer.Option(help="How many moves the network that judges makes.")] = 1000,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Edit and generate by attributes, and let a classifier that knows real images alone judge how often they show."""
    from termwise import api

    chosen: dict[str, Any] = {"methods": method, "strengths": show}
    with telling() as told:
        account = api.attributes(
            run,
            data,
            split=split,
            names=attribute,
            strength=strength,
            limit=limit,
            classifier_steps=classifier_steps,
            folder=run,
            seed=seed,
            device=device,
            progress=told,
            **{name: values for name, values in chosen.items() if values},
        )
    report = api.write_report(api.load_run(run))
    if as_json:
        print_json(account)
        return
    from termwise.report.attributes import attribute_table
    from termwise.training import RunFolder

    show_table(attribute_table(account.to_json()))
    written = RunFolder(run)
    figures = [file for name in account.data["methods"] if (file := written.edits_figure(name)).exists()]
    print(f"\nThe account is in {written.attributes_file}" + "".join(f"\nA figure: {file}" for file in figures))
    print(f"All of it is in {report}")


@app.command()
def quality(
    run: RunArgument,
    data: Annotated[str | None, typer.Option(help="A name, or a path; the run's own where left out.")] = None,
    split: Annotated[str, typer.Option(help="Of the real examples: test or validation.")] = "test",
    reconstructions: Annotated[
        bool, typer.Option("--reconstructions", help="Judge reconstructions, and not samples from the prior.")
    ] = False,
    count: Annotated[
        int | None, typer.Option(help="How many samples; as many as real examples where left out.")
    ] = None,
    neighbours: Annotated[int, typer.Option(help="Of precision, recall, density and coverage.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the samples, of what features learn, and of the errors.")] = 0,
    classifier_steps: Annotated[int, typer.Option(help="How many moves the network that judges makes.")] = 1000,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps.")] = "cpu",
    as_json: Json = False,
) -> None:
    """Judge what a run generates beside real data: Fréchet and kernel distances, precision, recall, sharpness."""
    from termwise import api

    with telling() as told:
        account = api.sample_quality(
            run,
            data,
            split=split,
            reconstructions=reconstructions,
            count=count,
            neighbours=neighbours,
            steps=classifier_steps,
            folder=run,
            seed=seed,
            device=device,
            progress=told,
        )
    report = api.write_report(api.load_run(run))
    if as_json:
        print_json(account)
        return
    from termwise.report.quality import quality_table

    show_table(quality_table(account.to_json()))
    print(f"\nThe same is in {report}")
