"""A link by the blocks of a code, whose sum over blocks is the rate's own, and of the index-code MI one for each alone.

rate            sum_b KL(q(z_b|x) || p(z_b))
index_code_mi   KL(q(z_b|x) || q(z_b)), what block b as a whole tells of the example; where blocks are given others,
                what it tells beside all before it, and these sum to the whole
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import BlockLaw, LawOfBlocks
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, log_density_at
from termwise.models.draw import Draw
from termwise.terms.closed_form import kl_by_block
from termwise.terms.link import Link, Term, by_example


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

    @property
    def _at_codes(self) -> bool:
        return isinstance(self.link, Link) and self.link.estimator.name == "monte-carlo"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B, blocks), nats.

        Raises:
            Refused: The link has no values by block.
        """
        posterior, prior = draw.posterior, draw.prior
        if not isinstance(posterior, LawOfBlocks):
            return by_example(self.link(draw)).unsqueeze(1)
        if self.name == "rate" and isinstance(prior, LawOfBlocks):
            closed = None if self._at_codes else kl_by_block(posterior, prior, draw.z)
            return _by_block(posterior, draw.codes) - _by_block(prior, draw.codes) if closed is None else closed
        memory = self.memory
        if self.name == "index_code_mi" and memory is not None:
            chained = isinstance(posterior, ChainedLaw)
            groups = [range(0 if chained else part.start, part.stop) for part in posterior.slices]
            of_aggregate = torch.stack([memory.group_log_density(draw.z, draw, group) for group in groups], 1)
            if chained:
                of_aggregate = of_aggregate.diff(dim=1, prepend=torch.zeros_like(of_aggregate[:, :1]))
            return _by_block(posterior, draw.codes) - of_aggregate
        raise Refused(
            f"{self.name} has no values by block here: by = 'block' is of the rate, under a prior of blocks, and of "
            "index_code_mi by monte-carlo. Shape the total: by = 'total'."
        )


def blocks_by_name(draw: Draw) -> tuple[str, ...]:
    """What the blocks of a draw's codes are called, in order; a flat code is one, "code"."""
    return draw.posterior.names if isinstance(draw.posterior, LawOfBlocks) else ("code",)


def _by_block(law: Distribution, codes: Codes) -> Tensor:
    """log p(z_b | those that b is given) of codes, shape (B, D), by block: shape (B, blocks), in their type."""
    product = law.at(codes.z) if isinstance(law, ChainedLaw) else law
    assert isinstance(product, BlockLaw)
    parts = zip(product.blocks, product.slices, strict=True)
    return torch.stack([log_density_at(block, codes.columns(part)) for block, part in parts], 1).to(codes.z.dtype)
