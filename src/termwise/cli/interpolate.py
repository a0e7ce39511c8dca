"""`termwise interpolate`: what lies between two examples."""

from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import DataOption, Device, Json, OwnModel, RunArgument, Trust, app, needed_by, print_json, trusted
from termwise.cli.generate import Out
from termwise.cli.traverse import stops_each, whole_numbers


@app.command()
def interpolate(
    run: RunArgument,
    start: Annotated[str, typer.Option("--from", help="An example, by its place; or several: 0,4.", metavar="I,I,...")],
    end: Annotated[str, typer.Option("--to", help="Where to, as many.", metavar="J,J,...")],
    out: Out = Path("interpolation.png"),
    data: DataOption = None,
    split: Annotated[str | None, typer.Option(help="train, validation or test; test where left out.")] = None,
    steps: Annotated[int, typer.Option(help="How many stops there are, both ends among them.")] = 9,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Go from one example's code to another's, and write what is decoded on the way, a row for each pair."""
    import numpy as np

    from termwise import api
    from termwise.report.example_files import checked_file, write_examples

    checked_file(out, needed_by(run, data))
    opened = api.load_run(run, model=model, trust=trusted(trust))
    starts, ends = whole_numbers(start), whole_numbers(end)
    made = api.interpolate(opened, starts, ends, data=data, steps=steps, split=split, device=device)
    told = {
        "from": np.repeat(starts, steps), "to": np.repeat(ends, steps), "stop": np.tile(np.arange(steps), len(starts))
    }  # fmt: skip
    write_examples(made.flatten(0, 1), out, row_of=steps, columns=opened.data.columns, beside=told)
    if as_json:
        print_json({"file": str(out), "from": starts, "to": ends, "steps": steps})
        return
    pairs = ", ".join(f"{a} to {b}" for a, b in zip(starts, ends, strict=True))
    print(f"{pairs}, {stops_each(steps)}: {out}")
