"""The model of a configuration: its parts by name, with their options; and what a recipe has for them.

A recipe of codes of one kind, such as codewords, says which posterior it is of. Its model is then filled in wherever
nothing is said of it, and gives way to that of another recipe.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from termwise.data.side_names import side_names
from termwise.errors import Refused, TermwiseError
from termwise.models.networks.table import NETWORKS
from termwise.models.places import agree, with_shape
from termwise.models.posteriors.table import POSTERIORS
from termwise.models.priors.table import PRIORS
from termwise.objectives.recipes import RECIPES
from termwise.registry import Row
from termwise.values import Count, Text

PARTS: tuple[tuple[str, str, Mapping[str, Row], str | None], ...] = (
    ("model", "network", NETWORKS, "options"),
    ("model", "posterior", POSTERIORS, "posterior_options"),
    ("model", "prior", PRIORS, "prior_options"),
    ("objective", "recipe", RECIPES, None),
)
"""What is named and has options: its table and key, the rows that it is one of, and its options' key; None: beside it.
"""


class Section(BaseModel):
    """A table of a configuration, of known keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSection(Section):
    """The network, the posterior, the likelihood and the prior, by name; `options` are the network builder's own.

    Where no likelihood is said, it is the one that suits the data, which a run's config.toml names. Options that are
    not given are filled in with their defaults, which may be others in another version; not of a network of your own.
    `code` is a list of blocks (`Block`), in the place of latent, posterior and prior. `side_to` are the parts that take
    what stands beside x (the data's `side`), of "encoder", "decoder" and "prior"; none, where nothing is said. `target`
    is what the decoder says in the place of x, by its name; it stands beside x, whether `side` names it or not. `shape`
    is how the positions of a code of categories or codewords are laid out; in posterior_options it is `positions`.
    """

    network: Text = "mlp"
    latent: Count = 10
    posterior: Text = "diagonal-normal"
    likelihood: Text | None = None
    prior: Text = "standard-normal"
    options: dict[str, Any] = Field(default_factory=dict)
    posterior_options: dict[str, Any] = Field(default_factory=dict)
    prior_options: dict[str, Any] = Field(default_factory=dict)
    code: list[dict[str, Any]] = Field(default_factory=list)
    side_to: list[Text] | None = None
    target: Text | None = None
    shape: tuple[Count, ...] = Field(default=(), exclude=True)

    @field_validator("shape")
    @classmethod
    def _refused(cls, shape: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        """What of a shape is no option of the posterior, and so stands where it was said."""
        if not shape or {"code", "posterior", "posterior_options"} - info.data.keys():
            return shape
        if info.data["code"]:
            raise PydanticCustomError("shape", "a code of blocks has the shape of each in its table, [[model.code]]")
        try:
            with_shape(info.data["posterior"], info.data["posterior_options"], shape)
        except Refused as refusal:
            raise PydanticCustomError("shape", str(refusal).rstrip(".")) from None
        return shape

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table  # for pydantic to refuse
        filled = table = _without_misplaced_shape(spelled_out(table))
        for section, part, rows, options in PARTS:
            if section == "model" and options is not None:
                name, given = table.get(part, cls.model_fields[part].default), table.get(options, {})
                if name in rows and isinstance(given, Mapping):
                    filled[options] = rows[name].with_defaults(given)
        return filled


def with_recipes_model(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables in which the model is as the recipe has it, wherever they say nothing.

    Options of a part stand with the recipe's own part alone; and a code of blocks has parts of its own, whose encoder
    and decoder take the same beside x.

    Example:
        >>> with_recipes_model({"objective": {"recipe": "fsq"}, "model": {"latent": 8}})["model"]["posterior"]
        'finite-scalar'
    """
    objective, model = values.get("objective"), values.get("model", {})
    name = objective.get("recipe") if isinstance(objective, Mapping) else None
    wanted = RECIPES[name].model if isinstance(name, str) and name in RECIPES else {}
    if not wanted or not isinstance(model, Mapping):
        return dict(values)
    if model.get("code"):
        wanted = {key: value for key, value in wanted.items() if key in ("side_to", "target")}
    model = spelled_out(model)
    for key, value in wanted.items():
        part = key.removesuffix("_options")
        if key == "code" and not model.keys().isdisjoint(("latent", "posterior", "prior")):
            continue  # a flat code is asked for
        if part == key:
            model.setdefault(key, value)
        elif model[part] == wanted[part] and isinstance(model.get(key, {}), Mapping):
            model[key] = {**value, **model.get(key, {})}
    return {**values, "model": model}


def with_target_beside(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables in which the model's target, where it has one, is among what stands beside x.

    Example:
        >>> with_target_beside({"data": {"side": "site"}, "model": {"target": "labels"}})["data"]
        {'side': ['site', 'labels']}
    """
    model, data = values.get("model"), values.get("data", {})
    target = model.get("target") if isinstance(model, Mapping) else None
    side = data.get("side") or [] if isinstance(data, Mapping) else None
    side = [side] if isinstance(side, str) else side
    if not isinstance(target, str) or not isinstance(side, list) or not all(isinstance(one, str) for one in side):
        return dict(values)
    named = [one.name for one in side_names(side, ())] if side else []
    (of_target,) = side_names([target], (target,) if target in named else ())
    return dict(values) if of_target.name in named else {**values, "data": {**data, "side": [*side, target]}}


def without_recipes_model(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables without what the model has as their recipe has it, or as it is by default: another has its own.

    Example:
        >>> tables = {"objective": {"recipe": "fsq"}, "model": {"posterior": "finite-scalar", "latent": 8}}
        >>> without_recipes_model(tables)["model"]
        {'latent': 8}
    """
    objective, model = values.get("objective"), values.get("model")
    name = objective.get("recipe") if isinstance(objective, Mapping) else None
    if not isinstance(model, Mapping):
        return dict(values)
    usual = ModelSection(**(RECIPES[name].model if isinstance(name, str) and name in RECIPES else {})).model_dump()
    left = {key: value for key, value in spelled_out(model).items() if key not in usual or value != usual[key]}
    return {**values, "model": left}


def spelled_out(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a model, "name:argument" of posterior and prior as a name and options, and the shape as an option.

    As it is what cannot be.
    """
    result = _with_shape(table)
    for part, rows in (("posterior", POSTERIORS), ("prior", PRIORS)):
        name, colon, argument = str(table.get(part, "")).partition(":")
        given = result.get(f"{part}_options", {})
        first = next(iter(list(rows[name].options)[1:]), None) if colon and name in rows else None
        if first is None or not isinstance(given, Mapping) or first in given:
            continue
        with suppress(TermwiseError):  # whoever makes it refuses it
            options = rows.checked(name, {first: argument}, given=1)
            result |= {part: name, f"{part}_options": {**options, **given}}
    return result


def _with_shape(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a model, whose shape, where it has one that may be, is the posterior's positions."""
    shape, given = table.get("shape"), table.get("posterior_options", {})
    if not (isinstance(shape, list | tuple) and shape and isinstance(given, Mapping)) or table.get("code"):
        return dict(table)
    named = str(table.get("posterior", "")).partition(":")[0]
    if named in POSTERIORS and "positions" not in POSTERIORS[named].options:
        return dict(table)
    if "positions" in given and not agree(given["positions"], shape):
        return dict(table)
    rest = {key: value for key, value in table.items() if key != "shape"}
    return {**rest, "posterior_options": {**given, "positions": list(shape)}}


def _without_misplaced_shape(table: dict[str, Any]) -> dict[str, Any]:
    """The table of a model, whose positions, of a posterior that has none, are a shape again, to be refused as one."""
    named, options = table.get("posterior", "diagonal-normal"), table.get("posterior_options", {})
    if named not in POSTERIORS or not isinstance(options, Mapping) or "positions" in POSTERIORS[named].options:
        return table
    if not isinstance(options.get("positions"), list):
        return table
    rest = {key: value for key, value in options.items() if key != "positions"}
    return {**table, "shape": options["positions"], "posterior_options": rest}
