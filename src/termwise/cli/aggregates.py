"""`termwise aggregates`: the law of the codes of every group, and where codes are likelier in some than in others."""

import json
from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import (
    DataOption,
    Device,
    Json,
    OwnModel,
    Trust,
    app,
    needed_by,
    print_json,
    progress_bar,
    show_table,
    trusted,
)
from termwise.errors import Refused, in_short


@app.command()
def aggregates(
    run: Annotated[
        str,
        typer.Argument(help="A run folder, or your function that returns a model.", metavar="RUN|MODULE:FUNCTION"),
    ],
    side: Annotated[
        str | None,
        typer.Option(help="What stands beside x, and makes the groups: sample, or several names; the run's own, else."),
    ] = None,
    ratio: Annotated[
        list[str] | None,
        typer.Option(help="How much likelier codes are in some groups than in others: s1,s2:s3,s4. Again for more."),
    ] = None,
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; all of a file without parts, where left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write log densities and ratios of every example: .csv, .parquet or .npz.")
    ] = None,
    device: Device = "cpu",
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """The law q(z|s) of the codes of every group: which groups are alike, and which codes are likelier in some."""
    from termwise import api
    from termwise.measuring.aggregates.group_files import GroupRatio, checked_file, write_aggregates
    from termwise.report.aggregates_table import aggregates_json, aggregates_table

    if out is not None:
        checked_file(out, needed_by(run, data))
    asked = [_ratio(text) for text in ratio or ()]
    opened = run if model is None else api.load_run(run, model=model, trust=trusted(trust))
    beside = None if side is None else [name.strip() for name in side.split(",")]
    with progress_bar() as progress:
        laws = api.group_aggregates(
            opened, data, side=beside, split=split, device=device, trust=trusted(trust), progress=progress
        )
        ratios = [GroupRatio(these, those, laws.log_ratio(these, those)) for these, those in asked]
    if out is not None:
        write_aggregates(laws, out, ratios)
    if as_json:
        print_json(aggregates_json(laws, ratios))
        return
    show_table(aggregates_table(laws, ratios))
    part = f" of the {split or 'test'} part" if data is None else ""
    print(f"\n{len(laws):,} groups of {len(laws.codes):,} examples{part}")
    if out is not None:
        print(f"The densities of every example are in {out}")


def _ratio(text: str) -> tuple[list[str], list[str]]:
    """Two lists of groups as they are written on the command line: s1,s2:s3,s4, or as JSON."""
    try:
        lists = json.loads(text) if text.startswith("[") else [part.split(",") for part in text.split(":")]
        these, those = lists
        if str in map(type, lists) or not all(isinstance(name, str) and name for name in (*these, *those)):
            raise ValueError(text)
    except (ValueError, TypeError):
        raise Refused(
            f"--ratio is of groups over others, s1,s2:s3,s4, or, where names have commas or colons, "
            f'\'[["s1","s2"],["s3","s4"]]\'; got {in_short(text)}.'
        ) from None
    return [name.strip() for name in these], [name.strip() for name in those]
