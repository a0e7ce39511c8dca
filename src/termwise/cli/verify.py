"""`termwise verify`: whether the theory holds."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from termwise.cli.app import Json, app, print_json, show_table


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Checks, or families of them; all where left out.", metavar="[NAME ...]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the worlds, and of what is sampled and trained in them.")] = 0,
    figures: Annotated[Path | None, typer.Option(help="Also write what can be drawn to this folder, as SVG.")] = None,
    as_json: Json = False,
) -> None:
    """Run the theory as experiments, equation by equation; the status is 1 where one fails."""
    from termwise import verify as theory
    from termwise.report.progress_bar import terminal_bar

    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
    with terminal_bar() as progress:
        checks = theory.verify(seed, progress, names=names or ())
    rows = [check.to_json() for check in checks]
    passed = all(row["passed"] for row in rows)
    if figures is not None:
        from termwise.report.scatter import write_scatters

        drawn = write_scatters(checks, figures)
        print(f"termwise: {len(drawn)} figures are in {figures}", file=sys.stderr)
    if as_json:
        print_json({"seed": seed, "passed": passed, "checks": rows})
    else:
        from termwise.report.listing_tables import verification_table

        show_table(verification_table(rows))
    raise typer.Exit(0 if passed else 1)
