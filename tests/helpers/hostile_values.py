"""Values that nobody meant: for any argument, key or option, of every kind and size."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, -7, 2**31, 2**32, 2**53 + 1, 2**62, 2**63, 2**64, -(2**63), 10**18, 10**40, 10**400, 0.5, -0.5, 1.0,
    1.5, 1e-320, 1e-30, 1e30, 1e300, -1e300, float("nan"), float("inf"), float("-inf"), -0.0,
)  # fmt: skip
"""Small, large, beyond 64 bits, beyond a float, between whole ones, and none at all."""

TEXTS = (
    "", " ", "nan", "inf", "-1", "true", "none", "é", "名前", "a\u2028b", "a\nb", "a\x00b", "~nosuchuser", "~", ".",
    "/proc/self/fd", "\udcff", "-", "--", "%s%n", "{0}", "a" * 5000, "9" * 5000, "a:b", ":", "mlp:", "normal:",
    "normal:nan", "normal:-1", "normal:inf", "normal:1e400", "normal:" + "9" * 5000, "categorical:" + "9" * 30,
    "cuda:99", "meta", "os:abort", "[1,", "\\",
)  # fmt: skip
"""Empty, blank, beyond ASCII, beyond UTF-8, beyond a file's name, and what is nearly something.

A folder of the system's is a small one: "/" would be searched for images, rightly, for as long as it takes.
"""


def nested(depth: int, table: bool = False) -> Any:
    """A list in a list in a list, or tables, so deep."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if table else [value]
    return value


PLAIN: tuple[Any, ...] = (
    None, True, False, [], [0], [-1], [8], [8, 2**40], [10**20], [float("nan")], [""], [[1]], [None], [True], {},
    {"name": ""}, {"name": "full"}, {"name": ["a"]}, {"": 1}, {"a": {"b": None}}, nested(3), nested(60),
    nested(60, table=True), nested(5000), nested(5000, table=True), ["9"] * 2000, {str(i): i for i in range(999)},
)  # fmt: skip
"""Of other kinds: flags, lists, tables, small, empty, long and deep."""

OF_PYTHON: tuple[Any, ...] = (
    b"bytes", object(), int, len, lambda *_: None, lambda *_: 1 / 0, 1j, {1, 2}, range(3), iter([1]), Path(),
    Path("none"), torch.zeros(()), torch.zeros(0), torch.zeros(0, 3), torch.zeros(4, 36), torch.ones(4, 1, 6, 6),
    torch.full((4, 3), float("nan")), torch.zeros(3, dtype=torch.bool), torch.zeros(3, dtype=torch.complex64),
    torch.zeros(2, 2, device="meta"), torch.zeros(2, 2).to_sparse(), torch.nn.Linear(2, 2), torch.nn.Identity(),
    torch.distributions.Normal(0.0, 1.0), torch.device("meta"), NotImplemented, Ellipsis, ValueError("x"),
)  # fmt: skip
"""Objects that no file holds."""


def plain(rng: random.Random) -> Any:
    """What JSON or TOML could hold."""
    kind = rng.random()
    return rng.choice(NUMBERS if kind < 0.45 else TEXTS if kind < 0.7 else PLAIN)


def of_python(rng: random.Random) -> Any:
    """What a caller from Python could pass."""
    return plain(rng) if rng.random() < 0.65 else rng.choice(OF_PYTHON)


def as_text(value: Any) -> str:
    """The value as it is written on a command line."""
    try:
        return str(value)[:9000]
    except RecursionError:
        return "[" * 5000


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested tables and lists, by its keys; the root's is empty."""
    yield at
    if isinstance(tree, dict | list):
        for key, inner in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(inner, (*at, key))


def changed(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The tree with another value in one place."""
    if not at:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[at[0]] = changed(tree[at[0]], at[1:], value)
    return copy


def without(tree: Any, at: tuple[Any, ...]) -> Any:
    """The tree without one place."""
    if len(at) > 1:
        return changed(tree, at[:1], without(tree[at[0]], at[1:]))
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    del copy[at[0]]
    return copy


def mutated(tree: Any, rng: random.Random, hostile: Any = plain) -> tuple[str, Any]:
    """What was changed, and the tree with one place changed, left out, or added."""
    at = rng.choice(list(places(tree)))
    where = ".".join(map(str, at)) or "all"
    way = rng.random()
    if at and way < 0.15:
        return f"without {where}", without(tree, at)
    value = hostile(rng)
    inner = tree
    for key in at:
        inner = inner[key]
    if isinstance(inner, dict) and way < 0.4:
        key = rng.choice(("more", "", "é", "name", "a.b"))
        return f"{where}.{key} = {short(value)}", changed(tree, at, {**inner, key: value})
    return f"{where} = {short(value)}", changed(tree, at, value)


def short(value: Any) -> str:
    """The value in a few characters, however deep or long it is."""
    try:
        return f"{value!r:.80}"
    except (RecursionError, ValueError):
        return f"a deep or long {type(value).__name__}"
