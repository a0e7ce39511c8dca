"""Codewords that come one after the other by a Markov chain: every term of q(z) in closed form.

    x_1 ~ a,   x_(p+1) ~ T[x_p, :],   q(z|x) the point at the codewords x,   p(z) uniform,   p(x|z) = prod_p E[z_p, x_p]

With m_p the law of position p, m_(p+1) = m_p T, and H the entropy of a law,

    index_code_mi = H(a) + sum_p sum_k m_p[k] H(T[k, :])      total_correlation = sum_p H(m_p) - index_code_mi
    rate          = P log K                                   dimension_wise_kl = sum_p (log K - H(m_p))
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from termwise.models.codewords import Codebook, Codewords, UniformCodewords
from termwise.models.randomness import seed_for
from termwise.notebook import in_a_line


@dataclass(frozen=True, eq=False)
class MarkovWorld:
    """A world of codes of P codewords that are a Markov chain; it is a model, too, that can be measured.

    Attributes:
        first: a, the law of the first codeword, shape (K,), float64.
        transition: T, rows that sum to one, shape (K, K), float64.
        emission: E, rows that sum to one, shape (K, K), float64.
        positions: P.

    Example:
        >>> truth = MarkovWorld.random(seed=0, codewords=3, positions=4).truth()
        >>> rest = truth["rate"] - truth["index_code_mi"] - truth["total_correlation"] - truth["dimension_wise_kl"]
        >>> abs(rest) < 1e-9
        True
    """

    first: Tensor
    transition: Tensor
    emission: Tensor
    positions: int

    @classmethod
    def random(cls, seed: int = 0, codewords: int = 3, positions: int = 4) -> "MarkovWorld":
        """A world whose laws are drawn at random, its codewords mostly decoded to themselves."""
        generator = torch.Generator().manual_seed(seed_for(seed, "world"))
        logits = torch.randn(2 * codewords + 1, codewords, generator=generator, dtype=torch.float64)
        own = 3 * torch.eye(codewords, dtype=torch.float64)
        tables = logits[0], logits[1 : codewords + 1], logits[codewords + 1 :] + own
        first, transition, emission = (table.softmax(-1) for table in tables)
        return cls(first, transition, emission, positions)

    def __repr__(self) -> str:
        return in_a_line(self)

    @cached_property
    def codebook(self) -> Codebook:
        """The codewords: points on a line."""
        return Codebook(torch.arange(len(self.first), dtype=torch.float64).unsqueeze(1))

    @cached_property
    def marginals(self) -> Tensor:
        """m_p, the law of every position, shape (P, K)."""
        laws = [self.first]
        for _ in range(self.positions - 1):
            laws.append(laws[-1] @ self.transition)
        return torch.stack(laws)

    def data(self, count: int, seed: int = 0) -> Tensor:
        """`count` examples, shape (count, P), float32: which codeword stands at each position."""
        generator = torch.Generator().manual_seed(seed_for(seed, "data"))
        chain = [torch.multinomial(self.first, count, replacement=True, generator=generator)]
        for _ in range(self.positions - 1):
            chain.append(torch.multinomial(self.transition[chain[-1]], 1, generator=generator).squeeze(1))
        return torch.stack(chain, 1).float()

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The point at the codewords of examples, shape (B, P); no context."""
        return Codewords(x.long(), self.codebook), None

    def generate(self, z: Tensor, context: Any = None) -> Distribution:
        """p(x|z) of codes, shape (B, P)."""
        words = self.codebook.index_of(z.unflatten(1, (self.positions, 1)))
        return Independent(Categorical(self.emission[words], validate_args=False), 1, validate_args=False)

    def prior_law(self) -> Distribution:
        """Every codeword as probable as any other."""
        return UniformCodewords(self.codebook, self.positions)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """log p(x) of examples, shape (B, P): shape (B,), nats; positions are independent under the prior."""
        return self.emission.mean(0).log()[x.long()].sum(1)

    def truth(self) -> dict[str, float]:
        """The population's value of every term, in nats, by the readings' names."""
        by_position = -torch.xlogy(self.marginals, self.marginals).sum(1)
        steps = -torch.xlogy(self.transition, self.transition).sum(1)
        joint = float(by_position[0] + (self.marginals[:-1] @ steps).sum())
        each, rate = float(by_position.sum()), self.positions * math.log(len(self.first))
        distortion = -float((self.marginals @ self.emission.diagonal().log()).sum())
        log_likelihood = float((self.marginals @ self.emission.mean(0).log()).sum())
        return {
            "distortion": distortion,
            "rate": rate,
            "elbo": -distortion - rate,
            "index_code_mi": joint,
            "marginal_kl": rate - joint,
            "total_correlation": each - joint,
            "dimension_wise_kl": rate - each,
            "log_likelihood": log_likelihood,
            "inference_gap": log_likelihood + distortion + rate,
        }
