"""The noise basis: noise enters through functions that all examples share, and their moments are known.

    z_k = z0_k(x) + sum_i a_ik(x) v_ik(eps_i),     a > 0,     eps_1, ..., eps_m independent, each N(0, I_n)

    E z_k = z0_k + sum_i a_ik E v_ik,     Cov(z_k, z_l) = sum_i a_ik a_il Cov(v_ik, v_il)

(Mescheder et al., 2017, section 6, with a^2 in the variance). Each v_i is a linear map and one layer of sines,
v_i(eps) = A_i eps + C_i s(eps), s_h = sin(w_h . eps + b_h), whose moments under N(0, I) have a closed form, from the
characteristic function of the normal and Stein's identity:

    E s_h = g_h sin b_h,   E eps s_h = g_h cos(b_h) w_h,   g_h = exp(-|w_h|^2 / 2)
    E s_h s_l = 1/2 [cos(b_h - b_l) exp(-|w_h - w_l|^2 / 2) - cos(b_h + b_l) exp(-|w_h + w_l|^2 / 2)]
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from termwise.errors import Refused
from termwise.main_memory import check_fits
from termwise.models.posteriors.implicit import ImplicitPosterior
from termwise.models.posteriors.last_normal import with_last_normal
from termwise.values import Count, PositiveFinite


class SineBasis(nn.Module):
    """v_1, ..., v_m: each from n numbers of noise to D.

    Args:
        latent: D.
        bases: m.
        noise: n.
        hidden: H, the sines of each.
    """

    def __init__(self, latent: int, bases: Count, noise: Count, hidden: Count) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(bases, hidden, noise) / math.sqrt(noise))  # w
        self.phase = nn.Parameter(2 * math.pi * torch.rand(bases, hidden))  # b
        self.linear = nn.Parameter(torch.randn(bases, latent, noise) / math.sqrt(noise))  # A
        self.mixing = nn.Parameter(torch.randn(bases, latent, hidden) / math.sqrt(hidden))  # C

    def forward(self, eps: Tensor) -> Tensor:
        """v_i(eps_i), shape (..., m, D), of noise of shape (..., m, n)."""
        sines = (torch.einsum("mhn,...mn->...mh", self.frequency, eps) + self.phase).sin()
        linear = torch.einsum("mdn,...mn->...md", self.linear, eps)
        return linear + torch.einsum("mdh,...mh->...md", self.mixing, sines)

    def moments(self) -> tuple[Tensor, Tensor]:
        """E v_i, shape (m, D), and Cov(v_i), shape (m, D, D): exact, with gradient."""
        w, b = self.frequency, self.phase
        decay = (-0.5 * w.square().sum(-1)).exp()
        mean = decay * b.sin()  # (m, H)
        with_noise = (decay * b.cos()).unsqueeze(-1) * w  # E eps s', (m, H, n)
        square, product = w.square().sum(-1), w @ w.mT  # (m, H), (m, H, H)
        total = square.unsqueeze(-1) + square.unsqueeze(-2)
        first, second = b.unsqueeze(-1), b.unsqueeze(-2)
        falling = (first - second).cos() * (product - 0.5 * total).exp()
        rising = (first + second).cos() * (-product - 0.5 * total).exp()
        of_sines = 0.5 * (falling - rising) - mean.unsqueeze(-1) * mean.unsqueeze(-2)  # (m, H, H)
        a, c = self.linear, self.mixing
        crossed = c @ with_noise @ a.mT  # (m, D, D)
        covariance = a @ a.mT + crossed + crossed.mT + c @ of_sines @ c.mT
        return torch.einsum("mdh,mh->md", c, mean), covariance


class BasisPush:
    """z0 + sum_i a_i v_i(eps_i) of a batch.

    Args:
        basis: v.
        offset: z0(x), shape (B, D).
        gain: a(x), shape (B, m, D).
    """

    def __init__(self, basis: SineBasis, offset: Tensor, gain: Tensor) -> None:
        self.basis, self.offset, self.gain = basis, offset, gain
        self.size = (len(offset), offset.shape[1])

    def sample(self, count: int) -> Tensor:
        """Shape (count, B, D)."""
        bases, _, noise = self.basis.frequency.shape
        eps = torch.randn(count, len(self.offset), bases, noise, dtype=self.gain.dtype, device=self.gain.device)
        return self.offset + (self.gain * self.basis(eps)).sum(-2)

    def moments(self, count: int | None, full: bool) -> tuple[Tensor, Tensor]:
        """Mean and variances, or the covariance, exactly: `count` has no part in it."""
        mean, covariance = self.basis.moments()
        centre = self.offset + (self.gain * mean).sum(1)
        if full:
            return centre, torch.einsum("bmk,bml,mkl->bkl", self.gain, self.gain, covariance)
        return centre, torch.einsum("bmk,mk->bk", self.gain.square(), covariance.diagonal(dim1=1, dim2=2))


class NoiseBasis(nn.Module):
    """The family; features are [z0, log of a over its start, basis by basis].

    Args:
        latent: D.
        bases: m.
        noise: n, the numbers of noise of every basis.
        hidden: H, the sines of every basis.
        start: About how large the noise's share of the code is at first, beside a prior of 1.

    Example:
        >>> family = NoiseBasis(2, bases=3)
        >>> family(torch.zeros(5, family.features)).rsample((100,)).shape
        torch.Size([100, 5, 2])
    """

    name = "noise-basis"

    def __init__(
        self, latent: int, bases: Count = 16, noise: Count = 4, hidden: Count = 16, start: PositiveFinite = 0.1
    ) -> None:
        super().__init__()
        if min(bases, noise, hidden) < 1 or not start > 0:
            raise Refused(
                "A noise basis needs bases, noise and hidden of 1 or more, and start above 0; got "
                f"bases {bases}, noise {noise}, hidden {hidden}, start {start}."
            )
        check_fits(4 * bases * (hidden * (noise + latent + 1) + latent * noise), "The noise basis")
        self.latent, self.bases, self.start, self.noise_size = latent, bases, start, bases * noise
        self.options: dict[str, Any] = {"bases": bases, "noise": noise, "hidden": hidden, "start": start}
        self.basis = SineBasis(latent, bases, noise, hidden)

    @property
    def features(self) -> int:
        """How many numbers it needs of an example: (1 + m) D."""
        return (1 + self.bases) * self.latent

    def forward(self, features: Tensor) -> ImplicitPosterior:
        """q(z|x), batch shape (B,), event shape (D,)."""
        offset, log_gain = features.split([self.latent, self.bases * self.latent], dim=-1)
        gain = log_gain.exp().unflatten(-1, (self.bases, self.latent)) * (self.start / math.sqrt(self.bases))
        return ImplicitPosterior(BasisPush(self.basis, offset, gain))


noise_basis_with_last_normal = with_last_normal(NoiseBasis)
"""The noise basis with a last Gaussian layer, whose density can be bounded from both sides."""
