"""`termwise sweep`: many trainings in which some keys vary, into one folder with one page."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def sweep(
    config: Annotated[
        Path, typer.Argument(help="A TOML file: [base.data] ..., [sweep], [sweep.grid].", metavar="SWEEP.TOML")
    ],
    out: Annotated[Path, typer.Option(help="The sweep's folder.")],
    workers: Annotated[int, typer.Option(help="Runs at once, each in a process of its own.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Of each worker; the cores by the workers where left out.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="By Ray Tune: a cluster's address, auto, or local.", metavar="ADDRESS")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Take up runs that have failed.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew, without the runs in --out.")] = False,
    as_json: Json = False,
) -> None:
    """Train every setting with every seed, and average over seeds; the same command goes on after a kill."""
    from termwise import api
    from termwise.report.sweep_table import sweep_table

    try:
        found = api.sweep(
            config,
            out=out,
            workers=workers,
            threads=threads,
            ray=ray,
            retry_failed=retry_failed,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        print("termwise: stopped. The same command goes on from the last checkpoints.", file=sys.stderr)
        raise typer.Exit(130) from None
    if as_json:
        print_json(found.to_json())
        return
    show_table(sweep_table(found))
    print(f"\nThe sweep is in {found.folder}; its page: {found.folder / 'index.html'}")
