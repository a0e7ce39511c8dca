"""Categories summed out of a code, so that chains move through its numbers alone.

    p(x, n) = sum_c p(c, n) p(x | c, n)        q(n|x) = sum_c q(c, n | x)

over every value c of all discrete blocks together; n are the numbers. Annealing from q(n|x) to p(x, n) is annealing as
of any code of numbers, and each of its steps decodes as many codes as there are values. A code without numbers needs no
chain: p(x) is the sum.
"""

import math
from collections.abc import Sequence
from itertools import product

import torch
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, OneHotCategorical

from termwise.errors import Refused
from termwise.measuring.log_likelihood.densities import Joint
from termwise.models.block_law import BlockLaw, blocks_of
from termwise.models.categories import Categories
from termwise.models.distributions import innermost

MOST = 64
"""So many values of all discrete blocks together are summed over, and no more."""


class EveryCategory:
    """Every value of a code's discrete blocks together, with its numbers left open.

    Args:
        law: Over codes, event shape (D,): its blocks say which numbers of z are discrete.

    Attributes:
        codes: One of each value, 0 in all numbers, shape (J, D).
        numbers: Which columns of z are numbers, shape (n,).

    Raises:
        Refused: There are more than `MOST` values.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> law = BlockLaw([Categories(torch.zeros(1, 3)), Independent(Normal(torch.zeros(2), 1.0), 1)])
        >>> every = EveryCategory(law)
        >>> len(every), every.numbers.tolist(), every.filled(torch.ones(4, 7, 2)).shape
        (3, [3, 4], torch.Size([3, 4, 7, 5]))
    """

    def __init__(self, law: Distribution) -> None:
        count = math.prod(_count(block) for block in blocks_of(law))
        if count > MOST:
            raise Refused(
                f"Annealing sums over the categories of a code, of at most {MOST} values for all blocks together; this "
                f"one's have {count:,}. Take method='iwae', which asks for no sum."
            )
        discrete = [is_discrete(block) for block in blocks_of(law)]
        by_block = [_values(block) for block in blocks_of(law)]
        open_ = torch.cat([torch.full((of.shape[1],), not is_) for of, is_ in zip(by_block, discrete, strict=True)])
        device = law.sample().device
        self.codes = torch.stack([torch.cat(rows) for rows in product(*by_block)]).to(device)
        self.numbers = open_.nonzero().squeeze(1).to(device)

    def __len__(self) -> int:
        return len(self.codes)

    def filled(self, numbers: Tensor) -> Tensor:
        """Codes of every value with these numbers, shape (..., n): shape (J, ..., D)."""
        whole = self.codes.to(numbers.dtype).view(len(self), *(1 for _ in numbers.shape[:-1]), -1)
        whole = whole.expand(len(self), *numbers.shape[:-1], -1)
        return whole.index_copy(-1, self.numbers, numbers.expand(len(self), *numbers.shape))

    def numbers_of(self, law: Distribution) -> Distribution:
        """The law of the numbers alone: its blocks of numbers, of a product; else a sum."""
        if not isinstance(law, BlockLaw):
            return _Summed(law, self)
        blocks = [block for block in law.blocks if not is_discrete(block)]
        return blocks[0] if len(blocks) == 1 else BlockLaw(blocks)


class SummedJoint(Joint):
    """log p(x, n), by the numbers of the codes alone.

    Args:
        joint: log p(x, z).
        every: What is summed over.
    """

    def __init__(self, joint: Joint, every: EveryCategory) -> None:
        super().__init__(joint.model, joint.x, joint.context, joint.prior)
        self.every = every
        if len(every.numbers):
            self.prior = every.numbers_of(self.prior)

    def __call__(self, z: Tensor) -> Tensor:
        """Nats, shape (C, B), at numbers of shape (C, B, n)."""
        whole = self.every.filled(z)  # (J, C, B, D)
        return super().__call__(whole.flatten(0, 1)).unflatten(0, whole.shape[:2]).logsumexp(0)

    def evidence(self) -> Tensor:
        """log p(x), shape (B,), of a code that has no numbers: the sum over all that it can be."""
        return self(torch.zeros(1, len(self.x), 0, dtype=torch.float64, device=self.x.device)).squeeze(0)


class _Summed(Distribution):
    """The law of the numbers of codes that are no product of blocks."""

    def __init__(self, law: Distribution, every: EveryCategory) -> None:
        self.law, self.every = law, every
        super().__init__(law.batch_shape, Size([len(every.numbers)]), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.law.log_prob(self.every.filled(value)).logsumexp(0)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.law.sample(Size(sample_shape))[..., self.every.numbers]


def is_discrete(block: Distribution) -> bool:
    """Whether a block is of categories, or of numbers that are 0 or 1.

    Example:
        >>> is_discrete(Categories(torch.zeros(1, 3)))
        True
    """
    return isinstance(innermost(block), Categories | OneHotCategorical | Bernoulli)


def _count(block: Distribution) -> int:
    law = innermost(block)
    if isinstance(law, Categories):
        positions, count = law.log_probs.shape[-2:]
        return int(count**positions)
    if isinstance(law, OneHotCategorical):
        return int(law.event_shape[0])
    return int(2 ** block.event_shape.numel()) if isinstance(law, Bernoulli) else 1


def _values(block: Distribution) -> Tensor:
    """Every value of a discrete block, shape (J, D); of another one code of zeros."""
    law, size = innermost(block), block.event_shape.numel()
    if not is_discrete(block):
        return torch.zeros(1, size)
    if isinstance(law, Bernoulli):
        return torch.tensor(list(product((0.0, 1.0), repeat=size)))
    positions = law.log_probs.shape[-2] if isinstance(law, Categories) else 1
    return torch.stack([torch.cat(rows) for rows in product(torch.eye(size // positions), repeat=positions)])
