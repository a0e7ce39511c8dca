"""measure, compare and report: what is known of runs, and of anyone's model."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from termwise.cli.app import Json, RunArgument, Runs, app, print_json, show_account, show_table, telling
from termwise.errors import Refused


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
    from termwise import api

    if limit is not None and likelihood is None:
        raise Refused("--limit is of --log-likelihood, which was not asked for. Say --log-likelihood ais, or iwae.")
    if critic_steps is not None and not critic:
        raise Refused("--critic-steps is of --critic, which was not asked for. Say --critic, too.")
    steps: dict[str, Any] = {} if critic_steps is None else {"critic_steps": critic_steps}
    held = None if latents is None else api.load_run(run)  # says so at once where it is no run folder
    where: dict[str, Any] = {"split": split, "seed": seed, "device": device}
    with telling() as told:
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
        print_json(account)
        return
    show_account(account)
    if latents is not None:
        print(f"\nThe codes are in {latents}")


@app.command()
def compare(runs: Runs, as_json: Json = False) -> None:
    """Hold runs side by side, term by term, with the difference in standard errors."""
    from dataclasses import asdict

    from termwise import api
    from termwise.report.tables import comparison_table

    rows = [asdict(row) for row in api.compare(*runs)]
    if as_json:
        print(json.dumps({"runs": [str(run) for run in runs], "comparison": rows}, allow_nan=False))
        return
    show_table(comparison_table([run.name or str(run) for run in runs], rows))


@app.command()
def report(run: RunArgument) -> None:
    """Write a run's report again, as one HTML file."""
    from termwise import api

    print(api.write_report(api.load_run(run)))
