"""References of adaptive contrast by name: what a recipe's, or an estimator's, `reference` may be."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from termwise.errors import Refused, UnknownName
from termwise.objectives.optimizers import OptimizerSettings
from termwise.terms.adversarial.learned_reference import LearnedReference
from termwise.terms.reference import Reference


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MomentsSpec(_Spec):
    """`Reference`: the normal with the posterior's moments, its variances or, as "full", its covariances."""

    name: Literal["moments", "full"]
    noises: PositiveInt | None = None
    fixed: bool = True

    def build(self) -> Reference:
        """The law."""
        return Reference(self.noises, self.name == "full", self.fixed)


class _LearnedSpec(_Spec):
    hidden: tuple[PositiveInt, ...] = (64, 64)
    moves: PositiveInt = 1
    optimizer: OptimizerSettings | None = None

    def build(self) -> LearnedReference:
        """The law, which brings its player."""
        options = self.model_dump(exclude={"name", "hidden", "moves", "optimizer"})
        name: str = getattr(self, "name")  # noqa: B009
        family = {"learned": "normal", "learned-full": "full-normal"}.get(name, name)
        return LearnedReference(family, self.hidden, moves=self.moves, optimizer=self.optimizer, **options)


class NormalSpec(_LearnedSpec):
    """`LearnedReference`: a normal, of variances or, as "learned-full", of covariances."""

    name: Literal["learned", "learned-full"]


class MixtureSpec(_LearnedSpec):
    """`LearnedReference`: a mixture of normals."""

    name: Literal["mixture"]
    components: PositiveInt = 5


class FlowSpec(_LearnedSpec):
    """`LearnedReference`: a flow of splines."""

    name: Literal["flow"]
    layers: PositiveInt = 2
    bins: PositiveInt = 8


REFERENCES = ("moments", "full", "learned", "learned-full", "mixture", "flow")
ReferenceSpec = Annotated[MomentsSpec | NormalSpec | MixtureSpec | FlowSpec, Field(discriminator="name")]
AnyReference = Reference | LearnedReference | str | dict[str, Any]


def reference_from(given: AnyReference) -> Reference | LearnedReference:
    """A reference, from one, from its name, or from a table such as {"name": "mixture", "components": 8}."""
    if isinstance(given, Reference | LearnedReference):
        return given
    table = {"name": given} if isinstance(given, str) else given
    name = table.get("name") if isinstance(table, Mapping) else None
    if isinstance(name, str) and name not in REFERENCES:
        raise UnknownName("reference", name, REFERENCES)
    try:
        return TypeAdapter[Any](ReferenceSpec).validate_python(table).build()
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, m['loc'][1:]))}: {m['msg']}".lstrip(": ") for m in error.errors())
        raise Refused(
            f"A reference is a name ({', '.join(REFERENCES)}), or a table such as "
            f'{{name = "mixture", components = 8}}; got {given!r}: {mistakes}.'
        ) from None
