"""The commands: train, measure, compare, report, recipes, data, verify. What they do is done by `termwise.api`.

Nothing heavy is imported before a command runs, so that `--help` answers at once. An error that a user can mend is
printed without a traceback, and the status is 2.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from termwise.errors import Refused, TermwiseError

if TYPE_CHECKING:
    from termwise.measuring import Account

app = typer.Typer(
    help="Train, measure and explain variational autoencoders, one ELBO term at a time.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else.")]
Runs = Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN RUN ...")]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="A source's name (`termwise data`), or a path.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A named objective (`termwise recipes`).")] = None,
    network: Annotated[str | None, typer.Option(help="mlp, conv, or your own as module:function.")] = None,
    latent: Annotated[int | None, typer.Option(help="Dimensions of the code.")] = None,
    likelihood: Annotated[
        str | None, typer.Option(help="bernoulli, normal:optimal, normal:0.1, laplace:1, categorical:17 ...")
    ] = None,
    posterior: Annotated[
        str | None, typer.Option(help="diagonal-normal, full-normal, noise-basis, noise-input, or either+normal.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the weights, the order and the noise.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/DATA-RECIPE-seedS where left out.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file; the other options have the say.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="path=value, such as objective.beta=6.", metavar="PATH=VALUE")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where --out holds a run.")] = False,
) -> None:
    """Train a VAE, measure it on the test split, and write a run folder with a report."""
    from termwise import api
    from termwise.training.config import read_config, with_recipe, with_setting

    tables: dict[str, Any] = {} if config is None else read_config(config)
    if recipe is not None:
        tables = with_recipe(tables, recipe)
    for one in setting or []:
        tables = with_setting(tables, one)
    try:
        run = api.train(
            tables,
            data=data,
            network=network,
            latent=latent,
            likelihood=likelihood,
            posterior=posterior,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            device=device,
            out=out,
            resume=resume,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        print("termwise: stopped. The same command with --resume goes on from the last checkpoint.", file=sys.stderr)
        raise typer.Exit(130) from None
    _show(run.account)
    print(f"\nThe run is in {run.folder}; its report: {run.folder.report_file}")


@app.command()
def measure(
    run: Annotated[
        str,
        typer.Argument(help="A run folder, or your function that returns a model.", metavar="RUN|MODULE:FUNCTION"),
    ],
    data: Annotated[str | None, typer.Option(help="A name, or a path; the run's own where left out.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    samples: Annotated[int, typer.Option(help="Codes for every example; more make the errors smaller.")] = 1,
    noises: Annotated[int, typer.Option(help="For every example, where the posterior has no density.")] = 256,
    critic: Annotated[
        bool, typer.Option("--critic", help="Also bounds on rate and ELBO by a critic trained anew on other examples.")
    ] = False,
    critic_steps: Annotated[int | None, typer.Option(help="How many moves it makes; 3000 where left out.")] = None,
    seed: Annotated[int, typer.Option(help="Of the codes.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps.")] = "cpu",
    likelihood: Annotated[
        str | None, typer.Option("--log-likelihood", help="Also log p(x) and the inference gap: ais or iwae.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="How many examples --log-likelihood takes; all, slowly.")] = None,
    disentanglement: Annotated[
        bool, typer.Option("--disentanglement", help="Also MIG, DCI and others, where the data's factors are known.")
    ] = False,
    latents: Annotated[Path | None, typer.Option(help="Also write the codes to this .npz or .csv file.")] = None,
    as_json: Json = False,
) -> None:
    """Measure every term of a trained model's ELBO, with its error."""
    from contextlib import redirect_stdout

    from termwise import api
    from termwise.report.progress import shown

    if limit is not None and likelihood is None:
        raise Refused("--limit is of --log-likelihood, which was not asked for. Say --log-likelihood ais, or iwae.")
    if critic_steps is not None and not critic:
        raise Refused("--critic-steps is of --critic, which was not asked for. Say --critic, too.")
    steps: dict[str, Any] = {} if critic_steps is None else {"critic_steps": critic_steps}
    held = None if latents is None else api.load_run(run)  # says so at once where it is no run folder
    where: dict[str, Any] = {"split": split, "seed": seed, "device": device}
    with redirect_stdout(sys.stderr), shown() as told:  # what a function of the user's prints is no part of the account
        account = api.measure(run, data, samples=samples, noises=noises, critic=critic, progress=told, **steps, **where)
        if likelihood is not None:
            more = api.log_likelihood(run, data, method=likelihood, limit=limit, progress=told, **where)
            account = account.and_also(more)
        if disentanglement:
            account = account.and_also(api.disentanglement(run, data, progress=told, **where))
    if held is not None and latents is not None:
        from termwise import models

        measured = held.data if data is None else api.load_data(data)
        models.export_latents(held.model, measured.split(split), latents)
    if as_json:
        print(json.dumps(account.to_json(), allow_nan=False))
        return
    _show(account)
    if latents is not None:
        print(f"\nThe codes are in {latents}")


@app.command()
def compare(runs: Runs, as_json: Json = False) -> None:
    """Hold runs side by side, term by term, with the difference in standard errors."""
    from dataclasses import asdict

    from rich.console import Console

    from termwise import api
    from termwise.report.tables import comparison_table

    rows = [asdict(row) for row in api.compare(*runs)]
    if as_json:
        print(json.dumps({"runs": [str(run) for run in runs], "comparison": rows}, allow_nan=False))
        return
    Console().print(comparison_table([run.name or str(run) for run in runs], rows))


@app.command()
def report(run: RunArgument) -> None:
    """Write a run's report again, as one HTML file."""
    from termwise import api

    print(api.write_report(api.load_run(run)))


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
    from rich.console import Console

    Console().print(recipes_table(rows))


@app.command()
def data(
    source: Annotated[str | None, typer.Argument(help="A source's name, or a path, to look into.")] = None,
    as_json: Json = False,
) -> None:
    """List the sources of data, or look into one."""
    from rich.console import Console

    from termwise.data import FORMATS, SOURCES, load_data
    from termwise.report.tables import sources_table

    if source is None:
        rows = [{"name": s.name, "description": s.description} for s in (*SOURCES.values(), *FORMATS.values())]
        print(json.dumps({"sources": rows})) if as_json else Console().print(sources_table(rows))
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
        from rich.console import Console

        from termwise.report.tables import verification_table

        Console().print(verification_table(rows))
    raise typer.Exit(0 if passed else 1)


def _show(account: "Account") -> None:
    from rich.console import Console

    from termwise.report.tables import account_table

    Console().print(account_table(account.to_json()))


def _warn_in_one_line() -> None:
    """A warning of ours is a line on standard error, without the place in the code."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if category.__module__.startswith("termwise."):
            print(f"termwise: {message}", file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    warnings.showwarning = show


def main() -> None:
    """Run a command; an error that a user can mend ends with status 2 and no traceback."""
    _warn_in_one_line()
    try:
        app()
    except TermwiseError as error:
        print(f"termwise: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        where = f" {error.filename}" if error.filename is not None else ""
        print(f"termwise: The file system refused{where}: {error.strerror or error}.", file=sys.stderr)
        raise SystemExit(2) from None
