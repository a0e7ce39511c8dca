"""What a critic of a link puts out on examples that it never saw."""

import torch

from termwise.models.data_pass import DataPass, evaluating
from termwise.models.randomness import own_randomness


def critic_logits(link, model, data, seed=0):
    """T at samples of the link's left and right law, shape (N,) each, float64."""
    ratio = link.estimator
    with own_randomness(seed), evaluating(model), evaluating(torch.nn.ModuleList([ratio.critic])), torch.no_grad():
        pairs = [ratio.logits(link.left, link.right, draw) for draw in DataPass(model, data)()]
    return tuple(torch.cat(side).double() for side in zip(*pairs, strict=True))
