"""The posterior of a learned codebook: at every position the codeword that is nearest to the encoder's output.

van den Oord, Vinyals and Kavukcuoglu (2017). The codebook learns by gradient, of a term of the objective, or it follows
the encoder's outputs e by moving averages (their appendix A.1), of how many came to codeword k and of their sum:

    N_k <- g N_k + (1 - g) n_k,     m_k <- g m_k + (1 - g) sum_(e near k) e,     v_k = m_k / N_k

It begins at outputs of the first batch; and a codeword that has hardly come for long begins anew at one of the batch at
hand. All that happens in training alone, and is saved with the model.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.main_memory import check_fits
from termwise.models.codewords import Codebook, Codewords
from termwise.models.places import Positions, as_option, shape_of
from termwise.values import Count, Share

SMALLEST_USE = 1e-5
"""Of the moving average of how often a codeword came, the least that a sum is divided by."""


class VectorQuantized(nn.Module):
    """One of K learned codewords at each of P positions; features are points near them.

    Args:
        latent: P d, the numbers of the code.
        codewords: K.
        positions: P, or their shape.
        codebook: How it learns: "average", by moving averages of what came to each codeword; or "gradient", of the
            objective's codebook term.
        decay: Of the moving averages. The paper has 0.99, by which short runs leave codewords behind: of the bundled
            digits' 32 the perplexity was 17 after 20 epochs, and with 0.95 it was 30.
        restarts: A codeword begins anew that comes less than this share of as often as all do on average; 0 for never.

    Example:
        >>> law = VectorQuantized(6, codewords=16, positions=3)(torch.randn(5, 6))
        >>> law.indices.shape, law.rsample().shape
        (torch.Size([5, 3]), torch.Size([5, 6]))
    """

    name = "vector-quantized"
    vectors: Tensor
    use: Tensor
    begun: Tensor

    def __init__(
        self,
        latent: int,
        codewords: Count = 64,
        positions: Positions = 1,
        codebook: Literal["average", "gradient"] = "average",
        decay: Share = 0.95,
        restarts: Share = 0.1,
    ) -> None:
        super().__init__()
        self.shape = shape_of(positions)
        count = math.prod(self.shape)
        if latent % count:
            raise Refused(
                f"{latent} numbers are not {count} positions of codewords of one size. Give as latent the "
                "positions times the numbers of a codeword."
            )
        width = latent // count
        check_fits(4 * codewords * width, "The codebook")
        self.latent, self.positions, self.decay, self.restarts = latent, count, decay, restarts
        self.by_gradient = codebook == "gradient"
        vectors = torch.randn(codewords, width)
        if self.by_gradient:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
        self.register_buffer("use", torch.ones(codewords))
        self.register_buffer("begun", torch.tensor(False))
        self._asked: Codebook | None = None
        self.options: dict[str, Any] = {
            "codewords": codewords,
            "positions": as_option(positions),
            "codebook": codebook,
            "decay": decay,
            "restarts": restarts,
        }

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: a point for each codeword."""
        return self.latent

    def codebook(self) -> Codebook:
        """The codewords: in training those that the last codes were made of, as a prior is asked of these."""
        return self._asked if self.training and self._asked is not None else Codebook(self.vectors)

    def forward(self, features: Tensor) -> Codewords:
        """q(z|x) from features of shape (B, P d)."""
        encoded = features.unflatten(-1, (self.positions, -1))  # (B, P, d)
        learns = self.training and torch.is_grad_enabled()
        if learns:
            self._begin_some(encoded.detach().flatten(0, -2))
        codebook = self._asked = Codebook(self.vectors)
        indices = codebook.nearest(encoded.detach())
        if learns:
            self._follow(encoded.detach().flatten(0, -2), indices.flatten())
        return Codewords(indices, codebook, encoded, self.shape)

    @torch.no_grad()
    def _begin_some(self, points: Tensor) -> None:
        """Let all codewords begin, or those anew that hardly come, each at one of the points, shape (n, d)."""
        begin = (self.use < self.restarts * self.use.mean()) | ~self.begun  # (K,)
        if points.device.type == "cpu" and not begin.any():
            return  # a device would be waited for, to learn that there is nothing to do
        order = torch.randperm(len(points), device=points.device)
        turn = begin.cumsum(0) - 1  # which of those that begin a codeword is
        chosen = points[order[turn.clamp(0, len(points) - 1)]].to(self.vectors.dtype)
        vectors = torch.where((begin & (turn < len(points))).unsqueeze(1), chosen, self.vectors.detach())
        self._become(vectors)
        use = torch.where(self.begun, self.use.mean(), len(points) / len(self.use))
        self.use.copy_(torch.where(begin, use, self.use))
        self.begun.fill_(True)

    @torch.no_grad()
    def _follow(self, points: Tensor, indices: Tensor) -> None:
        """Take in which codewords points, shape (n, d), came to; where they learn by averages, follow the points."""
        before, points = self.use.unsqueeze(1) * self.vectors, points.to(self.use.dtype)
        came = torch.zeros_like(self.use).index_add_(0, indices, torch.ones_like(indices, dtype=self.use.dtype))
        self.use.mul_(self.decay).add_(came, alpha=1 - self.decay)
        if not self.by_gradient:
            sums = torch.zeros_like(before).index_add_(0, indices, points)
            sums = self.decay * before + (1 - self.decay) * sums
            self._become(torch.where(self.use.unsqueeze(1) > SMALLEST_USE, sums / self.use.unsqueeze(1), self.vectors))

    def _become(self, vectors: Tensor) -> None:
        """Other codewords: a new tensor where laws may hold the old one, and no gradient asks for it."""
        if self.by_gradient:
            self.vectors.data.copy_(vectors)
        else:
            self.vectors = vectors
