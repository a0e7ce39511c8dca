"""JAX's arrays and torch's tensors, handed over by DLPack; and laws of JAX's packages as torch's."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Cauchy,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    LogNormal,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
)
from torch.utils.dlpack import from_dlpack

FAMILIES: dict[str, tuple[Callable[..., Distribution], tuple[str, ...], tuple[str, ...]]] = {
    "Normal": (Normal, ("loc", "scale"), ("loc", "scale")),
    "LogNormal": (LogNormal, ("loc", "scale"), ("loc", "scale")),
    "Laplace": (Laplace, ("loc", "scale"), ("loc", "scale")),
    "Cauchy": (Cauchy, ("loc", "scale"), ("loc", "scale")),
    "StudentT": (StudentT, ("df", "loc", "scale"), ("df", "loc", "scale")),
    "Gamma": (Gamma, ("concentration", "rate"), ("concentration", "rate")),
    "Beta": (Beta, ("concentration1", "concentration0"), ("concentration1", "concentration0")),
    "Exponential": (Exponential, ("rate",), ("rate",)),
    "Poisson": (Poisson, ("rate",), ("rate",)),
    "BernoulliLogits": (Bernoulli, ("logits",), ("logits",)),
    "BernoulliProbs": (Bernoulli, ("probs",), ("probs",)),
}
"""Laws of numbers, by the name of their class in NumPyro: torch's, its parameters, and theirs."""


PACKAGES = ("numpyro", "tensorflow_probability", "distrax")
"""Those of JAX's packages whose laws a function may give."""


def is_jax(thing: Any) -> bool:
    """Whether a thing is an array of JAX's, so that JAX is loaded.

    Example:
        >>> is_jax(torch.zeros(1))
        False
    """
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(thing, jax.Array)


def to_jax(tensor: Tensor) -> Any:
    """The same numbers as an array of JAX's, without their gradient."""
    import jax  # type: ignore[import-not-found]

    narrow = tensor.dtype == torch.float64 and not jax.config.jax_enable_x64
    return jax.dlpack.from_dlpack((tensor.float() if narrow else tensor).detach().contiguous().clone())


def to_torch(thing: Any) -> Any:
    """The same with tensors in the place of JAX's arrays, also in lists, tuples and tables, and laws as torch's.

    What holds none is given back as it is.
    """
    if is_jax(thing):
        return from_dlpack(thing).clone()  # JAX's arrays are not to be written to
    if _is_law(thing):
        return known_law(thing) or JaxLaw(thing)
    if not _holds_jax(thing):
        return thing
    if isinstance(thing, Mapping):
        return {key: to_torch(value) for key, value in thing.items()}
    return tuple(to_torch(one) for one in thing)


def _is_law(thing: Any) -> bool:
    """Whether a thing is a law of one of JAX's packages."""
    return type(thing).__module__.partition(".")[0] in PACKAGES and hasattr(thing, "log_prob")


def _holds_jax(thing: Any) -> bool:
    """Whether a list, a tuple or a table holds arrays or laws of JAX's, at any depth."""
    within = thing.values() if isinstance(thing, Mapping) else thing if isinstance(thing, tuple | list) else ()
    return any(is_jax(one) or _is_law(one) or _holds_jax(one) for one in within)


def known_law(law: Any) -> Distribution | None:
    """A law of NumPyro's or of TensorFlow Probability's on JAX as torch's own; None where it is none of these."""
    name = type(law).__name__
    shape = torch.Size((*_shape(law, "batch_shape"), *_shape(law, "event_shape")))
    if name in ("Independent", "ExpandedDistribution"):
        inner = known_law(law.base_dist if hasattr(law, "base_dist") else law.distribution)
        if inner is None:
            return None
        inner = inner.expand(torch.Size(shape[: len(shape) - len(inner.event_shape)]))
        return _with_event(inner, len(_shape(law, "event_shape")))
    if name in FAMILIES:
        family, ours, theirs = FAMILIES[name]
        numbers = {
            own: to_torch(_array(getattr(law, other))).expand(shape) for own, other in zip(ours, theirs, strict=True)
        }
        return family(**numbers, validate_args=False)
    if name == "MultivariateNormalDiag":
        made = Normal(to_torch(_array(law.mean())), to_torch(_array(law.stddev())), validate_args=False)
        return Independent(made, 1, validate_args=False)
    if name == "MultivariateNormal":
        batch = torch.Size(_shape(law, "batch_shape"))
        size = shape[-1]
        root = to_torch(_array(law.scale_tril)).expand(*batch, size, size)
        return MultivariateNormal(to_torch(_array(law.loc)).expand(shape), scale_tril=root, validate_args=False)
    if name in ("CategoricalLogits", "CategoricalProbs"):
        logits = to_torch(_array(law.logits))
        return Categorical(logits=logits.expand(*shape, logits.shape[-1]), validate_args=False)
    return None


class JaxLaw(Distribution):
    """A law of one of JAX's packages, asked for log densities by way of DLPack, without gradients.

    Args:
        law: It has batch_shape, event_shape and log_prob.
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, law: Any) -> None:
        self._law = law
        batch, event = torch.Size(_shape(law, "batch_shape")), torch.Size(_shape(law, "event_shape"))
        super().__init__(batch, event, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log density of values, shape (..., *batch, *event): shape (..., *batch)."""
        found: Tensor = to_torch(self._law.log_prob(to_jax(value)))
        return found


def called_with_arrays(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """What a function of JAX's makes of tensors, as tensors."""
    return to_torch(function(*(to_jax(one) if isinstance(one, Tensor) else _arrays_in(one) for one in given)))


def _arrays_in(thing: Any) -> Any:
    """The same with JAX's arrays in the place of tensors, in tuples and tables too."""
    if isinstance(thing, Tensor):
        return to_jax(thing)
    if isinstance(thing, Mapping):
        return {key: _arrays_in(value) for key, value in thing.items()}
    return tuple(_arrays_in(one) for one in thing) if isinstance(thing, tuple | list) else thing


def _array(numbers: Any) -> Any:
    import jax.numpy as jnp  # type: ignore[import-not-found]

    return jnp.asarray(numbers, dtype=float)


def _shape(law: Any, name: str) -> tuple[int, ...]:
    return tuple(int(size) for size in getattr(law, name))


def _with_event(law: Distribution, dims: int) -> Distribution:
    """The same law, of whose dimensions so many are an event."""
    more = dims - len(law.event_shape)
    return Independent(law, more, validate_args=False) if more > 0 else law
