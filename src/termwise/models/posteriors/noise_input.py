"""Noise as an input: a small network on the encoder's features and on noise, which is injected into every layer.

    h_1 = relu(features(x) + V_1 eps),   h_l = relu(W_l h_(l-1) + b_l + V_l eps),   z = W h_L + b + V eps

W h + V eps is a linear map of the two side by side, so that injecting is concatenating, layer by layer; the features,
as the encoder's last linear layer gives them, are the first layer's W h + b (Mescheder et al., 2017, figure 2).
"""

import itertools
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.models.even_noise import even_noise
from termwise.models.networks.linear_layer import LinearLayer
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.models.posteriors.last_normal import with_last_normal
from termwise.models.size import check_size
from termwise.values import Count, PositiveFinite

FIXED = 128
"""Noises behind `mean` and `variance`: the same for every example, evenly spread; of covariances 4 D at least."""


class NoisyHead(nn.Module):
    """The network: features (B, hidden[0]) and noise (K, B, n) -> codes (K, B, D).

    Args:
        latent: D.
        noise: n.
        hidden: The sizes of h_1, ..., h_L.
        inject: Whether noise enters every layer, or h_1 alone.
        start: The size of V at first, beside torch's own initialisation.
    """

    def __init__(self, latent: int, noise: Count, hidden: Sequence[Count], inject: bool, start: PositiveFinite) -> None:
        super().__init__()
        sizes = [*hidden, latent]
        self.noise = noise
        self.first = LinearLayer(noise, sizes[0], bias=False)  # V_1
        self.layers = nn.ModuleList(LinearLayer(a, b) for a, b in itertools.pairwise(sizes))  # W_l, b_l
        self.injections = nn.ModuleList(LinearLayer(noise, b, bias=False) for b in sizes[1:] if inject)  # V_l
        with torch.no_grad():
            for layer in (self.first, *self.injections):
                cast(nn.Linear, layer).weight.mul_(start)

    def forward(self, features: Tensor, eps: Tensor) -> Tensor:
        """Codes, shape (K, B, D)."""
        h = features + self.first(eps)
        for layer, injection in itertools.zip_longest(self.layers, self.injections):
            h = layer(h.relu()) + (0 if injection is None else injection(eps))
        return h


class HeadPush:
    """f(x, .) of a batch: the head at its features, shape (B, hidden[0])."""

    def __init__(self, head: NoisyHead, features: Tensor, latent: int) -> None:
        self.head, self.features_of_x = head, features
        self.size = (len(features), latent)

    def sample(self, count: int) -> Tensor:
        """Shape (count, B, D)."""
        x = self.features_of_x
        return self.head(x, torch.randn(count, len(x), self.head.noise, dtype=x.dtype, device=x.device))

    def moments(self, count: int | None, full: bool) -> tuple[Tensor, Tensor]:
        """Mean and variances, or the covariance, of `count` fresh codes; or of `FIXED` codes, always of one noise."""
        if count is None:
            count = max(FIXED, 4 * self.size[1]) if full else FIXED
            even = even_noise(count, self.head.noise).to(self.features_of_x)
            z = self.head(self.features_of_x, even.unsqueeze(1))
        else:
            z = self.sample(count)
        mean = z.mean(0)
        if not full:
            return mean, z.var(0)
        centred = z - mean
        return mean, torch.einsum("sbk,sbl->bkl", centred, centred) / (len(z) - 1)


class NoiseInput(nn.Module):
    """The family; features are h_1 before its noise.

    Args:
        latent: D.
        noise: n, the numbers of noise.
        hidden: The sizes of the head's hidden layers.
        inject: Whether noise enters every layer, or the first alone.
        start: How large the noise's weights are at first, beside torch's own initialisation. At 1 the noise can drown
            what the features say of x, and training may not find out.

    Example:
        >>> family = NoiseInput(2, noise=4, hidden=[16])
        >>> family(torch.zeros(5, family.features)).rsample((100,)).shape
        torch.Size([100, 5, 2])
    """

    name = "noise-input"

    def __init__(
        self,
        latent: int,
        noise: Count = 32,
        hidden: Sequence[Count] = (128, 128),
        inject: bool = True,
        start: PositiveFinite = 0.1,
    ) -> None:
        super().__init__()
        if noise < 1 or not hidden or min(hidden) < 1 or not start > 0:
            raise Refused(
                "A noise-input posterior needs noise of 1 or more, hidden layers of size 1 or more, and start above 0; "
                f"got noise {noise}, hidden {list(hidden)}, start {start}."
            )
        self.latent, self.width, self.noise_size = latent, hidden[0], noise
        self.options: dict[str, Any] = {"noise": noise, "hidden": list(hidden), "inject": inject, "start": start}
        check_size("The noise-input posterior", lambda: NoisyHead(latent, noise, hidden, inject, start))
        self.head = NoisyHead(latent, noise, hidden, inject, start)

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: hidden[0]."""
        return self.width

    def forward(self, features: Tensor) -> ImplicitPosterior:
        """q(z|x), batch shape (B,), event shape (D,)."""
        return ImplicitPosterior(HeadPush(self.head, features, self.latent))


noise_input_with_last_normal = with_last_normal(NoiseInput)
"""The noise-input family with a last Gaussian layer, whose density can be bounded from both sides."""
