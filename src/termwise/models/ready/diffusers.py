"""diffusers' autoencoders whose encoder gives a `latent_dist` (Rombach et al., 2022), and its VQModel.

Whatever their codes' shape, (B, C, h, w) of pictures, (B, C, t, h, w) of videos, (B, C, l) of sound, q(z|x) is a normal
of independent numbers, and the prior N(0, I) is over the codes as the encoder gives them. `scaling_factor` and
`shift_factor` are what a diffusion model is trained on afterwards; they are not applied here. The model holds no
likelihood: its decoder's output becomes the mean of the one that the user names, and without one the links of the rate
are measured alone. The codes of a VQModel are the codewords that its quantizer rounds to.
"""

from typing import Any

from torch import Tensor

from termwise.errors import Refused
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts, like_parameters

WITH_FRAMES = "AutoencoderKLTemporalDecoder"
"""The class whose decoder must be told how many frames go together; here every example is one."""
DRAWS = "ConsistencyDecoderVAE"
"""The class whose decoder is a diffusion model that draws, and gives no parameter of p(x|z)."""


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """An autoencoder's; its decoder only where a likelihood is named."""
    names = [kind.__name__ for kind in type(model).__mro__]
    if not (callable(getattr(model, "encode", None)) and callable(getattr(model, "decode", None))):
        raise Refused(f"Expected one of diffusers' autoencoders; got its {names[0]}, which has no encode and decode.")
    if likelihood is not None and DRAWS in names:
        raise Refused(
            f"The decoder of a {DRAWS} draws its pictures, so that nobody knows its p(x|z). Leave out the likelihood "
            "to measure the rate, or measure the AutoencoderKL that its codes are from."
        )
    frames = {"num_frames": 1} if WITH_FRAMES in names else {}

    def encode(x: Tensor) -> Any:
        return model.encode(x.to(**like_parameters(model)))

    def decode(z: Tensor) -> Any:
        return model.decode(z.to(**like_parameters(model)), **frames)

    return Parts(encode, decode if likelihood is not None else None, likelihood)


def quantized_parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A VQModel's; its decoder only where a likelihood is named."""

    def encode(x: Tensor) -> dict[str, Tensor]:
        features = model.encode(x.to(**like_parameters(model))).latents  # (B, d, h, w)
        *_, (*_, indices) = model.quantize(features)
        return {
            "indices": indices.view(len(x), *features.shape[2:]),
            "codebook": model.quantize.embedding.weight,
            "encoded": features.movedim(1, -1),
        }

    def decode(z: Tensor) -> Tensor:
        words = z.to(**like_parameters(model)).movedim(-1, 1)
        guide = (words,) if model.config.norm_type == "spatial" else ()
        return model.decoder(model.post_quant_conv(words), *guide)

    return Parts(encode, decode if likelihood is not None else None, likelihood)
