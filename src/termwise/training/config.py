"""All that is needed to run a training again: data, model, objective, training; as TOML and as keywords."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError
from pydantic_core import PydanticSerializationError

from termwise.errors import Refused, UnknownName
from termwise.objectives.configured import ObjectiveSpec
from termwise.objectives.optimizers import OptimizerSettings

LARGEST_SEED = 2**32 - 1
"""The largest seed that every random generator takes."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSection(BaseModel):
    """Where the examples come from; options of the source stand beside.

    `source` is a name or a path, or left out where the data came from Python and cannot be named.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    source: str | None = None
    validation: float = Field(default=0.0, ge=0, lt=1)
    test: float | None = Field(default=None, ge=0, lt=1)
    seed: int = 0
    binarize: Literal["threshold", "fixed", "dynamic"] | None = None

    def arguments(self) -> dict[str, Any]:
        """What `load_data` is called with."""
        return {**self.model_dump(exclude_none=True), **(self.model_extra or {})}


class ModelSection(_Section):
    """The network, the posterior, the likelihood and the prior, by name; `options` are the network builder's own."""

    network: str = "mlp"
    latent: PositiveInt = 10
    posterior: str = "diagonal-normal"
    likelihood: str = "bernoulli"
    prior: str = "standard-normal"
    options: dict[str, Any] = Field(default_factory=dict)
    posterior_options: dict[str, Any] = Field(default_factory=dict)
    prior_options: dict[str, Any] = Field(default_factory=dict)


class AverageSection(_Section):
    """Exponential averaging of the weights, warmed up; the averages are what is evaluated and saved."""

    decay: float = Field(default=0.999, gt=0, lt=1)


class TrainingSection(_Section):
    """How the players are trained.

    Attributes:
        epochs: Passes over the training data.
        batch_size: Examples a step; what is left over at the end of an epoch is dropped.
        seed: Of the weights, the order and the noise.
        gradient_clip: The largest norm of a player's gradient; none where left out.
        patience: Stop after so many evaluations without a lower validation loss, and keep the best weights. The loss is
            the first player's objective under the weights and targets in which its schedules end, and waiting begins
            when they have.
        evaluate_every: Epochs between evaluations.
        checkpoint_steps: Also write a checkpoint every so many steps.
        audit: At each evaluation, take every term on training data under the full aggregate, and hold the training
            estimators against it. Costs a pass of the encoder.
        held_out_limit: At most so many held-out examples are evaluated while training.
        measure_limit: At most so many test examples, drawn at random, are measured at the end.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 128
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    optimizer: OptimizerSettings = OptimizerSettings()
    gradient_clip: PositiveFloat | None = None
    average: AverageSection | None = None
    patience: PositiveInt | None = None
    evaluate_every: PositiveInt = 1
    checkpoint_steps: PositiveInt | None = None
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"
    device: str = "auto"
    audit: bool = True
    held_out_limit: PositiveInt = 10_000
    measure_limit: int = Field(default=50_000, ge=2)


class Config(_Section):
    """The configuration of a training: its data, model, objective and settings.

    Example:
        >>> config = config_from({"objective": {"recipe": "beta-vae", "beta": 4.0}, "model": {"latent": 2}})
        >>> config.model.latent, config.training.epochs
        (2, 20)
        >>> config_from(config.tables()) == config
        True
    """

    data: DataSection = DataSection()
    model: ModelSection = ModelSection()
    objective: ObjectiveSpec = ObjectiveSpec(recipe="vae")
    training: TrainingSection = TrainingSection()

    def tables(self) -> dict[str, Any]:
        """The same as nested tables, which `config_from` reads back."""
        return self.model_dump(exclude_none=True, by_alias=True)

    def to_json(self) -> dict[str, Any]:
        """The same as nested tables of what JSON and TOML can hold."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)

    def toml(self) -> str:
        """The same as the text of a TOML file, which `read_config` reads back."""
        return tomli_w.dumps(self.to_json())


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
    except ValidationError as error:
        raise Refused("The configuration has mistakes:\n" + "\n".join(_mistakes(error))) from None
    try:
        return Config.model_validate(tomllib.loads(config.toml()))  # what a run's file will say
    except (PydanticSerializationError, TypeError) as error:
        raise Refused(
            f"A configuration holds what TOML can hold; got something else: {error}. An objective or a model made in "
            "Python is passed as `objective` or `model`."
        ) from None


def _mistakes(error: ValidationError) -> Iterator[str]:
    """A line on every mistake, with its path."""
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            yield f"  {UnknownName('key', path, _known_keys())}"
        else:
            yield f"  {path}: {mistake['msg']}; got {mistake['input']!r}."


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


def read_config(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        Refused: There is no such file, or it is no TOML.

    Example:
        >>> from tempfile import mkdtemp
        >>> file = Path(mkdtemp()) / "beta.toml"
        >>> _ = file.write_text(Config().toml())
        >>> config_from(read_config(file)) == Config()
        True
    """
    path = Path(path)
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Refused(f"There is no configuration at {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is no TOML that can be read: {error}.") from None
    except OSError as error:
        raise Refused(f"The configuration {path} cannot be read: {error.strerror}.") from None


def with_recipe(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Nested tables with this recipe for their objective; its options stay where it is the one they have.

    Example:
        >>> with_recipe({"objective": {"recipe": "beta-vae", "beta": 6}}, "vae")
        {'objective': {'recipe': 'vae'}}
    """
    objective = values.get("objective")
    if isinstance(objective, Mapping) and objective.get("recipe") == name:
        return dict(values)
    return {**values, "objective": {"recipe": name}}


def with_setting(values: dict[str, Any], setting: str) -> dict[str, Any]:
    """Nested tables with one more `path=value`; the value is read as TOML, else as text.

    Example:
        >>> with_setting({"objective": {"recipe": "beta-vae"}}, "objective.beta=6")
        {'objective': {'recipe': 'beta-vae', 'beta': 6}}
    """
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise Refused(f"A setting is written path=value, such as objective.beta=6; got {setting!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *outer, last = path.strip().split(".")
    return merged(values, _nested(outer, {last: value}))


def _nested(path: list[str], inner: dict[str, Any]) -> dict[str, Any]:
    """The table, under the names of a path."""
    for name in reversed(path):
        inner = {name: inner}
    return inner


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
