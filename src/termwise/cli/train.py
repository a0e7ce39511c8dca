"""`termwise train`: from a configuration to a run folder with a report."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from termwise.cli.app import Trust, app, choices, show_account, trusted
from termwise.errors import Refused, in_short
from termwise.models.likelihoods.table import LIKELIHOODS
from termwise.models.networks.table import NETWORKS
from termwise.models.posteriors.table import POSTERIORS
from termwise.models.priors.table import PRIORS
from termwise.trackers.table import TRACKERS


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="A source's name (`termwise data`), or a path.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A named objective (`termwise recipes`).")] = None,
    network: Annotated[str | None, typer.Option(help=choices(NETWORKS, "or your own as module:function"))] = None,
    latent: Annotated[int | None, typer.Option(help="Dimensions of the code.")] = None,
    likelihood: Annotated[str | None, typer.Option(help=f"p(x|z): {choices(LIKELIHOODS)}")] = None,
    posterior: Annotated[str | None, typer.Option(help=f"q(z|x): {choices(POSTERIORS)}")] = None,
    prior: Annotated[str | None, typer.Option(help=f"p(z): {choices(PRIORS)}")] = None,
    side: Annotated[
        list[str] | None, typer.Option(help="What stands beside x: names such as labels, or columns: site,age.")
    ] = None,
    side_to: Annotated[
        list[str] | None,
        typer.Option(help="The parts that take it, of encoder,decoder,prior; cvae has the first two."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="What the decoder says in x's place, a name as of --side; see the recipe vib."),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="How positions of categories or codewords are laid out: 7x7.", metavar="ROWSxCOLUMNS"),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the weights, the order and the noise.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    devices: Annotated[
        int | None, typer.Option(help="How many processes of this machine train together; or start it by torchrun.")
    ] = None,
    measure_limit: Annotated[
        int | None, typer.Option(help="At most so many test examples are measured at the end; 50,000 where left out.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(help=f"Who is told of the run, as often as wanted: {choices(TRACKERS)}")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/DATA-RECIPE-seedS where left out.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file; the other options have the say.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="path=value, such as objective.beta=6.", metavar="PATH=VALUE")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in --out; with more --epochs, beyond its end.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where --out holds a run.")] = False,
    trust: Trust = None,
) -> None:
    """Train a VAE, measure it on the test split, and write a run folder with a report."""
    from termwise import api
    from termwise.models.data_parallel import rank_and_ranks
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
            prior=prior,
            side=side or None,
            side_to=[part.strip() for one in side_to or [] for part in one.split(",")] or None,
            target=target,
            shape=None if shape is None else sides(shape),
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            device=device,
            devices=devices,
            measure_limit=measure_limit,
            track=track or None,
            out=out,
            resume=resume,
            overwrite=overwrite,
            trust=trusted(trust),
        )
    except KeyboardInterrupt:
        print("termwise: stopped. The same command with --resume goes on from the last checkpoint.", file=sys.stderr)
        raise typer.Exit(130) from None
    if rank_and_ranks()[0]:  # the first says it
        return
    show_account(run.account)
    print(f"\nThe run is in {run.folder}; its report: {run.folder.report_file}")


def sides(text: str) -> list[int]:
    """The sides of a shape as it is written.

    Example:
        >>> sides("7x7"), sides("8")
        ([7, 7], [8])
    """
    try:
        return [int(side) for side in text.lower().split("x")]
    except ValueError:
        raise Refused(f"A shape is written as its sides, such as 7x7; got {in_short(text)}.") from None
