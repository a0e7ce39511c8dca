"""Objectives as they are written in a TOML file: by recipe, or as a walk, link by link."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from termwise.errors import Refused, UnknownName
from termwise.objectives.game import Game, OptimizerSettings, solo
from termwise.objectives.memories import MemorySpec
from termwise.objectives.objective import Objective, Shape, Weighted, distortion
from termwise.objectives.recipes import recipe
from termwise.objectives.schedule import Weight, as_schedule
from termwise.terms.closed_form import ClosedForm
from termwise.terms.critic import Critic
from termwise.terms.density_ratio import DensityRatio
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.link import LINK_NAMES, Estimator, Link
from termwise.terms.memory import Memory
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.telescoping import Telescoping


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ClosedFormSpec(_Spec):
    """`ClosedForm`."""

    name: Literal["closed-form"]


class MonteCarloSpec(_Spec):
    """`MonteCarlo`. Links of one file that name the same memory share it."""

    name: Literal["monte-carlo"]
    aggregate: str | MemorySpec = "bank"


class KernelSpec(_Spec):
    """`Kernel`."""

    name: Literal["kernel"]
    kernel: Literal["imq", "rbf"] = "imq"
    bandwidth: PositiveFloat | None = None
    scales: tuple[PositiveFloat, ...] | None = None

    def build(self) -> Kernel:
        """The estimator; an option of the other kernel is refused."""
        if self.kernel == "imq" and self.bandwidth is not None:
            raise Refused("bandwidth is an option of the RBF kernel; the IMQ kernel takes scales.")
        if self.kernel == "rbf" and self.scales is not None:
            raise Refused("scales is an option of the IMQ kernel; the RBF kernel takes a bandwidth.")
        if self.kernel == "rbf":
            return Kernel(RBF(self.bandwidth))
        return Kernel(IMQ() if self.scales is None else IMQ(self.scales))


class DensityRatioSpec(_Spec):
    """`DensityRatio`, or with waymarks `Telescoping`, with a `Critic` of its own for every link."""

    name: Literal["density-ratio"]
    divergence: str = "kl"
    swapped: bool = False
    moves: PositiveInt = 1
    optimizer: OptimizerSettings | None = None
    hidden: tuple[PositiveInt, ...] = (256, 256)
    activation: str = "leaky-relu"
    spectral_norm: bool = False
    gradient_penalty: float = 0.0
    quadratic: bool = False
    waymarks: NonNegativeInt = 0

    def build(self) -> DensityRatio:
        """The estimator."""
        options = self.model_dump(include={"spectral_norm", "gradient_penalty", "quadratic"})
        critic = Critic(self.hidden, self.activation, heads=self.waymarks + 1, **options)
        play: dict[str, Any] = {"moves": self.moves, "optimizer": self.optimizer, "swapped": self.swapped}
        if self.waymarks:
            return Telescoping(self.waymarks, self.divergence, critic, **play)
        return DensityRatio(self.divergence, critic, **play)


EstimatorSpec = Annotated[ClosedFormSpec | MonteCarloSpec | KernelSpec | DensityRatioSpec, Field(discriminator="name")]


class LinkSpec(_Spec):
    """One link of a walk: `from`, `to`, a weight, an estimator and perhaps a shape."""

    left: str = Field(alias="from")
    right: str = Field(alias="to")
    weight: Weight = 1.0
    shape: Shape | None = None
    estimator: EstimatorSpec


class ObjectiveSpec(BaseModel):
    """Either a recipe, with its options beside it, or links."""

    model_config = ConfigDict(frozen=True, extra="allow")
    recipe: str | None = None
    links: tuple[LinkSpec, ...] | None = None
    distortion: Weight | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside the recipe's name."""
        return dict(self.model_extra or {})

    def build(self) -> Game:
        """A fresh game."""
        if (self.recipe is None) == (self.links is None):
            got = "neither" if self.recipe is None else "both"
            raise Refused(f"An objective needs a recipe or links, one of the two; got {got}.")
        if self.links is None:
            assert self.recipe is not None
            if self.distortion is not None:
                raise Refused("The distortion weighs 1 in every recipe. To weigh it, write the walk link by link.")
            return recipe(self.recipe, **self.options)
        if self.options:
            raise UnknownName("key of [objective]", next(iter(self.options)), ("recipe", "links", "distortion"))
        return solo(walk(self.links, self.distortion))


def walk(links: tuple[LinkSpec, ...], distortion_weight: Weight | None = None) -> Objective:
    """The objective of a walk written link by link; the distortion weighs 1 where nothing is said."""
    for one in links:
        if (one.left, one.right) not in LINK_NAMES:
            Link(one.left, one.right, ClosedForm())  # says which links there are
    memories: dict[str, Memory] = {}
    parts = [(1.0 if distortion_weight is None else distortion_weight) * distortion()]
    for one in links:
        estimator: Estimator
        if isinstance(one.estimator, MonteCarloSpec):
            given = one.estimator.aggregate
            spec = MemorySpec(name=given) if isinstance(given, str) else given
            estimator = MonteCarlo(memories.setdefault(repr(spec), spec.build()))
        else:
            estimator = ClosedForm() if isinstance(one.estimator, ClosedFormSpec) else one.estimator.build()
        parts.append(Weighted(Link(one.left, one.right, estimator), as_schedule(one.weight), one.shape))
    return Objective(tuple(parts))
