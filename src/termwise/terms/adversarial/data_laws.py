"""Laws over examples, not codes: what a discriminator tells apart. Each can be sampled, and has no density.

data p_hat(x)    reconstruction p(x|z), z ~ q(z|x)    generated p(x|z), z ~ p(z)

Made examples are what the decoder expects, E[x|z], with their gradient, as the field has it: a sample's own noise would
tell them from real ones.
"""

from typing import Protocol

import torch
from torch import Tensor

from termwise.errors import Refused, UnknownName
from termwise.models.draw import Draw, expected_example, innermost


class DataLaw(Protocol):
    """A law over examples, given a draw."""

    name: str

    def sample(self, draw: Draw) -> Tensor:
        """As many examples as the draw has, shape (B, *shape); the same however often they are asked for."""
        ...


class Data:
    """The draw's own examples."""

    name = "data"

    def sample(self, draw: Draw) -> Tensor:
        """x."""
        return draw.x


class Reconstruction:
    """What the decoder expects at the draw's codes."""

    name = "reconstruction"

    def sample(self, draw: Draw) -> Tensor:
        """E[x|z], z ~ q(z|x)."""
        return draw.once(self.name, lambda: _expected(draw.likelihood))


class Generated:
    """What the decoder expects at codes of the prior."""

    name = "generated"

    def sample(self, draw: Draw) -> Tensor:
        """E[x|z], z ~ p(z)."""
        return draw.once(self.name, lambda: _expected(draw.generated))


def _expected(likelihood: torch.distributions.Distribution) -> Tensor:
    if isinstance(innermost(likelihood), torch.distributions.Categorical):
        raise Refused(
            "A discriminator needs examples that move with the decoder, and the most probable category does not. "
            "Choose likelihood 'normal' or 'bernoulli'."
        )
    return expected_example(likelihood)


MADE: dict[str, type[Reconstruction] | type[Generated]] = {"reconstruction": Reconstruction, "generated": Generated}
"""The laws that a decoder makes."""


def made(name: str) -> DataLaw:
    """The law called `name`, one of `MADE`."""
    if name not in MADE:
        raise UnknownName("law of made examples", name, MADE)
    return MADE[name]()
