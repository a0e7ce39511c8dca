"""A model of a target: its decoder says what stands beside x, a label or a number t, in the place of x.

    -log p(t|z) is the distortion, and    p(t|x) = E_q(z|x) p(t|z)    is what it predicts

A category has a categorical law, from logits, and a number a normal one, of the number standardised by what trains;
its density is the number's own, in its unit.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent
from torch.types import _size

from termwise.data.side import Side, SideVariable
from termwise.errors import Refused
from termwise.models.drawable import target_of
from termwise.models.likelihoods import Likelihood, likelihood_from
from termwise.models.likelihoods.categorical import Categorical as CategoricalLikelihood
from termwise.models.scaler import ScaledLaw, Scaler
from termwise.models.supports import takes_real_numbers

SHAPE = (1,)
"""The shape of a target: one number, a category's place or the number itself."""

PREDICTION_CODES = 16
"""The codes of an example over which a prediction is averaged, where nobody says how many."""


def suited_to_target(variable: SideVariable) -> str:
    """The likelihood that suits a target, by name.

    Example:
        >>> suited_to_target(SideVariable("digit", ("3", "5"))), suited_to_target(SideVariable("age"))
        ('categorical:2', 'normal:learned')
    """
    return "normal:learned" if variable.is_number else f"categorical:{len(variable.categories)}"


class TargetLikelihood(Likelihood):
    """p(t|z), given a decoder's output: batch shape (B,), event shape (1,), whatever the examples' shape is.

    Args:
        variable: What the target is.
        law: The likelihood of its values, shape (B, 1), or its name; the one that suits it where left out.

    Raises:
        Refused: The likelihood is of other values, or there is one category alone.

    Example:
        >>> likelihood = TargetLikelihood(SideVariable("digit", ("3", "5")))
        >>> likelihood.decoded_shape((1, 28, 28)), likelihood(torch.zeros(4, 2, 1)).log_prob(torch.ones(4, 1)).exp()
        ((2, 1), tensor([0.5000, 0.5000, 0.5000, 0.5000]))
    """

    makes_examples = False

    def __init__(self, variable: SideVariable, law: str | Likelihood | None = None) -> None:
        super().__init__()
        if len(variable.categories) == 1:
            raise Refused(f"The target {variable.name} is {variable.categories[0]!r} for all: there is nothing to say.")
        suited = suited_to_target(variable)
        self.variable, named = variable, suited if law is None else law
        self.law = likelihood_from(named) if isinstance(named, str) else named
        self.spec, self.scaler = self.law.spec, Scaler.blank(SHAPE)
        fits = takes_real_numbers(self.law, SHAPE) if variable.is_number else _classes(self.law) == _count(variable)
        if not fits:
            what = "a number" if variable.is_number else f"one of {_count(variable)} categories"
            raise Refused(
                f"The target {variable.name} is {what}, and the likelihood {self.spec!r} is of other values: leave "
                f"likelihood out, or say {suited!r}."
            )

    def forward(self, decoded: Tensor) -> Distribution:
        """p(t|z) from the decoder's output, shape (B, *decoded_shape)."""
        law = self.law(decoded)
        return ScaledLaw(law, self.scaler) if self.variable.is_number else law

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """That of the target's own likelihood: (K, 1) of a category, (1,) of a number."""
        return self.law.decoded_shape(SHAPE)

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """Make what learns ready for the target."""
        self.law.for_examples(SHAPE)

    def begin_side(self, side: Side) -> None:
        """Standardise a number by what trains; what once was is left as it is, for the weights are of it."""
        if self.variable.is_number and bool(self.scaler.mean == 0) and bool(self.scaler.scale == 1):
            values = side.chosen([self.variable.name]).values
            self.scaler.mean, spread = values.mean(0).to(self.scaler.mean), values.std(0, correction=0)
            self.scaler.scale = spread.where(spread > 0, torch.ones_like(spread)).to(self.scaler.scale)

    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set what is an optimum, such as a sigma, to its best; of the decoder's output and targets, (B, 1)."""
        self.law.fit((decoded, self.scaler(target)) for decoded, target in pairs)


def likelihood_of(likelihood: str | Likelihood | None, target: SideVariable | None) -> Likelihood:
    """The likelihood of x, "bernoulli" where left out, or that of a target.

    Example:
        >>> likelihood_of(None, None).spec, likelihood_of(None, SideVariable("age")).spec
        ('bernoulli', 'normal:learned')
    """
    if target is None:
        named = "bernoulli" if likelihood is None else likelihood
        return likelihood_from(named) if isinstance(named, str) else named
    return likelihood if isinstance(likelihood, TargetLikelihood) else TargetLikelihood(target, likelihood)


def check_makes_examples(model: object) -> None:
    """Raise Refused where a model's decoder says a target, and makes no example.

    Example:
        >>> from termwise.models import VAE
        >>> check_makes_examples(VAE.build((4,), latent=2, target=SideVariable("age")))
        Traceback (most recent call last):
        termwise.errors.Refused: The decoder of this model says age, and not x: it has neither samples nor ...
    """
    if (target := target_of(model)) is not None:
        raise Refused(
            f"The decoder of this model says {target.name}, and not x: it has neither samples nor reconstructions of "
            "x, nor log p(x). model.predict(x) gives what it says; the recipe cvae makes examples of each value."
        )


def predicted(model: Any, x: Tensor, side: Tensor | None, codes: int, seen: Tensor | None = None) -> Distribution:
    """The law of a model's target for examples x, averaged over so many codes of each, as `VAE.predict` has it.

    Args:
        model: A VAE.
        x: Examples, shape (B, *shape).
        side: The values beside them, shape (B, V), where its networks take some.
        codes: How many of each.
        seen: What is known already of what a block observes, shape (B,), nan where nothing is: a point there.
    """
    posterior, context = model.infer(x, side)
    if model.observed is not None:
        log_probs = model.observed.law(posterior).log_probs.squeeze(-2)
        if seen is None:
            return Categorical(logits=log_probs)
        seen = seen.to(log_probs.device)
        points = torch.eye(log_probs.shape[-1]).to(log_probs)[seen.nan_to_num().long()]
        return Categorical(probs=log_probs.exp().where(seen.isnan().unsqueeze(1), points))
    if model.target is None:
        raise Refused(
            "This model's decoder says x, and predicts nothing. The recipe vib has a target, labels, say; m2 a "
            "block that observes them."
        )
    return averaged_over_codes(law_at_codes(model, posterior, context, codes), codes)


def law_at_codes(model: Any, posterior: Distribution, context: Any, codes: int) -> Distribution:
    """The likelihood at so many codes of each example, the codes first: batch shape (K B,)."""
    z = posterior.sample(torch.Size([codes])).flatten(0, 1)
    return model.generate(z, None if context is None else context.repeat(codes, 1))


def averaged_over_codes(law: Distribution, codes: int) -> Distribution:
    """The law of a target averaged over codes: of laws of batch shape (K B,), the codes first, batch shape (B,).

    Example:
        >>> logits = torch.tensor([[0.0, 0.0], [50.0, -50.0]])  # two codes of one example
        >>> law = Independent(Categorical(logits=logits.unsqueeze(1)), 1)
        >>> averaged_over_codes(law, 2).probs
        tensor([[0.7500, 0.2500]])
    """
    base: Any = law.base_dist if isinstance(law, Independent) else law
    if isinstance(base, Categorical):
        return Categorical(probs=base.probs.squeeze(1).unflatten(0, (codes, -1)).mean(0))
    return AverageOverCodes(law, codes)


class AverageOverCodes(Distribution):
    """The law of a number, averaged over codes: batch shape (B,), event shape ().

    Args:
        law: That of every code, the codes first: batch shape (K B,), event shape (1,).
        codes: K.

    Example:
        >>> from torch.distributions import Normal
        >>> law = AverageOverCodes(Independent(Normal(torch.tensor([[-1.0], [1.0]]), 1.0), 1), 2)
        >>> law.mean, law.variance
        (tensor([0.]), tensor([2.]))
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, law: Distribution, codes: int) -> None:
        self.law, self.codes = law, codes
        super().__init__(torch.Size([law.batch_shape[0] // codes]), validate_args=False)

    def _by_code(self, values: Tensor) -> Tensor:
        """Values of every code, shape (K B, 1) or (K B,), as (K, B)."""
        return values.reshape(self.codes, -1)

    @property
    def mean(self) -> Tensor:
        """The mean, shape (B,)."""
        return self._by_code(self.law.mean).mean(0)

    @property
    def variance(self) -> Tensor:
        """That of a code, on average, and that of the codes' means, shape (B,)."""
        return self._by_code(self.law.variance).mean(0) + self._by_code(self.law.mean).var(0, correction=0)

    def log_prob(self, value: Tensor) -> Tensor:
        """log of the mean density of numbers, shape (B,)."""
        each = self._by_code(self.law.log_prob(value.repeat(self.codes).unsqueeze(1)))
        return each.logsumexp(0) - math.log(self.codes)

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Numbers, shape (*sample_shape, B), each of a code at random."""
        each = self.law.sample(sample_shape).reshape(*sample_shape, self.codes, -1)
        which = torch.randint(self.codes, (*sample_shape, 1, each.shape[-1]), device=each.device)
        return each.gather(-2, which).squeeze(-2)


def _classes(law: Likelihood) -> int | None:
    """How many categories a likelihood is over; None where it is over something else."""
    return law.classes if isinstance(law, CategoricalLikelihood) else None


def _count(variable: SideVariable) -> int:
    return len(variable.categories)
