"""The program with all its commands, in the order in which `termwise --help` lists them."""

from termwise.cli import (
    aggregates,
    attributes,
    compare,
    data,
    frontier,
    generate,
    impute,
    interpolate,
    measure,
    quality,
    recipes,
    report,
    sweep,
    tokenizer,
    train,
    traverse,
    verify,
)
from termwise.cli.app import app

__all__ = ["COMMANDS", "app"]

COMMANDS = (
    *(train, sweep, measure, compare, frontier, report, generate, traverse, interpolate, aggregates, attributes),
    *(impute, quality, tokenizer, recipes, data, verify),
)
"""The files of the commands, each named for its own, in the order of the help."""

app.registered_commands.sort(
    key=lambda command: [file.__name__ for file in COMMANDS].index(command.callback.__module__)
)
