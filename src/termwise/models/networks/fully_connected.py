"""Fully connected bodies: for examples of any shape."""

import itertools
import math
from collections.abc import Sequence

from torch import nn

from termwise.models.networks.bodies import Bodies
from termwise.models.networks.linear_layer import LinearLayer
from termwise.values import Count


def perceptron(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of the given sizes, with ReLU between them.

    Example:
        >>> perceptron([4, 8, 2])
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=2, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for inward, outward in itertools.pairwise(sizes):
        layers += [LinearLayer(inward, outward), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mlp(
    shape: tuple[int, ...], features: int, latent: int, decoded: tuple[int, ...], hidden: Sequence[Count] = (512,)
) -> Bodies:
    """A fully connected encoder, and a decoder that mirrors it.

    Args:
        hidden: Sizes of the encoder's hidden layers; the decoder has them reversed.

    Example:
        >>> encoder, decoder = mlp((1, 4, 4), features=6, latent=3, decoded=(1, 4, 4), hidden=[20, 10])
        >>> [layer.out_features for layer in decoder if isinstance(layer, nn.Linear)]
        [10, 20, 16]
    """
    encoder = nn.Sequential(nn.Flatten(), *perceptron([math.prod(shape), *hidden, features]))
    decoder = nn.Sequential(
        *perceptron([latent, *reversed(list(hidden)), math.prod(decoded)]), nn.Unflatten(1, decoded)
    )
    return encoder, decoder
