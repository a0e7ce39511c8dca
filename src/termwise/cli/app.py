"""The program and what its commands share: they answer on standard output, and tell the rest on standard error."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from termwise import __version__
from termwise.registry import Registry

if TYPE_CHECKING:
    from rich.console import RenderableType

    from termwise.account import Account
    from termwise.models.data_pass import Progress

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"termwise {__version__}")
        raise typer.Exit


@app.callback()
def options_of_all(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Train, measure and explain variational autoencoders, one ELBO term at a time."""


Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else.")]
RunFolders = Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN RUN ...")]
RunArgument = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]
DataOption = Annotated[str | None, typer.Option(help="A name, or a path; the run's own where left out.")]
Trust = Annotated[
    list[str] | None,
    typer.Option(help="A module whose code the run may use, as that of a network of yours; or all.", metavar="MODULE"),
]
OwnModel = Annotated[
    str | None,
    typer.Option("--model", help="Your function that makes the model, where Python did.", metavar="MODULE:FUNCTION"),
]
Device = Annotated[str, typer.Option(help="cpu, cuda, mps.")]


def choices(table: Registry[Any], *more: str) -> str:
    """What an option takes, for its help: the rows of a table as a configuration writes them, and what else there is.

    Example:
        >>> from termwise.models.networks.table import NETWORKS
        >>> choices(NETWORKS, "or your own as module:function")
        'mlp, conv, conv-bn, or your own as module:function.'
    """
    return ", ".join([*table.shown(), *more]) + "."


def trusted(modules: list[str] | None) -> bool | list[str]:
    """What `trust` is, of the modules that --trust names; all where one is "all".

    Example:
        >>> trusted(["nets"]), trusted(["all"])
        (['nets'], True)
    """
    return "all" in (modules or []) or list(modules or [])


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar on standard error, where all else that is printed goes: it is no part of the account."""
    from contextlib import redirect_stdout

    from termwise.report.progress_bar import terminal_bar

    with redirect_stdout(sys.stderr), terminal_bar() as progress:
        yield progress


def needed_by(run: str | Path, data: str | None) -> list[str]:
    """What must not be written over: the data that a command takes, and those that the run was trained on."""
    from termwise.training import RunFolder

    folder = RunFolder(run)
    options = folder.config().data.arguments().values() if folder.exists else ()  # among them files of labels
    return [one for one in (data, *options) if isinstance(one, str)]


def print_json(content: Mapping[str, Any]) -> None:
    """Print what a command has to say as one JSON object."""
    print(json.dumps(content, allow_nan=False))


def show_table(table: "RenderableType") -> None:
    """Print a table on the terminal."""
    from rich.console import Console

    Console().print(table)


def show_account(account: "Account") -> None:
    """Print an account as a table on the terminal, and of which examples it is."""
    from termwise.report.account_table import account_table

    show_table(account_table(account.to_json()))
    show_measured(account)


def show_measured(account: "Account") -> None:
    """Print which examples an account is of, where it says so."""
    from termwise.report.account_json import measured_on

    if sentence := measured_on(account.to_json()):
        print(f"\n{sentence}")
