"""The prior by which all codes are alike, of codes that are categories or codewords."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.categories import Categories
from termwise.models.codewords import HasCodebook, UniformCodewords
from termwise.models.places import HasPositions
from termwise.values import Count


class UniformPrior(nn.Module):
    """Every category as probable as any other, at each of P positions; or every codeword, where codes are such.

    Args:
        latent: The numbers of the code: of categories P K.
        positions: P, of categories; as many as the posterior has, where left out, and of codewords always.

    Example:
        >>> UniformPrior(10)().entropy()  # log 10
        tensor(2.3026)
        >>> import termwise as tw
        >>> tw.VAE.build((4,), 6, posterior="vector-quantized:32", prior="uniform").prior_law().entropy()  # log 32
        tensor(3.4657)
    """

    name = "uniform"
    logits: Tensor

    def __init__(self, latent: int, positions: Count | None = None) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"positions": positions}
        self.register_buffer("logits", by_position(latent, positions or 1), persistent=False)
        self._posterior: tuple[object, ...] = ()  # whose codebook is its own, and no part of this module

    def meet_posterior(self, family: object) -> None:
        """Be over the codes of this posterior family."""
        self._posterior = (family,)
        if self.options["positions"] is None:
            self.logits = as_posterior(self.logits, family)

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (latent,)."""
        for family in self._posterior:
            if isinstance(family, HasCodebook):
                return UniformCodewords(family.codebook(), family.positions)
        return Categories(self.logits)


def as_posterior(logits: Tensor, family: object) -> Tensor:
    """Numbers of categories, shape (P, K), at as many positions as codes of this posterior family have."""
    positions = family.positions if isinstance(family, HasPositions) and not isinstance(family, HasCodebook) else 1
    return logits.view(positions, -1)


def by_position(latent: int, positions: int) -> Tensor:
    """A zero for each category of each of P positions, shape (P, K).

    Raises:
        Refused: The numbers of the code are not so many categories.
    """
    if latent % positions:
        raise Refused(f"{latent} numbers are not {positions} positions of as many categories each.")
    return torch.zeros(positions, latent // positions)
