"""`termwise frontier`: rate and distortion of a sweep or of runs, or the best curve of one run's decoder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from termwise.cli.app import (
    DataOption,
    Device,
    Json,
    OwnModel,
    Trust,
    app,
    print_json,
    progress_bar,
    show_table,
    trusted,
)
from termwise.errors import Refused, in_short


@app.command()
def frontier(
    runs: Annotated[
        list[Path],
        typer.Argument(help="A sweep, a folder of runs, or runs; one run for its curve.", metavar="RUN|DIR ..."),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Write it: .html, a page; .png, .svg or .pdf, a figure. Again for more."),
    ] = None,
    betas: Annotated[
        str | None,
        typer.Option(help="Of one run: weights on the rate, as 0.5,1,4; 1/4 to 64 where left out."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Of one run: on how many examples, chosen at random.")] = 100,
    chains: Annotated[int, typer.Option(help="Of one run: AIS chains an example.")] = 8,
    temperatures: Annotated[
        int | None, typer.Option(help="Of one run: how many; else they double until BDMC is content.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Of one run: of BDMC's gap, nats.")] = 0.1,
    data: DataOption = None,
    split: Annotated[str | None, typer.Option(help="Of one run: train, validation or test.")] = None,
    seed: Annotated[int, typer.Option(help="Of the examples, chains and codes.")] = 0,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Rate against distortion of a sweep, with errors between seeds; of one run the best curve of its decoder."""
    from termwise import api
    from termwise.api.write_frontier import FRONTIER_ENDINGS
    from termwise.files import checked_place
    from termwise.report.frontier_table import frontier_table
    from termwise.training import RunFolder

    for place in out or ():
        checked_place(place, "Frontiers are", FRONTIER_ENDINGS)
    subject: Any = [str(run) for run in runs] if len(runs) > 1 else str(runs[0])
    options: dict[str, Any] = {}
    if len(runs) == 1 and RunFolder(runs[0]).exists:
        options = {"data": data, "split": split, "betas": _numbers(betas), "chains": chains}
        options |= {"temperatures": temperatures, "tolerance": tolerance}
        subject = api.load_run(runs[0], model=model, trust=trusted(trust))
    elif betas is not None or temperatures is not None or data is not None or split is not None:
        raise Refused("--betas, --temperatures, --data and --split are of the curve of one run: name that alone.")
    with progress_bar() as progress:
        found = api.frontier(
            subject, limit=limit, seed=seed, device=device, trust=trusted(trust), progress=progress, **options
        )
    written = [api.write_frontier(found, place) for place in out or ()]
    if as_json:
        print_json({**found.to_json(), "written": [str(place) for place in written]})
        return
    show_table(frontier_table(found))
    for place in written:
        print(f"\nWritten: {place}")


def _numbers(text: str | None) -> list[float] | None:
    """Numbers with commas between them."""
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise Refused(f"--betas is of numbers with commas between, as 0.1,1,10; got {in_short(text)}.") from None
