"""The gradients of players who move at once, each term differentiated once however many of them share it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from termwise.objectives.objective import Breakdown


def backward(moves: Sequence[tuple[Breakdown, Sequence[nn.Parameter]]]) -> None:
    """Add to every player's own parameters the gradient of its own total, and of nothing else.

    A total is a function of the means of terms, so with c_pk its slope in mean k, player p gets sum_k c_pk grad mean_k;
    in VAE-GAN the encoder and the decoder share the feature distortion, and the decoder and the discriminator L_GAN.

    Args:
        moves: Of every player its objective on one draw, and the parameters that it moves.
    """
    means: dict[int, Tensor] = {}
    shares: dict[int, list[tuple[Tensor, Sequence[nn.Parameter]]]] = {}
    for breakdown, own in moves:
        moving = [parameter for parameter in own if parameter.requires_grad]
        live = [mean for mean in breakdown.means if mean.requires_grad]
        if not (moving and breakdown.total.requires_grad):
            continue
        for mean, slope in zip(
            live, torch.autograd.grad(breakdown.total, live, retain_graph=True, allow_unused=True), strict=True
        ):
            if slope is not None:
                means[id(mean)] = mean
                shares.setdefault(id(mean), []).append((slope, moving))
    for key, mean in means.items():
        parameters = [parameter for _, own in shares[key] for parameter in own]
        weights = [slope for slope, own in shares[key] for _ in own]
        last = key == next(reversed(means))
        gradients = torch.autograd.grad(mean, parameters, retain_graph=not last, allow_unused=True)
        for parameter, slope, gradient in zip(parameters, weights, gradients, strict=True):
            if gradient is not None:
                part = slope * gradient
                parameter.grad = part if parameter.grad is None else parameter.grad.add_(part)
