"""All that is needed to run a training again: data, model, objective, training; as TOML and as keywords."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticSerializationError

from termwise.content import exists, read_bytes, unreadable
from termwise.errors import Refused, UnknownName, in_short
from termwise.objectives.configured import ObjectiveSpec
from termwise.objectives.optimizers import OptimizerSettings
from termwise.objectives.recipes import RECIPES
from termwise.training.model_section import (
    PARTS,
    ModelSection,
    Section,
    spelled_out,
    with_recipes_model,
    with_target_beside,
    without_recipes_model,
)
from termwise.values import Count, PositiveFinite, Seed, Share, Text, Whole, checked

MOST_MISTAKES = 20
"""The number of mistakes of a configuration that are said, at most."""


class DataSection(BaseModel):
    """Where the examples come from; options of the source stand beside.

    `source` is a name or a path, or left out where the data came from Python and cannot be named. Where `standardize`
    is left out, tables of real numbers are standardised within the model, and a run's config.toml says so. `side` is
    what stands beside x, by name, for models that take it and for readings.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    source: Text | None = None
    validation: Share = 0.0
    test: Share | None = None
    seed: Annotated[Whole, Field(ge=0)] = 0
    binarize: Literal["threshold", "fixed", "dynamic"] | None = None
    standardize: bool | None = None
    side: Text | list[Text] | None = None

    def arguments(self) -> dict[str, Any]:
        """What `load_data` is called with."""
        return {**self.model_dump(exclude_none=True), **(self.model_extra or {})}


class AverageSection(Section):
    """Exponential averaging of the weights, warmed up; the averages are what is evaluated and saved."""

    decay: Annotated[Share, Field(gt=0)] = 0.999


class TrainingSection(Section):
    """How the players are trained.

    Attributes:
        epochs: Passes over the training data.
        schedule_epochs: The passes that are the run of which a schedule is a share; `epochs` where left out. A run that
            goes on beyond its end keeps those that it began with, so that what has been trained stays as it was.
        batch_size: Examples a step; what is left over at the end of an epoch is dropped.
        seed: Of the weights, the order and the noise.
        gradient_clip: The largest norm of a player's gradient; none where left out.
        patience: Stop after so many evaluations without a lower validation loss, and keep the best weights. The loss is
            the first player's objective under the weights and targets in which its schedules end, and waiting begins
            when they have.
        evaluate_every: Epochs between evaluations.
        checkpoint_steps: Also write a checkpoint every so many steps.
        devices: How many processes of this machine train together, each on a device of its own, or on its share of the
            cores: every batch is dealt among them.
        audit: At each evaluation, take every term on training data under the full aggregate, and hold the training
            estimators against it. Costs a pass of the encoder.
        held_out_limit: At most so many held-out examples are evaluated while training.
        measure_limit: At most so many test examples, drawn at random, are measured at the end.
        track: Trackers that are told of the run, by name, such as "tensorboard".
    """

    epochs: Count = 20
    schedule_epochs: Count | None = None
    batch_size: Count = 128
    seed: Seed = 0
    optimizer: OptimizerSettings = OptimizerSettings()
    gradient_clip: PositiveFinite | None = None
    average: AverageSection | None = None
    patience: Count | None = None
    evaluate_every: Count = 1
    checkpoint_steps: Count | None = None
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"
    device: Text = "auto"
    devices: Count = 1
    audit: bool = True
    held_out_limit: Count = 10_000
    measure_limit: Annotated[Count, Field(ge=2)] = 50_000
    track: Text | list[Text] | None = None

    @property
    def trackers(self) -> list[str]:
        """The names in `track`, each once."""
        return list(dict.fromkeys([self.track] if isinstance(self.track, str) else self.track or []))


class Config(Section):
    """The configuration of a training: its data, model, objective and settings.

    Example:
        >>> config = config_from({"objective": {"recipe": "beta-vae", "beta": 4.0}, "model": {"latent": 2}})
        >>> config.model.latent, config.training.epochs
        (2, 20)
        >>> config_from(config.tables()) == config
        True
    """

    data: DataSection = DataSection()
    model: ModelSection = Field(default_factory=ModelSection)  # whose parts may be plugged in
    objective: ObjectiveSpec = Field(default_factory=lambda: ObjectiveSpec(recipe="vae"))  # as recipes may
    training: TrainingSection = TrainingSection()

    @model_validator(mode="before")
    @classmethod
    def _with_the_recipes_model(cls, values: Any) -> Any:
        return with_target_beside(with_recipes_model(values)) if isinstance(values, Mapping) else values

    def tables(self) -> dict[str, Any]:
        """The same as nested tables, which `config_from` reads back."""
        return self.model_dump(exclude_none=True, by_alias=True)

    def to_json(self) -> dict[str, Any]:
        """The same as nested tables of what JSON and TOML can hold."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)

    def toml(self) -> str:
        """The same as the text of a TOML file, which `read_config` reads back."""
        return tomli_w.dumps(self.to_json())


@checked
def config_from(values: Mapping[str, Any]) -> Config:
    """A Config from nested tables; every mistake is said at once, with its path.

    Raises:
        Refused: A key that is unknown, or a value that cannot be.

    Example:
        >>> config_from({"training": {"epoch": 3}})
        Traceback (most recent call last):
        termwise.errors.Refused: The configuration has mistakes:
          Unknown key 'training.epoch'. Did you mean 'training.epochs'...
    """
    try:
        config = Config.model_validate(values)
        lines = list(_not_finite(values))
    except ValidationError as error:
        lines = list(_mistakes(error))
    except RecursionError:
        raise Refused("The configuration is nested deeper than any is. Its tables go three deep.") from None
    if lines:
        more = [f"  and {len(lines) - MOST_MISTAKES} more."] if len(lines) > MOST_MISTAKES else []
        raise Refused("\n".join(["The configuration has mistakes:", *lines[:MOST_MISTAKES], *more]))
    try:
        return Config.model_validate(tomllib.loads(config.toml()))  # what a run's file will say
    except (PydanticSerializationError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Refused(
            f"A configuration holds what TOML can hold; got something else: {in_short(str(error))}. An objective or a "
            "model made in Python is passed as `objective` or `model`."
        ) from None


def _not_finite(values: Any, path: str = "") -> Iterator[str]:
    """A line on every number that is not finite, wherever it stands, with its path."""
    if isinstance(values, float) and not math.isfinite(values):
        yield f"  {path}: Input should be a finite number; got {values}."
    if isinstance(values, Mapping | list | tuple):
        for key, inner in values.items() if isinstance(values, Mapping) else enumerate(values):
            yield from _not_finite(inner, f"{path}.{key}" if path else str(key))


def _mistakes(error: ValidationError) -> Iterator[str]:
    """A line on every mistake, with its path."""
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            yield f"  {_unknown_key(path)}"
        else:
            yield f"  {path}: {mistake['msg']}; got {in_short(mistake['input'])}."


def _unknown_key(path: str) -> str:
    """That there is no such key; of the name alone of one, where it stands."""
    known, last = _known_keys(), path.rpartition(".")[2]
    places = [key for key in known if key.rpartition(".")[2] == last]
    if of := [name for name, row in RECIPES.items() if last in row.options]:
        places.append(f"objective.{last}")
    if not places:
        return str(UnknownName("key", path, known))
    whose = f", an option of {', '.join(of)}" if of else ""
    return f"Unknown key {path!r}. Did you mean {' or '.join(map(repr, places))}{whose}?"


def _known_keys(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Every key of the configuration, with its path."""
    keys = []
    for name, entry in model.model_fields.items():
        section = entry.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            keys += _known_keys(section, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys


@checked
def read_config(path: str | PathLike[str]) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        Refused: There is no such file.
        BadData: It is no TOML.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> file = Path(mkdtemp()) / "beta.toml"
        >>> _ = file.write_text(Config().toml())
        >>> config_from(read_config(file)) == Config()
        True
    """
    remedy = "Mend it, or name another."
    if not exists(path):
        raise Refused(f"There is no configuration at {path!s:.300}.")
    text = read_bytes(path, "TOML", remedy)
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "TOML", error, remedy) from None


@checked
def with_recipe(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Nested tables with this recipe for their objective; its options stay where it is the one they have.

    Example:
        >>> with_recipe({"objective": {"recipe": "beta-vae", "beta": 6}}, "vae")
        {'objective': {'recipe': 'vae'}}
    """
    objective = values.get("objective")
    if isinstance(objective, Mapping) and objective.get("recipe") == name:
        return dict(values)
    return {**without_recipes_model(values), "objective": {"recipe": name}}


@checked
def with_setting(values: dict[str, Any], setting: str) -> dict[str, Any]:
    """Nested tables with one more `path=value`; the value is read as TOML, else as text.

    Example:
        >>> with_setting({"objective": {"recipe": "beta-vae"}}, "objective.beta=6")
        {'objective': {'recipe': 'beta-vae', 'beta': 6}}
    """
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise Refused(f"A setting is written path=value, such as objective.beta=6; got {in_short(setting)}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except RecursionError:
        raise Refused(f"The setting {path.strip()} is nested deeper than any is. Give it a value.") from None
    except ValueError:  # no TOML, or a number of thousands of digits
        value = text.strip()
    *outer, last = path.strip().split(".")
    return changed(values, _nested(outer, {last: value}))


def _nested(path: list[str], inner: dict[str, Any]) -> dict[str, Any]:
    """The table, under the names of a path."""
    for name in reversed(path):
        inner = {name: inner}
    return inner


@checked
def changed(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables as `merged` has them, without the defaults of a part, or a recipe, that another takes the place of.

    A run's config.toml holds them all, and is then as good a start as any.

    Example:
        >>> changed(Config().tables(), {"model": {"network": "conv"}})["model"]["options"]
        {}
    """
    kept: dict[str, Any] = {**below}
    above = {**above}
    goals = [tables.get("objective", {}) for tables in (kept, above)]
    recipes = [goal.get("recipe") if isinstance(goal, Mapping) else None for goal in goals]
    if recipes[1] is not None and recipes[1] != recipes[0]:
        kept = without_recipes_model(kept)
    for tables in (kept, above):
        if isinstance(tables.get("model"), Mapping):
            tables["model"] = spelled_out(tables["model"])
    for section, part, rows, options in PARTS:
        table, named = kept.get(section), above.get(section)
        if not (isinstance(table, Mapping) and isinstance(named, Mapping)):
            continue
        old, own = table.get(part), table if options is None else table.get(options)
        if not isinstance(old, str) or old not in rows or named.get(part, old) == old or not isinstance(own, Mapping):
            continue
        defaults = rows[old].defaults
        left = {key: value for key, value in own.items() if key not in defaults or value != defaults[key]}
        kept[section] = left if options is None else {**table, options: left}
    return merged(kept, above)


@checked
def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested tables as one; where both say something, `above` has the say.

    Example:
        >>> merged({"model": {"latent": 2, "network": "mlp"}}, {"model": {"latent": 5}})
        {'model': {'latent': 5, 'network': 'mlp'}}
    """
    result = dict(below)
    for key, value in above.items():
        both_tables = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both_tables else value
    return result
