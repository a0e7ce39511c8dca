"""A draw of laws and codes that are given, and of no model: what terms are functions of."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from termwise.errors import Refused, in_short
from termwise.models.codes import Codes
from termwise.models.draw import Draw
from termwise.models.flat_codes import flat, split_encoded, tensor_like, widened
from termwise.models.latent_output import latent_law
from termwise.terms.link import by_example

Posterior = Distribution | tuple[Tensor, Tensor]
"""q(z|x) of a batch: a Distribution over codes, batch shape (B,), or (B, D) of independent dimensions; or (mean, log
variance), shape (B, D) each."""

Reduction = Literal["mean", "sum", "none", "dimension"]
"""What is given of a term's values: their mean or sum, (), those by example, (B,), or means by dimension, (D,)."""


SUM = "Sum the logarithms over pixels or columns: law.log_prob(x).flatten(1).sum(1)."
"""What is said of a log likelihood that is not by example."""


class GivenDraw(Draw):
    """A batch's posteriors and codes, and what else a term may ask for.

    Args:
        posterior: q(z|x) of the batch.
        z: Codes drawn from it, shape (B, D), with their gradient; drawn where left out.
        prior: p(z), event shape (D,), or one of each example, batch shape (B,), such as p(z|s); N(0, I) where left out.
        index: Which examples of the data set they are, shape (B,), int64.
        dataset_size: N, of how many examples q(z) is the average.
        groups: What stands beside every example, as the number of its group, shape (N,), int64.
        log_likelihood: log p(x|z) of each, shape (B,), where a term has a distortion.

    Raises:
        Refused: Shapes do not fit.

    Example:
        >>> draw = GivenDraw((torch.zeros(5, 2), torch.zeros(5, 2)))
        >>> draw.posterior.event_shape, draw.z.shape, draw.prior.event_shape
        (torch.Size([2]), torch.Size([5, 2]), torch.Size([2]))
    """

    def __init__(
        self,
        posterior: Posterior,
        z: Tensor | None = None,
        prior: Distribution | None = None,
        *,
        index: Tensor | None = None,
        dataset_size: int | None = None,
        groups: Tensor | None = None,
        log_likelihood: Tensor | None = None,
    ) -> None:
        law = law_of(posterior)
        count, size = law.batch_shape[0], law.event_shape.numel()
        if z is not None and not (isinstance(z, Tensor) and z.shape == (count, size)):
            fits = isinstance(z, Tensor) and z.shape[:1] == (count,) and z.numel() == count * size
            z = z.reshape(count, -1) if fits else _mismatch(law, z)
        for name, one in (("index", index), ("log_likelihood", log_likelihood)):
            if one is not None and not (isinstance(one, Tensor) and one.shape == (count,)):
                more = f" {SUM}" if name == "log_likelihood" else ""
                raise Refused(
                    f"Expected {name} as a Tensor of shape ({count},), one an example; got {seen(one)}.{more}"
                )
        if index is not None and (index.is_floating_point() or index.dtype == torch.bool):
            raise Refused(f"Expected index as whole numbers, int64, the places of examples; got {index.dtype}.")
        like = tensor_like(law, torch.zeros(())) if z is None else z
        laws = GivenLaws(standard_normal(size, like) if prior is None else prior_over(prior, count, size))
        if dataset_size is not None and not (_whole(dataset_size) and dataset_size >= count):
            raise Refused(
                f"Expected dataset_size as N, how many examples the data set has: a whole number, at least the batch's "
                f"{count:,}; got {in_short(dataset_size)}. Give dataset_size=len(data)."
            )
        known = None if groups is None else lambda: groups
        super().__init__(laws, like.new_zeros(count, 0), index, dataset_size, groups=known)
        self._infer = lambda: (law, None)
        if z is not None:
            self.codes = Codes.at(z)
        self.prior = laws.prior
        if log_likelihood is not None:
            self._likelihood = _Known(log_likelihood)


class GivenLaws:
    """The model of a draw of which all is given: it has a prior, and no network.

    Args:
        prior: p(z), batch shape (); or one of each example, batch shape (B,).
        generates: Whether log p(x|z) is given, at an example's own code.

    Example:
        >>> laws = GivenLaws(Independent(Normal(torch.zeros(2), 1.0), 1))
        >>> laws.prior_law().event_shape, laws.decodes_any_code
        (torch.Size([2]), False)
    """

    decodes_any_code = False

    def __init__(self, prior: Distribution, generates: bool = True) -> None:
        self.prior, self.generates = prior, generates
        self.prior_given_side = bool(prior.batch_shape)

    def infer(self, x: Tensor) -> NoReturn:
        """Never asked, since all is given."""
        raise Refused("This draw is of laws and codes that were given, and of no model.")

    def generate(self, z: Tensor, context: Any) -> NoReturn:
        """Asked by a distortion, where nothing is known of it."""
        raise Refused("The distortion needs log p(x|z): give log_likelihood=decoder_law.log_prob(x), shape (B,).")

    def prior_law(self, side: Any = None) -> Distribution:
        """The prior, whatever stands beside x."""
        return self.prior


class _Known(Distribution):
    """A likelihood of which the logarithm is known, at the examples at hand."""

    def __init__(self, log_likelihood: Tensor) -> None:
        super().__init__(log_likelihood.shape, validate_args=False)
        self._log_likelihood = log_likelihood

    def log_prob(self, value: Tensor) -> Tensor:
        """What was given, shape (B,)."""
        return self._log_likelihood


def law_of(posterior: Posterior) -> Distribution:
    """The posterior as one law over flat codes, batch shape (B,), event shape (D,).

    Example:
        >>> law_of(Normal(torch.zeros(5, 2), 1.0)).event_shape
        torch.Size([2])
    """
    if not isinstance(posterior, Distribution | Mapping) and latent_law(posterior) is None:
        posterior = pair_of(posterior)
    law, context = split_encoded(posterior, torch.Size())
    if context is not None:
        raise Refused("Expected a torch Distribution, or (mean, log variance); got something beside it.")
    if not isinstance(law, Distribution):
        mean, log_variance = (widened(part) for part in law)
        law = Normal(mean, (0.5 * log_variance).exp(), validate_args=False)
    if not law.batch_shape:
        raise Refused(
            f"Expected posteriors of a batch, batch shape (B,); got a {type(law).__name__} of batch shape () and event "
            f"shape {tuple(law.event_shape)}. Independent(law, 1) makes the last dimension one event, not all."
        )
    return flat(law)


def pair_of(posterior: Any) -> tuple[Tensor, Tensor]:
    """The mean and the log variance that somebody gave, of one shape.

    Raises:
        Refused: It is no pair of tensors.

    Example:
        >>> pair_of(torch.zeros(5, 2))
        Traceback (most recent call last):
        termwise.errors.Refused: Expected posterior as two torch Tensors (mean, log variance), or a torch ...
    """
    parts = tuple(posterior) if isinstance(posterior, tuple | list) else ()
    if len(parts) != 2 or not all(isinstance(one, Tensor) for one in parts):
        raise Refused(
            "Expected posterior as two torch Tensors (mean, log variance), or a torch Distribution; got "
            f"{seen(posterior)}."
        )
    mean, log_variance = parts
    if mean.shape != log_variance.shape:
        raise Refused(
            f"Expected a mean and a log variance of one shape (B, D); got {tuple(mean.shape)} and "
            f"{tuple(log_variance.shape)}."
        )
    return mean, log_variance


def seen(given: Any) -> str:
    """What was given in the place of something else, in a word or two.

    Example:
        >>> seen(torch.zeros(5, 2)), seen([1, "a"]), seen("flow")
        ('a Tensor of shape (5, 2)', 'a list of int, str', 'a str')
    """
    if isinstance(given, Tensor):
        return f"a Tensor of shape {tuple(given.shape)}"
    whole = isinstance(given, tuple | list) and 0 < len(given) < 5
    of = f" of {', '.join(type(one).__name__ for one in given)}" if whole else ""
    return f"a {type(given).__name__}{of}"


def prior_over(prior: Distribution, count: int, size: int) -> Distribution:
    """A prior over flat codes of `size` dimensions, batch shape (); or one of each of `count` examples, (B,).

    Example:
        >>> one = Normal(torch.zeros(2), 1.0)
        >>> prior_over(one, 5, 2).batch_shape, prior_over(one.expand((5, 2)), 5, 2).batch_shape
        (torch.Size([]), torch.Size([5]))
    """
    if not isinstance(prior, Distribution):
        raise Refused(f"Expected prior as a torch Distribution over codes of {size} dimensions; got {seen(prior)}.")
    whole = prior.batch_shape + prior.event_shape
    of_each = len(whole) > 1 and whole[0] == count and whole.numel() == count * size
    return flat(prior, batch=1 if of_each else 0)


def standard_normal(size: int, like: Tensor) -> Distribution:
    """N(0, I) over codes of so many dimensions, of the type and on the device of a tensor.

    Example:
        >>> standard_normal(2, torch.zeros(1, dtype=torch.float64)).mean.dtype
        torch.float64
    """
    zero = like.new_zeros(size)
    return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)


def reduced(values: Tensor, reduction: Reduction) -> Tensor:
    """What is asked of a term's values, by example (B,), or by example and dimension (B, D).

    Raises:
        Refused: There are none by dimension.

    Example:
        >>> values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> reduced(values, "mean"), reduced(values, "none"), reduced(values, "dimension")
        (tensor(5.), tensor([3., 7.]), tensor([2., 3.]))
    """
    if reduction == "dimension":
        if values.dim() != 2:
            raise Refused("There are no values by dimension here: its laws are no products over dimensions.")
        return values.mean(0)
    each = by_example(values)
    if reduction == "none":
        return each
    if reduction in ("mean", "sum"):
        return each.mean() if reduction == "mean" else each.sum()
    raise Refused(f"reduction is 'mean', 'sum', 'none' or 'dimension'; got {reduction!r}.")


def _whole(number: Any) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _mismatch(law: Distribution, z: Any) -> NoReturn:
    raise Refused(
        f"Expected codes of {law.batch_shape[0]} posteriors of {law.event_shape.numel()} dimensions; got {seen(z)}."
    )
