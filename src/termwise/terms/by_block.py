"""A link by the blocks of a code, whose sum over blocks is the rate's own, and of the index-code MI one for each alone.

rate            sum_b KL(q(z_b|x) || p(z_b))
index_code_mi   KL(q(z_b|x) || q(z_b)), what block b as a whole tells of the example
"""

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw
from termwise.models.codes import Codes, log_density_at
from termwise.models.draw import Draw
from termwise.terms.aggregate.block_components import BlockComponents
from termwise.terms.aggregate.mixture import log_density
from termwise.terms.closed_form import kl_by_block
from termwise.terms.link import Link, Term


class ByBlock:
    """A link's values by block, shape (B, blocks), in the place of its own.

    Args:
        link: The rate, by any estimator; or the index-code MI by Monte Carlo.

    Example:
        >>> from termwise.models import VAE
        >>> from termwise.terms import ClosedForm
        >>> code = [{"name": "digit", "latent": 4, "posterior": "categorical"}, {"name": "style", "latent": 2}]
        >>> draw = Draw(VAE.build((4,), code=code), torch.rand(5, 4))
        >>> ByBlock(Link("posterior", "prior", ClosedForm()))(draw).shape, blocks_by_name(draw)
        (torch.Size([5, 2]), ('digit', 'style'))
    """

    def __init__(self, link: Term) -> None:
        self.link = link
        self.name, self.unit, self.label, self.bias = link.name, link.unit, link.label, link.bias
        self.memory = link.memory

    def of_no_code(self, draw: Draw) -> bool:
        """As the link is."""
        return isinstance(self.link, Link) and self.link.of_no_code(draw)

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B, blocks), nats.

        Raises:
            Refused: The code has no blocks, or the link no values by block.
        """
        blocks_by_name(draw)
        posterior, prior = draw.posterior, draw.prior
        if self.name == "rate" and isinstance(prior, BlockLaw):
            closed = kl_by_block(posterior, prior) if self.of_no_code(draw) else None
            return _by_block(posterior, draw.codes) - _by_block(prior, draw.codes) if closed is None else closed
        if self.name == "index_code_mi" and self.memory is not None:
            components, weights = self.memory.components(draw)
            assert isinstance(components, BlockComponents)
            of_aggregate = [log_density(draw.codes.columns(part), one, weights) for one, part in components.parts()]
            return _by_block(posterior, draw.codes) - torch.stack(of_aggregate, 1)
        raise Refused(
            f"{self.name} has no values by block here: by = 'block' is of the rate, under a prior of blocks, and of "
            "index_code_mi by monte-carlo. Shape the total: by = 'total'."
        )


def blocks_by_name(draw: Draw) -> tuple[str, ...]:
    """What the blocks of a draw's codes are called, in order; Refused where the code has none."""
    if not isinstance(draw.posterior, BlockLaw):
        raise Refused(
            "by = 'block' is of a code of blocks, and this code is one flat vector. Give it blocks ([[model.code]], or "
            "VAE.build(code=...)), or shape by = 'dimension' or 'total'."
        )
    return draw.posterior.names


def _by_block(law: object, codes: Codes) -> Tensor:
    """log p(z_b) of codes, shape (B, D), by block: shape (B, blocks), in their type."""
    assert isinstance(law, BlockLaw)
    parts = zip(law.blocks, law.slices, strict=True)
    return torch.stack([log_density_at(block, codes.columns(part)) for block, part in parts], 1).to(codes.z.dtype)
