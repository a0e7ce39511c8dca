"""VampPrior (Tomczak and Welling, 2018, eq. 10): the average of the posteriors of K pseudo-inputs, which learn.

    p(z) = 1/K sum_k q(z|u_k)

It is the aggregate posterior of examples that nobody gave: of K = N of them, at the data, it is q(z) itself, and the
marginal KL is 0. The u_k begin at training examples and learn with the decoder. The encoder has a gradient through
p(z), as it has in the paper; where a player owns it alone, that is the gradient of its own objective.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from termwise.errors import Refused
from termwise.main_memory import check_fits
from termwise.models.codewords import Codewords
from termwise.models.posteriors import ImplicitPosterior
from termwise.values import Count


class VampPrior(nn.Module):
    """The average of the posteriors of pseudo-inputs; its model gives it the encoder.

    Args:
        latent: D.
        components: K, how many pseudo-inputs. A training needs as many examples, at which they begin.

    Example:
        >>> import termwise as tw
        >>> model = tw.VAE.build((6,), latent=2, prior="vamp:5", options={"hidden": [8]})
        >>> model.prior.inputs.shape, model.prior_law().log_prob(torch.zeros(3, 2)).shape
        (torch.Size([5, 6]), torch.Size([3]))
    """

    name = "vamp"
    begun: Tensor

    def __init__(self, latent: int, components: Count = 500) -> None:
        super().__init__()
        self.latent, self.components = latent, components
        self.options: dict[str, Any] = {"components": components}
        self.inputs: nn.Parameter | None = None
        self.register_buffer("begun", torch.tensor(False))

    def meet(self, shape: tuple[int, ...]) -> None:
        """Take the shape of one example; until a training begins the pseudo-inputs are noise.

        Raises:
            Refused: It has pseudo-inputs of another shape.
        """
        if self.inputs is None:
            check_fits(4 * self.components * math.prod(shape), "The pseudo-inputs of the VampPrior")
            self.inputs = nn.Parameter(torch.randn(self.components, *shape))
        elif self.inputs.shape[1:] != shape:
            raise Refused(
                f"This VampPrior's pseudo-inputs have shape {tuple(self.inputs.shape[1:])}, and the model's examples "
                f"{shape}. Give every model a prior of its own."
            )

    @torch.no_grad()
    def begin(self, inputs: Tensor) -> None:
        """Begin at examples, shape (K, *shape), as the networks see them."""
        assert self.inputs is not None
        self.inputs.copy_(inputs)
        self.begun.fill_(True)

    def forward(self, infer: Callable[[Tensor], Distribution]) -> Distribution:
        """p(z), batch shape (), event shape (D,), of q(z|.) of what the networks see.

        Raises:
            Refused: The posterior has no density, of which there is no average.
        """
        assert self.inputs is not None
        posteriors = infer(self.inputs)
        if isinstance(posteriors, ImplicitPosterior | Codewords):
            raise Refused(
                "A VampPrior is an average of posterior densities, and this posterior has none. Take a posterior with "
                'a density ("diagonal-normal"), or another prior ("mixture:10"; "uniform" over codewords).'
            )
        alike = Categorical(logits=self.inputs.new_zeros(self.components), validate_args=False)
        return MixtureSameFamily(alike, posteriors, validate_args=False)
