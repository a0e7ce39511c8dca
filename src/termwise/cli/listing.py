"""recipes, data and verify: what there is, and whether the theory holds."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from termwise.cli.app import Json, app, show_table


@app.command()
def recipes(as_json: Json = False) -> None:
    """List the named objectives, with their links, options and papers."""
    from termwise.objectives import RECIPES
    from termwise.report.tables import recipes_table

    rows = [
        {
            "name": entry.name,
            "formula": entry.formula,
            "source": entry.source,
            "options": {name: parameter.default for name, parameter in entry.options.items()},
        }
        for entry in RECIPES.values()
    ]
    if as_json:
        print(json.dumps({"recipes": rows}))
        return
    show_table(recipes_table(rows))


@app.command()
def data(
    source: Annotated[str | None, typer.Argument(help="A source's name, or a path, to look into.")] = None,
    as_json: Json = False,
) -> None:
    """List the sources of data, or look into one."""
    from termwise.data import FORMATS, SOURCES, load_data
    from termwise.data.load import COMMON_OPTIONS
    from termwise.report.tables import sources_table

    if source is None:
        rows: list[dict[str, Any]] = [
            {"name": row.name, "description": row.summary, "options": row.meanings}
            for row in (*SOURCES.values(), *FORMATS.values())
        ]
        rows.append(
            {
                "name": "any of them",
                "description": "and arrays, tensors and torch Datasets, from Python",
                "options": COMMON_OPTIONS,
            }
        )
        print(json.dumps({"sources": rows})) if as_json else show_table(sources_table(rows))
        return
    found = load_data(source)
    values = found.value_range()
    about = {
        "name": found.name,
        "examples": len(found),
        "shape": list(found.shape),
        "splits": {name: len(positions) for name, positions in found.splits.items()},
        "values": {"minimum": values.minimum, "maximum": values.maximum, "binary": values.binary},
        "labels": found.labels is not None,
        "factors": list(found.factor_names),
        "attributes": list(found.attribute_names),
    }
    if as_json:
        print(json.dumps(about))
        return
    for name, value in about.items():
        print(f"{name:>10}  {value}")


@app.command()
def verify(
    seed: Annotated[int, typer.Option(help="Of the worlds, and of what is sampled and trained in them.")] = 0,
    figures: Annotated[Path | None, typer.Option(help="Also write what can be drawn to this folder, as SVG.")] = None,
    as_json: Json = False,
) -> None:
    """Run the theory as experiments, equation by equation; the status is 1 where one fails."""
    from termwise.report.progress import shown
    from termwise.verify import verify as all_checks

    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
    with shown() as told:
        checks = all_checks(seed, told)
    rows = [check.to_json() for check in checks]
    passed = all(row["passed"] for row in rows)
    if figures is not None:
        from termwise.report.scatter import write_scatters

        drawn = write_scatters(checks, figures)
        print(f"termwise: {len(drawn)} figures are in {figures}", file=sys.stderr)
    if as_json:
        print(json.dumps({"seed": seed, "passed": passed, "checks": rows}, allow_nan=False))
    else:
        from termwise.report.tables import verification_table

        show_table(verification_table(rows))
    raise typer.Exit(0 if passed else 1)
