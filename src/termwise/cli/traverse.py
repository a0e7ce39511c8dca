"""`termwise traverse`: what each dimension of a run's code does."""

from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import DataOption, Device, Json, OwnModel, RunArgument, Trust, app, needed_by, print_json, trusted
from termwise.cli.generate import Out
from termwise.errors import Refused


@app.command()
def traverse(
    run: RunArgument,
    out: Out = Path("traversals.png"),
    data: DataOption = None,
    split: Annotated[str | None, typer.Option(help="train, validation or test; test where left out.")] = None,
    example: Annotated[int, typer.Option(help="Its place in that part.")] = 0,
    dimensions: Annotated[
        str | None, typer.Option(help="Which, by their places: 0,3; else the costliest first.", metavar="J,J,...")
    ] = None,
    steps: Annotated[int, typer.Option(help="How many stops there are.")] = 9,
    reach: Annotated[float, typer.Option(help="How far from 0 the first and the last are.")] = 2.5,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Move one dimension of an example's code after the other, and write what is decoded, a row for each."""
    import numpy as np

    from termwise import api
    from termwise.report.example_files import checked_file, write_examples

    checked_file(out, needed_by(run, data))
    opened = api.load_run(run, model=model, trust=trusted(trust))
    chosen = None if dimensions is None else whole_numbers(dimensions)
    moved = api.traverse(
        opened, data, example=example, dimensions=chosen, steps=steps, reach=reach, split=split, device=device
    )
    told = {"dimension": np.repeat(moved.names, steps), "stop": moved.stops.flatten().numpy()}
    write_examples(moved.examples.flatten(0, 1), out, row_of=steps, columns=opened.data.columns, beside=told)
    if as_json:
        print_json({"file": str(out), "dimensions": list(moved.names), "stops": moved.stops.tolist()})
        return
    print(f"{', '.join(moved.names)}, {stops_each(steps)}: {out}")


def stops_each(steps: int) -> str:
    """How many stops there are, in words: "9 stops each"."""
    return f"{steps} stop{'' if steps == 1 else 's'} each"


def whole_numbers(text: str) -> list[int]:
    """Whole numbers that are told with commas between them.

    Example:
        >>> whole_numbers("0,3")
        [0, 3]
    """
    try:
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise Refused(f"Expected whole numbers with commas between them, such as 0,3; got {text!r}.") from None
