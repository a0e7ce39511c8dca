"""The bound of several codes on log p(x), and the gradients that it is given (Burda, Grosse and Salakhutdinov, 2016).

    w_k = p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x),  k = 1 ... K,        L_K = E log 1/K sum_k w_k

(eq. 8) rises with K from the ELBO, at K = 1, to log p(x). It is no walk: the log of a mean is no sum of links, so it
stands in an objective in the place of distortion and rate both. With v_k = w_k / sum w, the gradients of a sample are

    plain   sum_k v_k d log w_k, in all parameters
    stl     sum_k v_k (d log w_k / dz_k) dz_k/dphi (Roeder, Wu and Duvenaud, 2017): without the score of q, whose mean
            is 0 at K = 1 alone
    dreg    sum_k v_k^2 (d log w_k / dz_k) dz_k/dphi (Tucker et al., 2019, eq. 8): the plain one's mean, at any K

of which stl and dreg are phi's, the encoder's; the other parameters' is plain's. Of codes without a path, such as
categories that learn by their score, plain adds sum_k (L - b_k) d log q(z_k|x), where b_k is L with log w_k replaced by
the mean of the others' (Mnih and Rezende, 2016, eq. 9): unbiased.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.codes import Codes, all_have_paths, log_density_at, score_of
from termwise.models.distributions import constant, values_of
from termwise.models.draw import Draw
from termwise.terms.score_function import centred
from termwise.values import Count, checked

GradientOfBound = Literal["plain", "stl", "dreg"]
"""How the gradient of the bound in the encoder's parameters is estimated."""


class MultiSampleBound:
    """-log 1/K sum_k w_k by example: minus a lower bound on log p(x), nats.

    Args:
        codes: K, how many of every example.
        gradient: "plain", "stl" or "dreg". The last two need codes with a pathwise gradient.

    Example:
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4).round())
        >>> MultiSampleBound(codes=8, gradient="dreg")(draw).shape
        torch.Size([5])
    """

    name, unit, memory = "multi_sample_bound", "nats", None

    @checked
    def __init__(self, codes: Count = 5, gradient: GradientOfBound = "plain") -> None:
        self.codes, self.gradient = codes, gradient
        self.label = f"importance weights of {codes} codes"
        self.bias = "unbiased for minus the bound, which is below log p(x)"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        posterior = draw.posterior
        if self.gradient != "plain" and not all_have_paths(posterior):
            raise Refused(
                f"gradient = {self.gradient!r} goes through the codes, and {type(posterior).__name__} gives none with "
                "a pathwise gradient. Take gradient = 'plain'."
            )
        codes = Codes.of(posterior, self.codes)
        codes = Codes(codes.centre.expand_as(codes.offset), codes.offset)  # (K, B, D): each code has its own gradient
        law = posterior if self.gradient == "plain" else constant(posterior)
        log_w = _log_likelihood(draw, codes) + _of_each(draw.prior, codes) - _of_each(law, codes)  # (K, B)
        if self.gradient == "dreg":
            _weigh_gradient(codes, log_w.detach().softmax(0).unsqueeze(-1))
        bound = log_mean_weight(log_w)
        score = score_of(posterior, codes)  # (K, B)
        if score is None:
            return -bound
        return -bound - (_credit(log_w.detach()) * (score - score.detach()).to(log_w.dtype)).sum(0)

    def of_no_code(self, draw: Draw) -> bool:
        """Always: its codes are its own, and so is their score."""
        return True


def log_mean_weight(log_w: Tensor) -> Tensor:
    """log 1/K sum_k w_k of log weights, shape (K, B): shape (B,), nats.

    Example:
        >>> log_mean_weight(torch.tensor([[0.0], [1.0]]))  # log (1 + e) / 2
        tensor([0.6201])
    """
    return log_w.logsumexp(0) - math.log(len(log_w))


def _credit(log_w: Tensor) -> Tensor:
    """What each code adds to the bound beyond the others, of log weights (K, B): shape (K, B)."""
    count = len(log_w)
    if count == 1:
        return centred(log_w.squeeze(0)).unsqueeze(0)
    others = (log_w.sum(0) - log_w) / (count - 1)
    itself = torch.eye(count, dtype=torch.bool, device=log_w.device).unsqueeze(-1)  # (K, K, 1)
    without = torch.where(itself, others.unsqueeze(1), log_w)  # (K, K, B): in row k, log w_k is the mean of the others'
    return log_w.logsumexp(0) - without.logsumexp(1)


def _of_each(law: Distribution, codes: Codes) -> Tensor:
    """log p(z) of codes, shape (K, B, D): shape (K, B), in their type."""
    with values_of(law, codes.z, "the prior"):
        return log_density_at(law, codes).to(codes.z.dtype)


def _log_likelihood(draw: Draw, codes: Codes) -> Tensor:
    """log p(x|z) of codes, shape (K, B, D): shape (K, B); in one pass where the encoder hands the decoder nothing."""
    if draw.context is not None:
        each = [draw.model.generate(z, draw.context) for z in codes.z]
        return torch.stack([likelihood.log_prob(draw.target) for likelihood in each])
    count = len(codes.z)
    likelihood = draw.model.generate(codes.z.flatten(0, 1), None)
    x = draw.target.repeat(count, *[1] * (draw.target.dim() - 1))
    with values_of(likelihood, x, "the likelihood"):
        return likelihood.log_prob(x).unflatten(0, (count, -1))


def _weigh_gradient(codes: Codes, weight: Tensor) -> None:
    """Have the gradient that reaches the codes, shape (K, B, D), multiplied by weights, (K, B, 1)."""
    for part in (codes.centre, codes.offset):
        if part.requires_grad:
            part.register_hook(lambda gradient: gradient * weight.to(gradient.dtype))
