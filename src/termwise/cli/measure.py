"""`termwise measure`: an account of a run, or of anyone's model."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from termwise.cli.app import (
    DataOption,
    Device,
    Json,
    OwnModel,
    Trust,
    app,
    print_json,
    progress_bar,
    show_account,
    trusted,
)
from termwise.errors import Refused


@app.command()
def measure(
    run: Annotated[
        str,
        typer.Argument(help="A run folder, or your function that returns a model.", metavar="RUN|MODULE:FUNCTION"),
    ],
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; all of a file without parts, where left out.")
    ] = None,
    samples: Annotated[int, typer.Option(help="Codes for every example; more make the errors smaller.")] = 1,
    noises: Annotated[int, typer.Option(help="For every example, where the posterior has no density.")] = 256,
    groups: Annotated[
        str | None,
        typer.Option(
            help="Also how groups of dimensions depend on each other: [[0,1],[2,3,4]], 2 for pairs, or blocks."
        ),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(help="Also how much the code knows of what stands beside x: labels, or names of what is known."),
    ] = None,
    critic: Annotated[
        bool, typer.Option("--critic", help="Also bounds on rate and ELBO by a critic trained anew on other examples.")
    ] = False,
    critic_steps: Annotated[int | None, typer.Option(help="How many moves it makes; 3000 where left out.")] = None,
    most: Annotated[
        int, typer.Option("--measure-limit", help="At most so many examples, drawn at random, are measured.")
    ] = 50_000,
    seed: Annotated[int, typer.Option(help="Of the codes, and of examples that are drawn.")] = 0,
    device: Device = "cpu",
    devices: Annotated[int, typer.Option(help="How many processes of this machine measure together.")] = 1,
    likelihood: Annotated[
        str | None, typer.Option("--log-likelihood", help="Also log p(x) and the inference gap: ais or iwae.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="How many examples --log-likelihood takes; all, slowly.")] = None,
    disentanglement: Annotated[
        bool, typer.Option("--disentanglement", help="Also MIG, DCI and others, where the data's factors are known.")
    ] = False,
    latents: Annotated[Path | None, typer.Option(help="Also write the codes to this .npz or .csv file.")] = None,
    model: OwnModel = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Measure every term of a trained model's ELBO, with its error."""
    from termwise import api
    from termwise.api.model_and_data import examples_of, names_beside, whole_of

    if limit is not None and likelihood is None:
        raise Refused("--limit is of --log-likelihood, which was not asked for. Say --log-likelihood ais, or iwae.")
    if critic_steps is not None and not critic:
        raise Refused("--critic-steps is of --critic, which was not asked for. Say --critic, too.")
    grouping: Any = None if groups is None else _grouping(groups)
    steps: dict[str, Any] = {} if critic_steps is None else {"critic_steps": critic_steps}
    where: dict[str, Any] = {"split": split, "seed": seed, "device": device, "trust": trusted(trust)}
    whole_run = None  # for these, a run folder is opened at once: it says so where it is none
    if latents is not None or model is not None:
        whole_run = api.load_run(run, model=model, trust=trusted(trust))
    measured = whole_run or run
    beside = None if side is None else [name.strip() for name in side.split(",")]
    whole = None  # where data are named, they are read once, whatever is asked of them
    if data is not None:
        whole = whole_of(data, split, names_beside(measured, beside))
    with progress_bar() as progress:
        account = api.measure(
            measured,
            whole,
            samples=samples,
            noises=noises,
            groups=grouping,
            side=beside,
            critic=critic,
            limit=most,
            devices=devices,
            progress=progress,
            **steps,
            **where,
        )
        if likelihood is not None:
            more = api.log_likelihood(measured, whole, method=likelihood, limit=limit, progress=progress, **where)
            account = account.and_also(more)
        if disentanglement:
            account = account.and_also(api.disentanglement(measured, whole, progress=progress, **where))
    if whole_run is not None and latents is not None:
        from termwise import models

        examples, *_ = examples_of(whole_run.data if whole is None else whole, split)
        models.export_latents(whole_run.model, examples, latents)
    if as_json:
        print_json(account.to_json())
        return
    show_account(account)
    if latents is not None:
        print(f"\nThe codes are in {latents}")


def _grouping(text: str) -> Any:
    """Groups of dimensions as they are written on the command line."""
    if text == "blocks":
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(
            f"--groups are lists of dimensions, such as [[0,1],[2,3,4]], how many stand in one, or blocks; got "
            f"{text!r}."
        ) from None
