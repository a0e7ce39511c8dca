"""The program and what its commands share: they answer on standard output, and tell the rest on standard error."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from termwise.account import Account
    from termwise.models.passes import Progress

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


@contextmanager
def telling() -> Iterator["Progress"]:
    """A bar on standard error, where all else that is printed goes: it is no part of the account."""
    from contextlib import redirect_stdout

    from termwise.report.progress import shown

    with redirect_stdout(sys.stderr), shown() as told:
        yield told


def print_json(account: "Account") -> None:
    """The account as one JSON object."""
    print(json.dumps(account.to_json(), allow_nan=False))


def show_table(table: "RenderableType") -> None:
    """A table on the terminal."""
    from rich.console import Console

    Console().print(table)


def show_account(account: "Account") -> None:
    """The account as a table."""
    from termwise.report.tables import account_table

    show_table(account_table(account.to_json()))
