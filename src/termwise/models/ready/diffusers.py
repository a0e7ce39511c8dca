"""diffusers' AutoencoderKL (Rombach et al., 2022): q(z|x) = N(mean, exp logvar), z of shape (B, C, h, w).

The prior N(0, I) is over the codes as the encoder gives them. `scaling_factor` and `shift_factor` are what a diffusion
model is trained on afterwards; they are not applied here. The model holds no likelihood: its decoder's output becomes
the mean of the one that the user names, and without one the links of the rate are measured alone.
"""

from typing import Any

from torch import Tensor

from termwise.models.ready.parts import Parts, like_parameters


def parts(model: Any, likelihood: str | None, own_prior: bool) -> Parts:
    """An AutoencoderKL's; its decoder only where a likelihood is named."""

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        law = model.encode(x.to(**like_parameters(model))).latent_dist
        return law.mean, law.logvar

    def decode(z: Tensor) -> Tensor:
        return model.decode(z.to(**like_parameters(model))).sample

    return Parts(encode, decode if likelihood is not None else None, likelihood)
