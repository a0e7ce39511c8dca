"""The batch alone as q(z), in the two weightings of Chen et al. (2018, appendix C)."""

import math

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.gaussians import LogWeights
from termwise.terms.aggregate.memory import BIAS_OF_JENSEN, Memory, batch_components, dataset_size, index_of


class MinibatchWeighted(Memory):
    """The batch alone, weighted 1/(N M) (Chen et al., 2018, eq. S4): a useful gradient, a useless value.

    Example:
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 2), torch.rand(8, 4), torch.arange(8), dataset_size=8)
        >>> off = MinibatchWeighted().log_density(draw.z, draw) - MinibatchStratified().log_density(draw.z, draw)
        >>> off.mean().item()  # -log 8, where the batch is all there is
        -2.079...
    """

    name = "minibatch-weighted"
    label = "minibatch weighted"

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """The batch's own M posteriors, which weigh 1/(N M) each."""
        return batch_components(draw), LogWeights(-math.log(dataset_size(draw) * len(draw)))

    def examples(self, draw: Draw) -> Tensor:
        """Those of the batch."""
        return index_of(draw)

    def weights_within(self, own: Tensor, count: int, size: int) -> LogWeights:
        """1/(N M) each, N and M of the group alone."""
        return LogWeights(-math.log(size * count))

    def bias(self, link: str) -> str:
        """The link is off by as much as log N for every factor of q(z) in it."""
        return "biased by up to log N a factor: a gradient, not a value"


class MinibatchStratified(Memory):
    """The batch alone, its own component weighted 1/N and every other (N-1)/(N (M-1)) (Chen et al., 2018, eq. S5).

    Unbiased for q(z) where the batch is drawn without replacement; the weights lie on the diagonal and rows sum to 1.

    Example:
        >>> MinibatchStratified().bias("index_code_mi")
        'biased up (Jensen)'
    """

    name = "minibatch-stratified"
    label = "minibatch stratified"

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """The batch's own M posteriors, weighted by whether a code was drawn from them."""
        count, size = len(draw), dataset_size(draw)
        if count < 2 <= size:
            raise Refused("Stratified weights need a batch of two examples or more; got one. Raise batch_size.")
        own = torch.arange(count, device=draw.x.device)
        return batch_components(draw), LogWeights.stratified(own, count, size)

    def examples(self, draw: Draw) -> Tensor:
        """Those of the batch."""
        return index_of(draw)

    def bias(self, link: str) -> str:
        """The side to which the log of an unbiased q(z) is off, by Jensen's inequality."""
        return BIAS_OF_JENSEN.get(link, "biased")
