"""`termwise tokenizer`: what the codes of an autoencoder are worth to a model that is trained on them."""

from typing import Annotated, Any

import typer

from termwise.cli.app import DataOption, Device, Json, Trust, app, print_json, progress_bar, show_account, trusted
from termwise.errors import Refused


@app.command()
def tokenizer(
    run: Annotated[
        str,
        typer.Argument(help="A run folder, or your function that returns a model.", metavar="RUN|MODULE:FUNCTION"),
    ],
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; all of a file without parts, where left out.")
    ] = None,
    channels: Annotated[str, typer.Option(help="first, of codes (C, places); last, of (places, C).")] = "first",
    features: Annotated[
        str | None,
        typer.Option(
            help="Your function, x to (B, F), by which reconstructions are judged.", metavar="MODULE:FUNCTION"
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many examples, drawn at random, are measured.")] = 5000,
    seed: Annotated[int, typer.Option(help="Of the codes, and of examples that are drawn.")] = 0,
    device: Device = "cpu",
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Report an autoencoder's codes by channel and place: rate, dead channels, scale, and what is kept of x."""
    from termwise import api
    from termwise.models.user_function import user_function

    if channels not in ("first", "last"):
        raise Refused(f"--channels is first or last; got {channels!r}.")
    options: dict[str, Any] = {"channels": channels}
    if features is not None:
        module, _, name = features.partition(":")
        if not name:
            raise Refused(f"--features is a function of yours as module:function; got {features!r}.")
        options["features"] = user_function(module, name)
    with progress_bar() as progress:
        account = api.tokenizer_report(
            run,
            data,
            split=split,
            limit=limit,
            seed=seed,
            device=device,
            trust=trusted(trust),
            progress=progress,
            **options,
        )
    if as_json:
        print_json(account.to_json())
        return
    show_account(account)
