"""What is asked of a torch Distribution: samples, itself in float64, what it is of, its unit, an example."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform
from torch.distributions.transforms import _InverseTransform

from termwise.errors import BadData, Refused
from termwise.float64 import widest_on
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.codewords import Codewords, UniformCodewords
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.values import checked

SAMPLES = 256
"""How many samples stand for a law that cannot say its mean."""

WITH_A_MEAN = (
    torch.distributions.Normal, torch.distributions.Laplace, torch.distributions.Bernoulli,
    torch.distributions.ContinuousBernoulli, torch.distributions.Poisson,
)  # fmt: skip
"""Laws whose mean is finite where their parameters are, so that a device need not be waited for to say whether."""


def samples(law: Distribution, *shape: int) -> Tensor:
    """Samples, shape (*shape, *batch_shape, *event_shape), with their pathwise gradient where the law has one.

    Example:
        >>> mean = torch.zeros(3, requires_grad=True)
        >>> samples(torch.distributions.Normal(mean, 1.0), 5).requires_grad
        True
    """
    return law.rsample(torch.Size(shape)) if law.has_rsample else law.sample(torch.Size(shape))


def one_each(law: Distribution, count: int) -> Tensor:
    """Samples of `count` examples, shape (count, *event_shape): of a law that is one for all, or another for each.

    Example:
        >>> one_each(torch.distributions.Normal(0.0, 1.0), 3).shape
        torch.Size([3])
        >>> one_each(torch.distributions.Normal(torch.zeros(3), 1.0), 3).shape
        torch.Size([3])
    """
    return samples(law) if law.batch_shape else samples(law, count)


def copied(thing: Distribution | Transform | Conditional) -> Any:
    """A copy of a law, a block's, or a transform, which forgets its inverse, however torch is patched to copy.

    Example:
        >>> law = torch.distributions.Normal(torch.zeros(3), 1.0)
        >>> copied(law) is law, copied(law).loc is law.loc
        (False, True)
    """
    result: Any = copy(thing)
    if isinstance(thing, Transform):  # only an inverse needs what it is the inverse of: the other way about, a circle
        result._inv = thing._inv if isinstance(thing, _InverseTransform) else None
    return result


def unchecked(law: Distribution) -> Distribution:
    """The same law, which takes any value that it is given, and does not look at it first.

    Example:
        >>> unchecked(torch.distributions.Exponential(torch.ones(1))).log_prob(torch.tensor([2.0]))
        tensor([-2.])
    """
    result = copy(law)
    for name, value in vars(law).items():
        if isinstance(value, Distribution):
            setattr(result, name, unchecked(value))
    result._validate_args = False
    return result


def some_numbers(base: Distribution, which: Sequence[int]) -> Distribution:
    """Some numbers of a batch of laws over numbers, batch shape (N, D): batch shape (N, n).

    Example:
        >>> some_numbers(torch.distributions.Normal(torch.tensor([[0.0, 5.0]]), 1.0), [1]).mean
        tensor([[5.]])
    """
    shape, chosen = base.batch_shape, list(which)

    def of(thing: Any) -> Any:
        if isinstance(thing, Tensor):
            return thing[:, chosen] if thing.shape[:2] == shape else thing
        if isinstance(thing, list | tuple) and not isinstance(thing, torch.Size):
            return type(thing)(map(of, thing))
        if not isinstance(thing, Distribution | Transform):
            return thing
        result = copied(thing)
        for name, value in vars(result).items():
            setattr(result, name, of(value))
        if isinstance(result, Distribution):
            result._batch_shape = torch.Size([shape[0], len(chosen), *result.batch_shape[2:]])
        return result

    return cast(Distribution, of(base))


def detached(law: Distribution) -> Distribution:
    """The same law, every tensor that it holds as a constant, however deep; what a network of its own makes is not.

    Example:
        >>> mean = torch.zeros(3, requires_grad=True)
        >>> detached(torch.distributions.Independent(torch.distributions.Normal(mean, 1.0), 1)).mean.requires_grad
        False
    """

    def of(thing: Any) -> Any:
        if isinstance(thing, Tensor):
            return thing.detach()
        if isinstance(thing, list | tuple) and not isinstance(thing, torch.Size):
            return type(thing)(map(of, thing))
        if not isinstance(thing, Distribution | Transform | Conditional):
            return thing
        result = copied(thing)
        for name, value in vars(result).items():
            setattr(result, name, of(value))
        return result

    return cast(Distribution, of(law))


def in_double(law: Distribution) -> Distribution | None:
    """The same law in float64, with its gradient; None where it is not made of torch's distributions and ours alone.

    Example:
        >>> in_double(torch.distributions.Normal(torch.zeros(3), 1.0)).mean.dtype
        torch.float64
    """
    if isinstance(law, Categories | Codewords | UniformCodewords | CodewordsInOrder):
        return law.in_double()
    if isinstance(law, BlockLaw):
        blocks = [in_double(block) for block in law.blocks]
        return None if None in blocks else BlockLaw([block for block in blocks if block is not None], law.names)
    if not _is_torchs(law):
        return None
    double = copy(law)
    for name, value in vars(law).items():
        if isinstance(value, Distribution):
            inner = in_double(value)
            if inner is None:
                return None
            setattr(double, name, inner)
        elif isinstance(value, Tensor) and value.is_floating_point():
            setattr(double, name, value.to(widest_on(value.device)))
        elif name == "transforms" and not all(map(_is_torchs, value)):
            return None
    return double


def constant(law: Distribution) -> Distribution:
    """The same law with its parameters as constants, so that a log density there depends on the value alone.

    Raises:
        Refused: It is not made of torch's own distributions alone, and may hold what is not to be seen.

    Example:
        >>> mean = torch.zeros(3, requires_grad=True)
        >>> constant(torch.distributions.Normal(mean, 1.0)).mean.requires_grad
        False
    """
    if not _is_torchs(law):
        raise Refused(
            f"{type(law).__name__} is none of torch's own distributions; its parameters cannot be held still."
        )
    held = copy(law)
    for name, value in vars(law).items():
        if isinstance(value, Distribution):
            setattr(held, name, constant(value))
        elif isinstance(value, Tensor):
            setattr(held, name, value.detach())
        elif name == "transforms" and any(vars(one).get(key) is not None for one in value for key in ("loc", "scale")):
            raise Refused(f"{type(law).__name__} has transforms of its own; its parameters cannot be held still.")
    return held


def _is_torchs(thing: object) -> bool:
    """Whether a law or a transform, and all that it is composed of, is torch's own."""
    ours = type(thing).__module__.startswith("torch.distributions.")
    return ours and all(map(_is_torchs, getattr(thing, "parts", ())))


def innermost(law: Distribution) -> Distribution:
    """The law whose product over dimensions a distribution is; itself where it is none.

    Example:
        >>> innermost(torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1))
        Normal(loc: torch.Size([3]), scale: torch.Size([3]))
    """
    while isinstance(law, torch.distributions.Independent):
        law = law.base_dist
    return law


def log_prob_is_of(law: Distribution, *, grey: bool) -> str:
    """What a law's log_prob is the logarithm of: values of other kinds have no common unit.

    Args:
        law: Of an example.
        grey: Whether a Bernoulli is asked for values between 0 and 1.

    Example:
        >>> log_prob_is_of(torch.distributions.Normal(0.0, 1.0), grey=False)
        'densities'
    """
    if grey:
        return "cross-entropies"
    try:
        support = law.support
    except NotImplementedError:
        return "densities"
    kind = "probabilities" if getattr(support, "is_discrete", False) else "densities"
    given = given_beside(law)
    return f"{kind} given {given}" if given else kind


def given_beside(law: Distribution) -> str:
    """What a law of examples is given beside the code, in words, as its attribute `given` says; "" where it is nothing.

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> given_beside(likelihood_from("poisson:observed")(torch.zeros(1, 4)))
        'the total of each example'
    """
    return getattr(law, "given", "")


def log_prob_by_part(law: Distribution, value: Tensor) -> Mapping[str, Tensor]:
    """log p of the parts of examples, by name, shape (B,), nats, as a law's `log_prob_by_part` says; none of most laws.

    They sum to its log_prob: of the modalities of a cell, say, or of all that a probabilistic program observes.

    Example:
        >>> log_prob_by_part(torch.distributions.Normal(torch.zeros(3), 1.0), torch.zeros(3))
        {}
    """
    parts: Mapping[str, Tensor] = getattr(law, "log_prob_by_part", lambda _: {})(value)
    return parts


@contextmanager
def values_of(law: Distribution, values: Tensor, what: str) -> Iterator[None]:
    """Where a law is asked for the log_prob of values: what is none of its values is said in words.

    Args:
        law: Any law, which may look at what it is given.
        values: Codes or examples, a batch of them.
        what: Which law it is, as an error says it: "the prior".

    Raises:
        BadData: The law refuses these values, as torch's do where they are none of theirs.

    Example:
        >>> law, half = torch.distributions.Poisson(torch.ones(1)), torch.tensor([0.5])
        >>> with values_of(law, half, "the likelihood"):
        ...     law.log_prob(half)
        Traceback (most recent call last):
        termwise.errors.BadData: The likelihood (Poisson) refuses values from 0.5 to 0.5: Expected value argument ...
    """
    one = innermost(law)
    try:
        if not Distribution._validate_args and "_validate_args" not in vars(one):
            one._validate_sample(values)  # which torch's compiler turns off for all laws that have no word of their own
        yield
    except (ValueError, IndexError) as error:
        low, high = (float(end) for end in values.aminmax())
        raise BadData(
            f"{what[0].upper()}{what[1:]} ({type(innermost(law)).__name__}) refuses values from {low:g} to {high:g}: "
            f"{str(error).splitlines()[0]}"
        ) from None


def centre(law: Distribution) -> Tensor:
    """Where a law lies, shape (B, *event): its mean; that of samples where it cannot say it, or has none, their median.

    Example:
        >>> centre(torch.distributions.Normal(torch.tensor([2.0]), 1.0))
        tensor([2.])
        >>> bool(centre(torch.distributions.Cauchy(torch.tensor([2.0]), 0.01)).sub(2).abs() < 0.01)
        True
    """
    try:
        mean = law.mean
    except NotImplementedError:
        mean = law.sample(torch.Size([SAMPLES])).mean(0)
    return (
        mean
        if isinstance(innermost(law), WITH_A_MEAN) or mean.isfinite().all()
        else law.sample(torch.Size([SAMPLES])).median(0).values
    )


@checked
def as_of(likelihood: Distribution, x: Tensor) -> Distribution:
    """p(x|z) of reconstructions of x: where it is given a total beside z, the one that x has.

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> law = likelihood_from("poisson:observed")(torch.zeros(1, 4))  # equal shares
        >>> as_of(law, torch.tensor([[6.0, 0.0, 0.0, 0.0]])).mean
        tensor([[1.5000, 1.5000, 1.5000, 1.5000]])
    """
    given: Distribution = getattr(likelihood, "as_of", lambda _: likelihood)(x)
    return given


@checked
def expected_example(likelihood: Distribution, of: Tensor | None = None) -> Tensor:
    """What p(x|z) looks like: its mean, or its most probable category; shape (B, *shape), float32.

    A law that makes examples and cannot say their mean has one made, by its method `example`.

    Args:
        likelihood: p(x|z), batch shape (B,).
        of: The examples that it is to be a reconstruction of, shape (B, *shape).

    Example:
        >>> logits = torch.tensor([[[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]]])  # one example of two pixels, three classes
        >>> law = torch.distributions.Independent(torch.distributions.Categorical(logits=logits), 1)
        >>> expected_example(law)
        tensor([[1., 0.]])
    """
    likelihood = likelihood if of is None else as_of(likelihood, of)
    base = innermost(likelihood)
    if made := getattr(likelihood, "example", None):
        example: Tensor = made()
        return example
    if isinstance(base, torch.distributions.Categorical):
        return base.logits.argmax(-1).float()
    return centre(likelihood)


def check_one_law_an_example(law: object, batch: torch.Size, maker: object, remedy: str) -> None:
    """Raise Refused where what makes a batch of laws, such as a likelihood, gave no law, or not one an example.

    Example:
        >>> law = torch.distributions.Normal(torch.zeros(5, 3), 1.0)
        >>> check_one_law_an_example(law, torch.Size([5]), torch.nn.Identity(), "Independent(law, 1) does it.")
        Traceback (most recent call last):
        termwise.errors.Refused: Identity gives a Normal of batch shape (5, 3), where one law an example is asked ...
    """
    if isinstance(law, Distribution) and law.batch_shape == batch:
        return
    got = f"a {type(law).__name__}"
    if isinstance(law, Distribution):
        got += f" of batch shape {tuple(law.batch_shape)}"
    raise Refused(
        f"{type(maker).__name__} gives {got}, where one law an example is asked for: a torch Distribution of batch "
        f"shape {tuple(batch)}. {remedy}"
    )


def at_least_single(values: Tensor) -> Tensor:
    """The same values, in float32 where a network under mixed precision gave less: densities need it."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
