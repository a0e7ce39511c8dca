"""The prior of codewords one after another: of each a small transformer of those before it says how probable it is.

It learns with the rate, which is its cross-entropy: H(k_1 .. k_P), and how far it is from q(z). What positions tell of
each other, the total correlation of q(z), is then the model's own. Codes have no gradient through it, as which codeword
a position has is no function with a slope; so the encoder learns from the distortion alone, as it does where the prior
is fitted afterwards (van den Oord et al., 2017, section 3.3), and the two can be fitted at once.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F

from termwise.errors import Refused
from termwise.models.codewords import HasCodebook
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.values import Count


class AutoregressivePrior(nn.Module):
    """Codewords at P positions in order, row by row, each by its probabilities given those before.

    It begins as the uniform prior.

    Args:
        latent: P d, the numbers of the code.
        layers: Of the transformer (Vaswani et al., 2017).
        width: How many numbers a position has in it, a multiple of `heads`.
        heads: Of attention.

    Raises:
        Refused: The width is no multiple of the heads.

    Example:
        >>> import termwise as tw
        >>> model = tw.VAE.build((4,), 6, posterior="vector-quantized:32", prior="autoregressive")
        >>> z = model.prior_law().sample((5,))
        >>> z.shape, model.prior_law().log_prob(z)[0]  # -log 32, before it has learned
        (torch.Size([5, 6]), tensor(-3.4657, grad_fn=<SelectBackward0>))
    """

    name = "autoregressive"

    def __init__(self, latent: int, layers: Count = 2, width: Count = 64, heads: Count = 4) -> None:
        super().__init__()
        if width % heads:
            raise Refused(f"The width of the autoregressive prior is a multiple of its heads; got {width} and {heads}.")
        self.options: dict[str, Any] = {"layers": layers, "width": width, "heads": heads}
        self.network: CausalTransformer | None = None
        self._posterior: tuple[HasCodebook, ...] = ()  # whose codebook is its own, and no part of this module

    def meet_posterior(self, family: object) -> None:
        """Be over the codewords of this posterior family.

        Raises:
            Refused: Its codes are no codewords.
        """
        if not isinstance(family, HasCodebook):
            name = getattr(family, "name", type(family).__name__)
            raise Refused(
                f"The prior 'autoregressive' is over codewords, and codes of the posterior {name!r} are none: there is "
                'no KL between the two. Take posterior="vector-quantized" or "finite-scalar"; or another prior: "flow" '
                'is of numbers, and "learned-categories" of categories.'
            )
        self._posterior = (family,)
        self.network = CausalTransformer(len(family.codebook()), family.positions, **self.options)

    def forward(self) -> Distribution:
        """p(z), batch shape (), event shape (latent,)."""
        if self.network is None:
            raise Refused("The prior 'autoregressive' is over a model's codewords: it is made with the model.")
        (family,) = self._posterior
        return CodewordsInOrder(family.codebook(), family.positions, self.network)


class CausalTransformer(nn.Module):
    """Logits of each position's words given those before it; all alike at first.

    Args:
        words: K.
        positions: P.
        layers, width, heads: Its sizes.

    Example:
        >>> network = CausalTransformer(words=10, positions=6, layers=1, width=8, heads=2)
        >>> network(torch.zeros(5, 3, dtype=torch.long)).shape  # of the first four positions
        torch.Size([5, 4, 10])
    """

    def __init__(self, words: int, positions: int, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(width))
        self.word = nn.Parameter(torch.randn(words, width) / width**0.5)
        self.place = nn.Parameter(torch.randn(positions, width) / width**0.5)
        self.layers = nn.Sequential(*(CausalLayer(width, heads) for _ in range(layers)))
        self.head = nn.Linear(width, words)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, before: Tensor) -> Tensor:
        """Of the first n words, shape (N, n), logits of the first n + 1 positions, shape (N, n + 1, K)."""
        start = self.start.expand(len(before), 1, -1)
        seen = torch.cat([start, self.word[before]], 1) + self.place[: before.shape[1] + 1]
        logits: Tensor = self.head(self.layers(seen))
        return logits.float()


class CausalLayer(nn.Module):
    """Attention to the places before a place and to itself, and a perceptron; each is added to what it sees.

    Example:
        >>> CausalLayer(8, heads=2)(torch.zeros(5, 4, 8)).shape
        torch.Size([5, 4, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, n, width), as it came."""
        query, key, value = self.attention(self.first(x)).unflatten(2, (3 * self.heads, -1)).transpose(1, 2).chunk(3, 1)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)  # (N, heads, n, width / heads)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.second(x))
