"""`termwise generate`: examples that a run's model makes."""

from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import Device, Json, OwnModel, RunArgument, Trust, app, needed_by, print_json, trusted
from termwise.errors import Refused

Out = Annotated[Path, typer.Option(help="Where to: images to a grid, .png; a table to .csv or .tsv; anything to .npz.")]


@app.command()
def generate(
    run: RunArgument,
    out: Out,
    count: Annotated[int, typer.Option(help="How many.")] = 64,
    side: Annotated[
        list[str] | None,
        typer.Option(
            help="What stands beside x, where the model takes it: digit=3; again for another.", metavar="NAME=VALUE"
        ),
    ] = None,
    noise: Annotated[bool, typer.Option("--noise", help="Draw them from p(x|z), instead of its mean.")] = False,
    seed: Annotated[int, typer.Option(help="Of the codes, and of the noise.")] = 0,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Make examples at codes drawn from the prior, and write them as a grid of images, a table or arrays."""
    from termwise import api
    from termwise.models.drawable import side_variables
    from termwise.report.example_files import checked_file, write_examples

    checked_file(out, needed_by(run, None), count)
    opened = api.load_run(run, model=model, trust=trusted(trust))
    values = _values(side, {one.name for one in side_variables(opened.model) if one.is_number})
    made = api.generate(opened, count, side=values or None, noise=noise, seed=seed, device=device)
    told = {name: [value] * len(made) for name, value in values.items()}
    write_examples(made, out, columns=opened.data.columns, beside=told)
    if as_json:
        print_json({"file": str(out), "count": len(made), "shape": list(made.shape[1:])})
        return
    print(f"{len(made):,} examples of shape {tuple(made.shape[1:])}: {out}")


def _values(side: list[str] | None, numbers: set[str]) -> dict[str, str | float]:
    """What is asked for beside x, by name; of `numbers` the number."""
    values: dict[str, str | float] = {}
    for one in side or []:
        name, _, value = one.partition("=")
        if not (name and value):
            raise Refused(f"What stands beside x is said by name, as in --side digit=3; got {one!r}.")
        try:
            values[name] = float(value) if name in numbers else value
        except ValueError:
            raise Refused(f"{name} is a number beside x; got {value!r}.") from None
    return values
