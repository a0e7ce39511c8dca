"""The rate of some blocks of a code: of one by its name, of all categories, or of all other numbers."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.categories import Categories
from termwise.models.draw import Draw
from termwise.terms.closed_form import ClosedForm, kl
from termwise.terms.link import by_example

CATEGORIES, NUMBERS = "categories", "numbers"
"""All blocks of categories, and all others."""


class BlockRate:
    """The sum over blocks of KL(q(z_b|x) || p(z_b)), exact for every x; blocks are those of categories, or one by name.

    Args:
        which: "categories", "numbers" for all other blocks, or a block's name.

    Example:
        >>> from termwise.models import VAE
        >>> code = [{"name": "digit", "latent": 10, "posterior": "categorical"}, {"name": "style", "latent": 2}]
        >>> draw = Draw(VAE.build((4,), code=code), torch.rand(5, 4))
        >>> BlockRate("digit")(draw).shape, bool((BlockRate("digit")(draw) == BlockRate("categories")(draw)).all())
        (torch.Size([5]), True)
    """

    unit, label, bias, memory = "nats", ClosedForm.label, "exact for every x", None

    def __init__(self, which: str) -> None:
        self.which = which
        self.name = f"rate_of_{which}"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats.

        Raises:
            Refused: The code has no such block.
        """
        posterior, prior = draw.posterior, draw.prior
        if not (isinstance(posterior, BlockLaw) and isinstance(prior, BlockLaw)):
            raise Refused(f"The {self.name} is of a code of blocks, and this code has none. {HOW}")
        pairs = zip(posterior.names, posterior.blocks, prior.blocks, strict=True)
        rates = [by_example(kl(q, p)) for name, q, p in pairs if self._has(name, q)]
        if not rates:
            raise Refused(f"No block of {', '.join(posterior.names)} is one of {self.which!r}. {HOW}")
        return torch.stack(rates).sum(0)

    def _has(self, name: str, block: Distribution) -> bool:
        kind = CATEGORIES if isinstance(block, Categories) else NUMBERS
        return self.which in (name, kind)


HOW = (
    'Give it blocks: [[model.code]] with name = "digit", latent = 10, posterior = "categorical", and one with name = '
    '"style", latent = 6.'
)
"""What to write where a code has no blocks."""
