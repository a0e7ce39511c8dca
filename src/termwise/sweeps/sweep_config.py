"""What a sweep is to run: the configuration that all runs share, the keys that vary, seeds, and what is sought.

In TOML, tables as in a training's file stand under [base], and [sweep.grid] or [sweep.search] says what varies:

    [base.data]                      [sweep]
    source = "digits"                seeds = 3
    [base.objective]                 [sweep.grid]
    recipe = "beta-vae"              "objective.beta" = [1, 4, 16]
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from termwise.account import glossary
from termwise.account.readings import READINGS
from termwise.errors import Refused, UnknownName, in_short
from termwise.sweeps.settings import Setting, in_words, tables_of
from termwise.training.config import config_from
from termwise.training.model_section import Section
from termwise.values import Count, Finite, PositiveFinite, Seed, Text, checked

Sampler = Literal["random", "tpe", "gp", "cma-es", "nsgaii", "nsgaiii", "qmc"]
"""Optuna's samplers by the names that a sweep has for them."""

Pruner = Literal["median", "hyperband", "halving"]
"""Optuna's pruners, likewise."""

MOST_RUNS = 100_000
"""How many runs a grid may have: far more is a slip of the hand."""


class Range(Section):
    """Numbers from `low` to `high`, both among them; whole ones where both ends and the step are.

    Attributes:
        low: The least.
        high: The greatest.
        log: Whether they are spread evenly in the logarithm.
        step: How far apart they are; any numbers between where left out, or all whole ones.
    """

    low: int | Finite
    high: int | Finite
    log: bool = False
    step: int | PositiveFinite | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.low >= self.high:
            raise PydanticCustomError("order", "low must be below high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise PydanticCustomError("order", "on a log scale low is above 0, and there is no step")
        return self

    @property
    def whole(self) -> bool:
        """Whether it is of whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


class SearchSection(Section):
    """Settings that are drawn one after another, towards the readings that the sweep maximizes or minimizes.

    Attributes:
        space: By key a range, or a list of choices.
        settings: How many settings are tried, each with all seeds.
        sampler: Who draws them; nsgaii and nsgaiii for several readings.
        prune: Who ends a run early whose held-out term is behind those of earlier settings; nobody where left out.
            The first seed of a setting then runs alone, and the others follow if it was not ended.
        seed: Of the sampler.
    """

    space: dict[Text, Range | list[Any]]
    settings: Count = 20
    sampler: Sampler = "tpe"
    prune: Pruner | None = None
    seed: Seed = 0


class SweepSection(Section):
    """What varies and what is sought.

    Attributes:
        seeds: How many trainings each setting has, from the base's seed on; or their seeds.
        maximize: Readings of which more is better; ELBO where neither is said.
        minimize: Readings of which less is better.
        grid: By key all its values; every combination is run.
        search: In the place of a grid.
    """

    seeds: Annotated[Count, Field(le=MOST_RUNS)] | list[Seed] = 1
    maximize: Text | list[Text] = Field(default_factory=list)
    minimize: Text | list[Text] = Field(default_factory=list)
    grid: dict[Text, list[Any]] | None = None
    search: SearchSection | None = None

    @property
    def sought(self) -> dict[str, bool]:
        """The readings that are sought, with whether more of each is better."""
        up, down = ([one] if isinstance(one, str) else one for one in (self.maximize, self.minimize))
        return {**dict.fromkeys(up, True), **dict.fromkeys(down, False)} or {"elbo": True}


class SweepConfig(Section):
    """The configuration of a sweep: what runs share, and what varies.

    Example:
        >>> config = sweep_config_from({
        ...     "base": {"data": {"source": "digits"}, "objective": {"recipe": "beta-vae"}},
        ...     "sweep": {"seeds": 2, "grid": {"objective.beta": [1, 4], "model.latent": [2, 8]}},
        ... })
        >>> len(config.grid_settings()), config.seeds, config.keys
        (4, [0, 1], ('objective.beta', 'model.latent'))
    """

    base: dict[str, Any] = Field(default_factory=dict)
    sweep: SweepSection = SweepSection()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that vary."""
        search = self.sweep.search
        return tuple(self.sweep.grid or {}) if search is None else tuple(search.space)

    @property
    def seeds(self) -> list[int]:
        """The seeds that each setting is trained with."""
        if isinstance(self.sweep.seeds, list):
            return self.sweep.seeds
        first = config_from(self.base).training.seed
        return list(range(first, first + self.sweep.seeds))

    def grid_settings(self) -> list[Setting]:
        """Every combination of a grid's values, the last key's changing first; one empty setting without a grid."""
        settings: list[Setting] = [{}]
        for key, values in (self.sweep.grid or {}).items():
            settings = [{**setting, key: value} for setting in settings for value in values]
        return settings

    def to_json(self) -> dict[str, Any]:
        """The same as nested tables, of what JSON and TOML can hold."""
        return self.model_dump(mode="json", exclude_none=True)


@checked
def sweep_config_from(tables: Mapping[str, Any]) -> SweepConfig:
    """A sweep's configuration from nested tables; each of its settings is one that can be trained.

    Raises:
        Refused, UnknownName: A mistake in the tables, or in the configuration that some setting gives.

    Example:
        >>> sweep_config_from({"base": {}, "sweep": {"grid": {"training.epoch": [3]}}})
        Traceback (most recent call last):
        termwise.errors.Refused: With training.epoch=3: The configuration has mistakes:
          Unknown key 'training.epoch'. Did you mean 'training.epochs'...
    """
    try:
        config = SweepConfig.model_validate(tables)
    except ValidationError as error:
        raise Refused("\n".join(["The sweep has mistakes:", *dict.fromkeys(map(_mistake, error.errors()))])) from None
    config_from(config.base)
    _check_sought(config)
    _check_keys(config)
    for setting in _extremes(config):
        try:
            config_from(tables_of(config.base, setting, config.seeds[0])).objective.build()
        except (Refused, UnknownName) as error:
            raise Refused(f"With {in_words(setting)}: {error}" if setting else str(error)) from None
    try:
        return SweepConfig.model_validate(tomllib.loads(tomli_w.dumps(config.to_json())))  # what sweep.toml will say
    except (TypeError, ValueError) as error:
        raise Refused(f"A sweep's configuration holds what TOML can hold; got something else: {error}.") from None


def _mistake(mistake: Any) -> str:
    """A line on a mistake, with its path."""
    path = ".".join(str(part) for part in mistake["loc"] if part not in ("list[any]", "Range", "list[constrained-str]"))
    if mistake["type"] == "extra_forbidden":
        sections: dict[str, type[Section]] = {"": SweepConfig, "sweep": SweepSection, "sweep.search": SearchSection}
        place = sections.get(path.rpartition(".")[0])
        known = [] if place is None else list(place.model_fields)
        return f"  {UnknownName('key', path, known)}" if known else f"  Unknown key {path!r}."
    return f"  {path}: {mistake['msg']}; got {in_short(mistake['input'])}."


def _check_sought(config: SweepConfig) -> None:
    sought, search = config.sweep.sought, config.sweep.search
    for name in sought:
        if name not in READINGS and glossary.reading(name).meaning == "":
            raise UnknownName("reading", name, READINGS)
    if search is not None and search.prune is not None and len(sought) > 1:
        raise Refused("Pruning goes by one reading; got " + " and ".join(sought) + ". Seek one, or leave `prune` out.")


def _check_keys(config: SweepConfig) -> None:
    """Raise Refused for keys and values that no sweep can have."""
    grid, search = config.sweep.grid, config.sweep.search
    if grid is not None and search is not None:
        raise Refused("A sweep is a grid or a search; got both. Leave [sweep.grid] or [sweep.search] out.")
    if "training.seed" in config.keys:
        raise Refused("Seeds are said by `seeds`, as replicas: seeds = 3, or seeds = [0, 7]. Leave training.seed out.")
    for key in config.keys:
        if inner := [other for other in config.keys if other.startswith(f"{key}.")]:
            raise Refused(f"{inner[0]} is a part of {key}, and both vary. Leave one of them out.")
    if len(set(config.seeds)) < len(config.seeds) or not config.seeds:
        raise Refused(f"Seeds are one or more, each once; got {in_short(config.seeds)}.")
    runs = len(config.seeds)
    for key, values in (grid or {}).items() if search is None else search.space.items():
        if not isinstance(values, list):
            continue
        if not values:
            raise Refused(f"{key} has no values: list one or more, or leave it out.")
        written = [json.dumps(value, sort_keys=True, default=str) for value in values]
        if len(set(written)) < len(written):
            raise Refused(f"{key} has a value twice: {in_short(values)}. List each once.")
        runs *= len(values) if search is None else 1
    if runs > MOST_RUNS:
        raise Refused(f"This grid has {runs:,} runs, and may have {MOST_RUNS:,}. Take fewer values, or a search.")


def _extremes(config: SweepConfig) -> Iterator[Setting]:
    """The settings that are tried before any run: all of a grid; of a search each choice and end, one key at a time."""
    if config.sweep.search is None:
        yield from config.grid_settings()
        return
    ends: dict[str, Sequence[Any]] = {
        key: values if isinstance(values, list) else (values.low, values.high)
        for key, values in config.sweep.search.space.items()
    }
    first = {key: values[0] for key, values in ends.items()}
    yield first
    for key, values in ends.items():
        yield from ({**first, key: value} for value in values[1:])
