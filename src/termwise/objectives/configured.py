"""Objectives as they are written in a TOML file: by recipe, or as a walk, link by link."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from termwise.errors import Refused, UnknownName
from termwise.objectives.aggregates import MemorySpec
from termwise.objectives.game import Game, solo
from termwise.objectives.objective import Objective, Shape, Weighted, distortion
from termwise.objectives.optimizers import OptimizerSettings
from termwise.objectives.recipes import recipe
from termwise.objectives.references import reference_from
from termwise.objectives.schedules import Weight, as_schedule
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic import Critic
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.telescoping import Telescoping
from termwise.terms.aggregate.memory import Memory
from termwise.terms.closed_form import ClosedForm
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.link import LINK_NAMES, Estimator, Link
from termwise.terms.monte_carlo import MonteCarlo


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


class _CriticSpec(_Spec):
    """A `Critic`, of its own for every link, and how it plays."""

    moves: PositiveInt = 1
    optimizer: OptimizerSettings | None = None
    hidden: tuple[PositiveInt, ...] = (256, 256)
    activation: str = "leaky-relu"
    spectral_norm: bool = False
    gradient_penalty: float = 0.0

    def critic(self, **more: Any) -> Critic:
        """A fresh critic."""
        options = self.model_dump(include={"spectral_norm", "gradient_penalty"})
        return Critic(self.hidden, self.activation, **options, **more)


class DensityRatioSpec(_CriticSpec):
    """`DensityRatio`, or with waymarks `Telescoping`."""

    name: Literal["density-ratio"]
    divergence: str = "kl"
    swapped: bool = False
    quadratic: bool = False
    waymarks: NonNegativeInt = 0

    def build(self) -> DensityRatio:
        """The estimator."""
        critic = self.critic(quadratic=self.quadratic, heads=self.waymarks + 1)
        play: dict[str, Any] = {"moves": self.moves, "optimizer": self.optimizer, "swapped": self.swapped}
        if self.waymarks:
            return Telescoping(self.waymarks, self.divergence, critic, **play)
        return DensityRatio(self.divergence, critic, **play)


class AdaptiveContrastSpec(_CriticSpec):
    """`AdaptiveContrast`. All links of one file stop at its reference."""

    name: Literal["adaptive-contrast"]
    reference: str | dict[str, Any] = "moments"

    def build(self) -> AdaptiveContrast:
        """The estimator."""
        stop = reference_from(self.reference)
        return AdaptiveContrast(stop, self.critic(), moves=self.moves, optimizer=self.optimizer)


EstimatorSpec = Annotated[
    ClosedFormSpec | MonteCarloSpec | KernelSpec | DensityRatioSpec | AdaptiveContrastSpec, Field(discriminator="name")
]


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
    estimators = [_estimator(one.estimator, memories) for one in links]
    stops = {one.reference.name: one.reference for one in estimators if isinstance(one, AdaptiveContrast)}
    parts = [(1.0 if distortion_weight is None else distortion_weight) * distortion()]
    for one, estimator in zip(links, estimators, strict=True):
        left, right = (stops.get(end, end) for end in (one.left, one.right))
        parts.append(Weighted(Link(left, right, estimator), as_schedule(one.weight), one.shape))
    return Objective(tuple(parts))


def _estimator(spec: Any, memories: dict[str, Memory]) -> Estimator:
    """What a table says; those that name one memory share it."""
    if isinstance(spec, MonteCarloSpec):
        memory = MemorySpec(name=spec.aggregate) if isinstance(spec.aggregate, str) else spec.aggregate
        return MonteCarlo(memories.setdefault(repr(memory), memory.build()))
    return ClosedForm() if isinstance(spec, ClosedFormSpec) else spec.build()
