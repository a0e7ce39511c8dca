"""Laws over examples, not codes: what a discriminator tells apart. Each can be sampled, and has no density.

data p_hat(x)    reconstruction p(x|z), z ~ q(z|x)    generated p(x|z), z ~ p(z)

Decoded examples are what the decoder expects, E[x|z], with their gradient, as the field has it: a sample's own noise
would tell them from real ones.
"""

from typing import Protocol

import torch
from torch import Tensor

from termwise.errors import Refused, UnknownName
from termwise.models.distributions import expected_example, innermost
from termwise.models.draw import Draw
from termwise.models.drawable import inputs_of
from termwise.models.target import check_makes_examples


class ExampleLaw(Protocol):
    """A law over examples, not codes, given a draw: what a discriminator tells apart.

    Attributes:
        name: What losses by law are called after, such as "data".
    """

    name: str

    def sample(self, draw: Draw) -> Tensor:
        """As many examples as the draw has, shape (B, *shape); the same however often they are asked for."""
        ...


class RealExamples:
    """The law of the data: its samples are the draw's own examples."""

    name = "data"

    def sample(self, draw: Draw) -> Tensor:
        """The draw's examples x, shape (B, *shape), as networks see them."""
        return draw.inputs


class ReconstructedExamples:
    """The law of reconstructions: what the decoder expects at the draw's codes."""

    name = "reconstruction"

    def sample(self, draw: Draw) -> Tensor:
        """E[x|z] at z ~ q(z|x), shape (B, *shape)."""
        return draw.once(self.name, lambda: inputs_of(draw.model, _expected(draw, draw.likelihood)))


class GeneratedExamples:
    """The law of generated examples: what the decoder expects at codes of the prior."""

    name = "generated"

    def sample(self, draw: Draw) -> Tensor:
        """E[x|z] at z ~ p(z), shape (B, *shape)."""
        return draw.once(self.name, lambda: inputs_of(draw.model, _expected(draw, draw.generated)))


def _expected(draw: Draw, likelihood: torch.distributions.Distribution) -> Tensor:
    check_makes_examples(draw.model)
    if isinstance(innermost(likelihood), torch.distributions.Categorical) or hasattr(likelihood, "example"):
        raise Refused(
            "A discriminator needs examples that move with the decoder, and the most probable category, or a sample of "
            "levels, does not. Choose likelihood 'normal' or 'bernoulli'."
        )
    return expected_example(likelihood)


DECODED: dict[str, type[ReconstructedExamples] | type[GeneratedExamples]] = {
    "reconstruction": ReconstructedExamples,
    "generated": GeneratedExamples,
}
"""The laws of examples that the decoder makes, by name."""


def decoded_law(name: str) -> ExampleLaw:
    """The law of decoded examples called `name`, one of `DECODED`."""
    if name not in DECODED:
        raise UnknownName("law of decoded examples", name, DECODED)
    return DECODED[name]()
