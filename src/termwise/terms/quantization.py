"""What rounding to codewords costs: the two terms of VQ-VAE (van den Oord et al., 2017, eq. 3).

    commitment   |e - sg v|^2     of the encoder's outputs e, that they stay near the codewords v that they came to
    codebook     |sg e - v|^2     of the codewords, that they go to the outputs that came to them

summed over positions and numbers; sg lets no gradient through. They are squares, not nats.
"""

from typing import Literal

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.block_law import blocks_of
from termwise.models.codewords import Codewords
from termwise.models.draw import Draw


class QuantizationError:
    """The squared distance of what the encoder gives to its codewords, of which one side learns.

    Args:
        learns: "commitment", the encoder; or "codebook", the codewords: 0 where they learn by no gradient.

    Example:
        >>> from termwise.models import VAE
        >>> model = VAE.build((4,), 6, posterior="vector-quantized:8", prior="uniform")
        >>> QuantizationError("commitment")(Draw(model, torch.rand(5, 4))).shape
        torch.Size([5])
    """

    unit, label, bias, memory = "squared", "closed form", "exact for every x", None

    def __init__(self, learns: Literal["commitment", "codebook"]) -> None:
        self.learns, self.name = learns, f"{learns}_error"

    def __call__(self, draw: Draw) -> Tensor:
        """Values by example, shape (B,).

        Raises:
            Refused: The codes are no codewords.
        """
        laws = [law for law in blocks_of(draw.posterior) if isinstance(law, Codewords)]
        if not laws:
            raise Refused(
                f"The {self.learns} error is of codes that are codewords, and this posterior is a "
                f'{type(draw.posterior).__name__}. Take posterior="vector-quantized" and prior="uniform".'
            )
        return torch.stack([self._of(law) for law in laws]).sum(0)

    def _of(self, law: Codewords) -> Tensor:
        if law.encoded is None or (self.learns == "codebook" and not law.codebook.vectors.requires_grad):
            return law.words.new_zeros(law.batch_shape)
        if self.learns == "commitment":
            difference = law.encoded - law.words
        else:
            difference = law.encoded.detach() - law.codebook.vectors[law.indices]
        return difference.square().flatten(1).sum(1)
