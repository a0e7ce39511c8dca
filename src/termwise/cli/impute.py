"""`termwise impute`: missing values of a table or of arrays, filled by a run's model."""

from pathlib import Path
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
    needed_by,
    print_json,
    progress_bar,
    show_account,
    trusted,
)
from termwise.errors import Refused


@app.command()
def impute(
    run: RunArgument,
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to: a table to .csv or .tsv, with its spread beside it; anything to .npz."),
    ] = None,
    draws: Annotated[
        int, typer.Option(help="Also fill all of it so many times at random, as it may have been: a file more.")
    ] = 0,
    check: Annotated[
        float | None,
        typer.Option(help="Hide this share of what is known of held-out examples, and say how far off it is filled."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="train, validation or test; all of it where left out.")] = None,
    samples: Annotated[int, typer.Option(help="Codes for every example; more are better.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the codes, the draws, and what is hidden.")] = 0,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Fill missing values with their mean given what is there, say how sure that is, and draw them."""
    from termwise import api
    from termwise.measuring.imputation.files import checked_path, write_imputation

    if out is None and check is None:
        raise Refused("Say where to: --out filled.csv (or .tsv, .npz). Or --check 0.1, which hides some and compares.")
    path = None if out is None else checked_path(out, needed_by(run, data))
    opened = run if model is None else api.load_run(run, model=model, trust=trusted(trust))
    options: dict[str, Any] = {
        "split": split,
        "samples": samples,
        "seed": seed,
        "device": device,
        "trust": trusted(trust),
    }
    said: dict[str, Any] = {}
    with progress_bar() as progress:
        account = None
        if check is not None:
            account = api.imputation_error(opened, data, share=check, progress=progress, **options)
            said["check"] = account.to_json()
        if path is not None:
            found = api.impute(opened, data, draws=draws, progress=progress, **options)
            files = write_imputation(found, path)
            said |= {
                "filled": found.count,
                "examples": len(found.data),
                "diagnosis": list(found.diagnosis),
                "files": [str(file) for file in files],
            }
    if as_json:
        print_json(said)
        return
    if account is not None:
        show_account(account)
    if path is not None:
        print("\n".join([repr(found), *found.diagnosis, f"It is in {', '.join(map(str, files))}"]))
