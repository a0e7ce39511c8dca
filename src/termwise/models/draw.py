"""A draw: what one batch of examples becomes when a model looks at it.

x -> q(z|x) -> z -> p(x|z). Everything is lazy, and asked of the model once: three links that share a posterior, a
code or a log q(z) share it here; and draws of one batch, for as long as the model stands still, share its posterior.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.data.side import Side
from termwise.models.codes import Codes, score_of
from termwise.models.distributions import in_double, one_each
from termwise.models.drawable import (
    Drawable,
    decoder_is_told,
    given_variables,
    inferred,
    inputs_of,
    prior_of,
    side_variables,
    target_of,
)
from termwise.models.law_rows import rows

T = TypeVar("T")


class Itself:
    """A thing as a key that no other thing has, equal or made in its place once it is gone.

    Example:
        >>> Itself([]) == Itself([]), Itself(some := []) == Itself(some)
        (False, True)
    """

    def __init__(self, thing: object) -> None:
        self.thing = thing  # held, so that its identity is given to no other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


@dataclass(frozen=True)
class ObservedPart:
    """The examples of a data set of which it is known what a block of the code observes.

    Attributes:
        name: The variable that it observes.
        share: Which share of all they are.
        another: Makes the draw of a batch of these alone, chosen at random.
    """

    name: str
    share: float
    another: "Callable[[], Draw]"


class Draw:
    """One batch, seen through a model.

    Args:
        model: What infers and generates.
        x: The examples, shape (B, *shape).
        index: Their positions in the data set, shape (B,); None where nothing is known of a data set.
        dataset_size: N, the number of examples of which q(z) is the average; None likewise.
        independent: Makes the draw of a second batch, independent of this one; None where there is none.
        together: Whether codes of the posterior and of the prior are decoded in one pass, so that batch normalisation
            treats them alike, as it will once the model is trained. The model has no contexts, but for what stands
            beside x.
        side: What stands beside x, shape (B, V), for a model that takes it: its variables first.
        groups: Gives the group of every example of the data set, of those beside which the same stands, shape (N,),
            int64; None where nothing does.
        data_side: What stands beside x of every example of the data set, likewise.
        observed: The examples of which it is known what a block of the code observes; None where none does.

    Example:
        >>> import termwise as tw
        >>> model = tw.VAE.build((1, 8, 8), latent=3, options={"hidden": [16]})
        >>> draw = Draw(model, torch.zeros(5, 1, 8, 8))
        >>> draw.z.shape, draw.likelihood.log_prob(draw.x).shape
        (torch.Size([5, 3]), torch.Size([5]))
        >>> draw.posterior is draw.posterior  # the model is asked once
        True
    """

    def __init__(
        self,
        model: Drawable,
        x: Tensor,
        index: Tensor | None = None,
        dataset_size: int | None = None,
        independent: "Callable[[], Draw] | None" = None,
        together: bool = False,
        side: Tensor | None = None,
        groups: Callable[[], Tensor] | None = None,
        data_side: Side | None = None,
        observed: ObservedPart | None = None,
    ) -> None:
        self.model = model
        self.x = x
        self.index = index
        self.dataset_size = dataset_size
        self.together = together
        self.side, self._groups, self.data_side, self.observed = side, groups, data_side, observed
        self._independent = independent
        self._memory: dict[Hashable, Any] = {}
        self._standing: dict[Hashable, Any] = {}
        self._infer = lambda: inferred(model, x, side)

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def inputs(self) -> Tensor:
        """The examples x, shape (B, *shape), as networks see them, standardised by a model that has a scaler."""
        return inputs_of(self.model, self.x)

    @cached_property
    def target(self) -> Tensor:
        """What the likelihood is of: the examples x, shape (B, *shape); or what stands beside each, shape (B, 1)."""
        if target_of(self.model) is None:
            return self.x
        last = len(side_variables(self.model)) - 1
        assert self.side is not None
        return self.side[:, last : last + 1].to(self.x.dtype)

    @cached_property
    def given(self) -> Tensor:
        """What the posterior is given, as a critic sees it: `inputs`; in rows, with what stands beside x, if it is."""
        return self.beside(self.inputs)

    def beside(self, inputs: Tensor) -> Tensor:
        """Examples as networks see them, shape (B, *shape); of a model that takes side, in rows with its numbers."""
        if not given_variables(self.model):
            return inputs
        numbers: Tensor = self.model.side_numbers(self.side)  # type: ignore[attr-defined]
        return torch.cat([inputs.flatten(1), numbers.to(inputs.dtype)], 1)

    @property
    def told(self) -> Tensor | None:
        """The numbers of what stands beside x that the decoder takes, shape (B, S); None where it takes nothing."""
        return self.model.side_numbers(self.side) if decoder_is_told(self.model) else None  # type: ignore[attr-defined]

    @cached_property
    def _inferred(self) -> tuple[Distribution, Any]:
        return self._infer()

    @property
    def posterior(self) -> Distribution:
        """q(z|x), batch shape (B,), event shape (D,)."""
        return self._inferred[0]

    @property
    def context(self) -> Any:
        """What the encoder hands to the decoder beside the code, or None."""
        return self._inferred[1]

    @cached_property
    def codes(self) -> Codes:
        """One code per example, z ~ q(z|x), shape (B, D), with its pathwise gradient where the posterior has one."""
        return Codes.of(self.posterior)

    @property
    def z(self) -> Tensor:
        """The same codes, as one number each."""
        return self.codes.z

    @property
    def score(self) -> Tensor | None:
        """log q(z|x) of what in the codes has no pathwise gradient, shape (B,), nats.

        None where everything has one, or no code was drawn: no term so far has looked at any.
        """
        if "codes" not in vars(self):
            return None
        return self.once("score", lambda: score_of(self.posterior, self.codes))

    def codes_at(self, z: Tensor) -> Codes:
        """Codes z, shape (B, D): with all that is known of them, where they are the draw's own."""
        own = vars(self).get("codes")  # codes that were never drawn are not z, and need not be drawn to know it
        return own if own is not None and z is own.z else Codes.at(z)

    @property
    def likelihood(self) -> Distribution:
        """The likelihood p(x|z) of the codes `z`: batch shape (B,), the event an example."""
        return self._both[0] if self.together else self._likelihood

    @cached_property
    def _likelihood(self) -> Distribution:
        return self.model.generate(self.z, self.context)

    @cached_property
    def prior(self) -> Distribution:
        """The prior p(z), batch shape (), event shape (D,); or p(z|s), batch shape (B,), of one that takes values."""
        return prior_of(self.model, self.side)

    @cached_property
    def prior_codes(self) -> Tensor:
        """As many codes z ~ p(z), shape (B, D), with the pathwise gradient of a prior that learns and has one."""
        return one_each(self.prior, len(self))

    @property
    def generated(self) -> Distribution:
        """The likelihood p(x|z) of `prior_codes`: batch shape (B,), the event an example."""
        return self._both[1] if self.together else self._generated

    @cached_property
    def _generated(self) -> Distribution:
        return self.model.generate(self.prior_codes, self._beside_code)

    @cached_property
    def _both(self) -> tuple[Distribution, Distribution]:
        beside = None if self._beside_code is None else self._beside_code.repeat(2, 1)
        both = self.model.generate(torch.cat([self.z, self.prior_codes]), beside)
        return rows(both, slice(len(self))), rows(both, slice(len(self), None))

    @property
    def _beside_code(self) -> Tensor | None:
        """What a code of the prior is decoded with: the batch's own values beside x, of a model that takes them."""
        return self.side if given_variables(self.model) else None

    @property
    def groups(self) -> Tensor | None:
        """The group of every example of the data set, shape (N,), int64; None where nothing stands beside x."""
        return None if self._groups is None else self._groups()

    @cached_property
    def independent(self) -> "Draw":
        """The draw of a second batch, independent of this one."""
        if self._independent is None:
            raise RuntimeError("This draw knows of no second batch; give Draw(independent=...) one.")
        return self._independent()

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """`compute()`, remembered under `key` for as long as this draw lives."""
        return _remembered(self._memory, key, compute)

    def standing(self, key: Hashable, compute: Callable[[], T]) -> T:
        """`compute()`, remembered for this draw and all that `again` makes of it: no code and no gradient is in it."""
        return _remembered(self._standing, key, compute)

    def again(self, inferred: bool = True) -> "Draw":
        """Another draw of the same batch, with fresh codes; for as long as the model does not move.

        Args:
            inferred: Whether it shares the posterior, too: as this one has it, with or without its gradient.
        """
        second = lambda: self.independent.again(inferred)  # noqa: E731
        beside = (self.side, self._groups, self.data_side, self.observed)
        other = Draw(self.model, self.x, self.index, self.dataset_size, second, self.together, *beside)
        other._standing = self._standing
        if inferred:
            other._infer = lambda: self._inferred
        return other


class InDouble(Draw):
    """A draw's posterior, codes and prior in float64, for what is to be known of them more exactly than it was made.

    Args:
        draw: Its codes are taken over, and its decoder is not asked again.

    Example:
        >>> import termwise as tw
        >>> draw = Draw(tw.VAE.build((4,), latent=3), torch.zeros(5, 4))
        >>> InDouble(draw).z.dtype, bool((InDouble(draw).z.float() == draw.z).all())
        (torch.float64, True)
    """

    def __init__(self, draw: Draw) -> None:
        super().__init__(draw.model, draw.x, draw.index, draw.dataset_size, side=draw.side, groups=draw._groups)
        posterior, prior = in_double(draw.posterior), in_double(draw.prior)
        self._infer = lambda: draw._inferred
        self.prior, self.codes = draw.prior, draw.codes
        if posterior is not None and prior is not None:  # else one may take its own precision alone
            self._infer = lambda: (posterior, draw.context)
            self.prior, self.codes = prior, draw.codes.in_double()


def _remembered(memory: dict[Hashable, Any], key: Hashable, compute: Callable[[], T]) -> T:
    if key not in memory:
        memory[key] = compute()
    return memory[key]
