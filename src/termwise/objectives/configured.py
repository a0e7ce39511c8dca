"""Objectives as they are written in a TOML file: by recipe, or as a walk, link by link."""

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from termwise.data.generators import turn
from termwise.errors import Refused, TermwiseError, UnknownName, in_short
from termwise.objectives.game import Game, solo
from termwise.objectives.objective import Objective, Weighted, distortion
from termwise.objectives.optimizers import OptimizerSettings
from termwise.objectives.recipes import RECIPES
from termwise.objectives.shapes import Shaping
from termwise.schedules import Weight, as_schedule
from termwise.terms.aggregate.memory import Memory
from termwise.terms.aggregate.table import aggregate_from
from termwise.terms.closed_form import ClosedForm
from termwise.terms.estimators import ESTIMATORS
from termwise.terms.groups import Grouping, Groups
from termwise.terms.laws import Law
from termwise.terms.link import Estimator, Link, WithReference
from termwise.terms.link_names import LINK_NAMES
from termwise.terms.multi_sample import MultiSampleBound
from termwise.terms.still import End
from termwise.values import checked


class EstimatorSpec(BaseModel):
    """An estimator's name, one of `ESTIMATORS`, and beside it the options of its row's maker.

    What cannot be built is refused when it is read, while its path in the file is known.

    Example:
        >>> EstimatorSpec.model_validate({"name": "kernel", "kernel": "rbf"}).build({}).label
        'kernel, RBF'
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str

    @model_validator(mode="before")
    @classmethod
    def _with_its_options(cls, table: Any) -> Any:
        if isinstance(table, Estimator):
            raise _mistake(
                f"A file holds no {type(table).__name__} made in Python. Name it, as in {{name = {table.name!r}}}; or "
                'pass train(objective=distortion() + link("posterior", "prior", estimator)), of termwise.objectives'
            )
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            return table  # for pydantic to refuse
        options = {key: value for key, value in table.items() if key != "name"}
        try:
            options = ESTIMATORS.checked(table["name"], options)
            if options.get("optimizer") is not None:
                options["optimizer"] = OptimizerSettings.model_validate(options["optimizer"])
        except ValidationError as error:
            mistakes = "; ".join(f"{'.'.join(map(str, m['loc']))}: {m['msg']}" for m in error.errors())
            raise _mistake(f"The optimizer cannot be: {mistakes}") from None
        except TermwiseError as error:
            raise _mistake(str(error)) from None
        return {"name": table["name"], **ESTIMATORS[table["name"]].with_defaults(options)}

    @model_validator(mode="after")
    def _can_be_built(self) -> "EstimatorSpec":
        try:
            with turn(), torch.random.fork_rng(devices=[]):  # what is built here is thrown away
                self.build({})
        except TermwiseError as error:
            raise _mistake(str(error)) from None
        return self

    def build(self, memories: dict[str, Memory]) -> Estimator:
        """A fresh estimator; those that name one memory of q(z) share it.

        Args:
            memories: Those of the walk so far; one that is not there yet is added.
        """
        options = dict(self.model_extra or {})
        if (named := options.get("aggregate")) is not None:
            table = {"name": named} if isinstance(named, str) else named
            options["aggregate"] = memories.setdefault(repr(table), aggregate_from(table))
        estimator: Estimator = ESTIMATORS.build(self.name, **options)
        return estimator


def _mistake(message: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{message}", {"message": message.rstrip(".")})


class LinkSpec(BaseModel):
    """One link of a walk: `from`, `to`, a weight, an estimator and perhaps a shape, or an end without gradient."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    left: str = Field(alias="from")
    right: str = Field(alias="to")
    weight: Weight = 1.0
    shape: Shaping | None = None
    stop_gradient: End | None = None
    estimator: EstimatorSpec


class ObjectiveSpec(BaseModel):
    """An objective in a file: either a recipe, with its options beside it, or links.

    A recipe's options that are not given are filled in with their defaults, which may be others in another version.

    Example:
        >>> ObjectiveSpec(recipe="beta-vae", beta=2.0).build().players[0].objective.names
        ('distortion', 'rate')
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    recipe: str | None = None
    links: tuple[LinkSpec, ...] | None = None
    distortion: Weight | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, table: Any) -> Any:
        if not isinstance(table, Mapping) or table.get("recipe") not in RECIPES:
            return table  # for `build` to refuse
        return RECIPES[table["recipe"]].with_defaults(table)

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside the recipe's name."""
        return dict(self.model_extra or {})

    @property
    def functions(self) -> set[str]:
        """The functions of one's own that it names, "module:function", whose modules run where they are imported.

        Example:
            >>> ObjectiveSpec(recipe="f-vae", divergence="losses:own_f").functions
            {'losses:own_f'}
        """
        tables = [self.options, *(one.estimator.model_extra or {} for one in self.links or ())]
        named = [table.get("divergence") for table in tables]
        return {one for one in named if isinstance(one, str) and ":" in one}

    def _whose_options(self) -> str:
        """Which recipes the options are of, that were given without one."""
        if self.recipe is not None or not self.options:
            return ""
        named = next(iter(self.options)).rstrip("_")
        of = [name for name, row in RECIPES.items() if named in row.options]
        if not of:
            return f" {in_short(named)} is an option of no recipe."
        use = f"name one of them, as in --recipe {of[0]}, or recipe={of[0]!r}"
        return f" {named!r} is an option of {', '.join(of)}: {use}."

    @property
    def weighs_codes(self) -> bool:
        """Whether several codes of an example are weighed against each other, as by the recipe "iwae".

        Example:
            >>> ObjectiveSpec(recipe="miwae").weighs_codes, ObjectiveSpec(recipe="vae").weighs_codes
            (True, False)
        """
        if self.recipe is None and self.links is None:  # as where an objective was made in Python
            return False
        terms = [part.term for part in self.build().players[0].objective.parts]
        return any(isinstance(term, MultiSampleBound) for term in terms)

    def build(self) -> Game:
        """A fresh game of the players that the recipe, or the walk, asks for."""
        if (self.recipe is None) == (self.links is None):
            got = "neither" if self.recipe is None else "both"
            raise Refused(f"An objective needs a recipe or links, one of the two; got {got}.{self._whose_options()}")
        if self.links is None:
            assert self.recipe is not None
            if self.distortion is not None:
                raise Refused("The distortion weighs 1 in every recipe. To weigh it, write the walk link by link.")
            game: Game = RECIPES.build(self.recipe, **self.options)
            return game
        options = self.options
        groups = options.pop("groups", None)
        if options:
            raise UnknownName("key of [objective]", next(iter(options)), ("recipe", "links", "distortion", "groups"))
        return solo(walk_objective(self.links, self.distortion, groups))


@checked
def walk_objective(
    links: tuple[LinkSpec, ...], distortion_weight: Weight | None = None, groups: Grouping | None = None
) -> Objective:
    """The objective of a walk written link by link; the distortion weighs 1 where nothing is said.

    Links that name one memory of q(z) share it, and all stop at the reference that one of their estimators brings, and
    at the same `groups` of dimensions.
    """
    for one in links:
        if (one.left, one.right) not in LINK_NAMES:
            Link(one.left, one.right, ClosedForm())  # says which links there are
    memories: dict[str, Memory] = {}
    estimators = [one.estimator.build(memories) for one in links]
    stops: dict[str, Law] = {one.reference.name: one.reference for one in estimators if isinstance(one, WithReference)}
    if groups is not None:
        stops["groups"] = Groups(groups)
        if not any("groups" in (one.left, one.right) for one in links):
            raise Refused("groups says which dimensions the stop groups is of, and no link goes there. Leave it out.")
    parts = [(1.0 if distortion_weight is None else distortion_weight) * distortion()]
    for one, estimator in zip(links, estimators, strict=True):
        left, right = (stops.get(end, end) for end in (one.left, one.right))
        parts.append(Weighted(Link(left, right, estimator, one.stop_gradient), as_schedule(one.weight), one.shape))
    return Objective(tuple(parts))
