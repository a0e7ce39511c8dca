"""A setting of a sweep: a value for each key that varies; as nested tables, in words, and as a folder's name."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from termwise.training.config import changed, with_recipe

Setting = Mapping[str, Any]
"""By dotted key of a configuration, such as "objective.beta", its value."""

MOST_LETTERS = 24
"""The letters of a value in a folder's name; of a longer one the rest is told by a checksum."""


def tables_of(base: Mapping[str, Any], setting: Setting, seed: int) -> dict[str, Any]:
    """The tables of one run: the base's, in which the setting and the seed have the say.

    Another recipe than the base's takes the place of its objective.

    Example:
        >>> tables_of({"model": {"latent": 2}}, {"objective.beta": 4}, seed=1)
        {'model': {'latent': 2}, 'objective': {'beta': 4}, 'training': {'seed': 1}}
    """
    above: dict[str, Any] = {}
    for key, value in {**setting, "training.seed": seed}.items():
        *outer, last = key.split(".")
        table = above
        for name in outer:
            table = table.setdefault(name, {})
        table[last] = value
    recipe = setting.get("objective.recipe")
    return changed(base if recipe is None else with_recipe(base, recipe), above)


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """What keys are called for short: their last parts, or more of them where two are alike.

    Example:
        >>> short_keys(["objective.beta", "model.latent"])
        {'objective.beta': 'beta', 'model.latent': 'latent'}
        >>> short_keys(["data.seed", "model.options.seed"])
        {'data.seed': 'data.seed', 'model.options.seed': 'options.seed'}
    """
    parts = dict.fromkeys(keys, 1)

    def name(key: str) -> str:
        return ".".join(key.split(".")[-parts[key] :])

    while True:
        alike = [key for key in keys if [name(other) for other in keys].count(name(key)) > 1]
        longer = [key for key in alike if parts[key] < len(key.split("."))]
        if not longer:
            return {key: name(key) for key in keys}
        for key in longer:
            parts[key] += 1


def in_words(setting: Setting, short: Mapping[str, str] | None = None) -> str:
    """A setting on one line.

    Example:
        >>> in_words({"objective.beta": 4, "model.network": "conv"})
        'objective.beta=4, model.network=conv'
    """
    return ", ".join(f"{(short or {}).get(key, key)}={value_in_words(value)}" for key, value in setting.items())


def value_in_words(value: Any) -> str:
    """A value as a configuration has it, numbers in four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def folder_name(setting: Setting, seed: int, number: int | None = None) -> str:
    """What the folder of a run is called; another for every run of a sweep.

    Args:
        setting: The run's.
        seed: Its seed.
        number: Which setting of a search it is; a grid's have none.

    Example:
        >>> folder_name({"objective.beta": 4, "model.network": "conv"}, seed=1)
        'beta=4,network=conv,seed=1'
        >>> folder_name({"objective.beta": 3.14159}, seed=0, number=7)
        '007,beta=3.142,seed=0'
    """
    short = short_keys(list(setting))
    parts = [f"{short[key]}={_slug(value, told_apart=number is None)}" for key, value in setting.items()]
    name = ",".join([*parts, f"seed={seed}"])
    name = name if number is None else f"{number:03d},{name}"
    return name if len(name) <= 200 else f"{name[:180]}~{_mark(name)},seed={seed}"


def _slug(value: Any, told_apart: bool) -> str:
    """A value in letters that any file system takes, with a mark where another value could have the same."""
    if isinstance(value, float):
        text = f"{value:.4g}"
        if not told_apart:
            return text
        text = repr(value) if value.is_integer() else text  # 4.0, which is not 4
        return text if float(text) == value else f"{text}~{_mark(repr(value))}"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "-", text)
    same = plain == text and 0 < len(plain) <= MOST_LETTERS and not plain.startswith(".")
    if isinstance(value, str):
        same = same and re.fullmatch(r"[\d.+-].*|true|false|null", value) is None  # which looks like another kind
    return plain if same else f"{plain[:MOST_LETTERS].strip('-.')}~{_mark(text)}"


def _mark(text: str) -> str:
    """Four letters by which texts are told apart."""
    return hashlib.blake2b(text.encode(), digest_size=2).hexdigest()
