"""What is asked of a model, whoever made it: to infer, to generate, and what it takes beside x."""

from abc import abstractmethod
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.data.side import SideVariable


@runtime_checkable
class Drawable(Protocol):
    """What a model must do to be trained or measured: infer a code's law, and generate from a code.

    Three more things are asked of a model, and answered for one that does not say: `generates(model)`, whether it has a
    decoder, by its attribute `generates`; `networks_of(model)`, the modules that are to be in evaluation mode and on
    the device, by its attribute `networks`; and `side_variables(model)`, what it takes beside x, by that attribute.
    One that takes something has `infer(x, side)`, with values of shape (B, V), and hands them on as the context; and,
    for critics, `side_numbers(side)`, the numbers that a network takes them by, shape (B, S). One whose decoder says a
    variable beside x in the place of x has it as `target`, the last of its `side_variables`, which no network takes.
    One whose prior takes values has `prior_given_side`, true, and `prior_law(side)`, p(z|s) of batch shape (B,).

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> class Identity:
        ...     def infer(self, x):
        ...         return Independent(Normal(x, 0.5), 1), None
        ...     def generate(self, z, context):
        ...         return Independent(Normal(z, 1.0), 1)
        ...     def prior_law(self):
        ...         return Independent(Normal(torch.zeros(2), 1.0), 1)
        >>> isinstance(Identity(), Drawable), generates(Identity()), networks_of(Identity())
        (True, True, [])
    """

    @abstractmethod
    def infer(self, x: Tensor) -> tuple[Distribution, Any]:
        """The posterior q(z|x), batch shape (B,), event shape (D,); and a context for `generate`, or None."""
        ...

    @abstractmethod
    def generate(self, z: Tensor, context: Any) -> Distribution:
        """The likelihood p(x|z) of codes z, shape (B, D): batch shape (B,), the event an example."""
        ...

    @abstractmethod
    def prior_law(self) -> Distribution:
        """The prior p(z), batch shape (), event shape (D,)."""
        ...


def generates(model: Drawable) -> bool:
    """Whether a model has a decoder, so that its distortion can be measured: its attribute `generates`, else True."""
    return getattr(model, "generates", True)


def decodes_any_code(model: Drawable) -> bool:
    """Whether p(x|z) can be asked for of any code: by its attribute `decodes_any_code`, else wherever it generates.

    What is handed in without its decoder, a log likelihood at an example's own code, has no other.
    """
    return generates(model) and bool(getattr(model, "decodes_any_code", True))


def inputs_of(model: Drawable, x: Tensor) -> Tensor:
    """Examples x, shape (B, *shape), as networks see them: standardised by a model that has a scaler."""
    standardised = getattr(model, "standardised", None)
    return x if standardised is None else standardised(x)


def side_variables(model: object) -> tuple[SideVariable, ...]:
    """What a model takes beside x, by its attribute `side_variables`; it is then asked `infer(x, side)`.

    Example:
        >>> import termwise as tw
        >>> side_variables(tw.VAE.build((4,), latent=2))
        ()
    """
    return tuple(getattr(model, "side_variables", ()))


def shared_rates(model: object) -> dict[str, Tensor]:
    """What unknowns that all examples share cost, by name, once for all; by a model's `shared_rates`, nats.

    Example:
        >>> import termwise as tw
        >>> shared_rates(tw.VAE.build((4,), latent=2))
        {}
    """
    found: dict[str, Tensor] = getattr(model, "shared_rates", dict)()
    return found


def decoder_is_told(model: object) -> bool:
    """Whether what stands beside x reaches a model's decoder, and not its encoder alone."""
    return "decoder" in getattr(getattr(model, "side", None), "parts", ())


def target_of(model: object) -> SideVariable | None:
    """What stands beside x and the likelihood is of, by a model's attribute `target`; None where it is of x itself.

    Example:
        >>> import termwise as tw
        >>> target_of(tw.VAE.build((4,), latent=2)) is None
        True
    """
    found: SideVariable | None = getattr(model, "target", None)
    return found


def observed_variables(model: object) -> tuple[SideVariable, ...]:
    """Those of its `side_variables` that a block of a model's code observes, by its attribute `observed`.

    They come after those that its networks take; it has a `variable`.

    Example:
        >>> import termwise as tw
        >>> observed_variables(tw.VAE.build((4,), latent=2))
        ()
    """
    observed = getattr(model, "observed", None)
    return () if observed is None else (observed.variable,)


def given_variables(model: object) -> tuple[SideVariable, ...]:
    """What the networks of a model take beside x: its `side_variables`, of which what a block observes, and the target,
    are none.
    """
    others = len(observed_variables(model)) + (target_of(model) is not None)
    return side_variables(model)[: len(side_variables(model)) - others]


def inferred(model: Drawable, x: Tensor, side: Tensor | None) -> tuple[Distribution, Any]:
    """What a model infers of examples, and of values beside them, shape (B, V), where it takes such."""
    if side_variables(model):
        return model.infer(x, side)  # type: ignore[call-arg]
    return model.infer(x)


def networks_of(model: Drawable | nn.Module) -> list[nn.Module]:
    """A model's modules: itself where it is one, else those that its attribute `networks` lists."""
    return [model] if isinstance(model, nn.Module) else getattr(model, "networks", [])


def prior_given_side(model: object) -> bool:
    """Whether a model's prior takes what stands beside x, by its attribute `prior_given_side`.

    Example:
        >>> import termwise as tw
        >>> prior_given_side(tw.VAE.build((4,), latent=2))
        False
    """
    return bool(getattr(model, "prior_given_side", False))


def prior_of(model: Any, side: Any) -> Distribution:
    """p(z), batch shape (); or of a model whose prior takes values beside x, shape (B, V), p(z|s), batch shape (B,).

    Example:
        >>> import termwise as tw
        >>> prior_of(tw.VAE.build((4,), latent=2), None).event_shape
        torch.Size([2])
    """
    law: Distribution = model.prior_law(side) if prior_given_side(model) else model.prior_law()
    return law
