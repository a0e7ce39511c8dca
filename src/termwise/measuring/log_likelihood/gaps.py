"""The inference gap of equation (1), and its two parts (Cremer, Li and Duvenaud, 2018, section 3).

    log p(x) - ELBO(q) = [log p(x) - ELBO(q*)] + [ELBO(q*) - ELBO(q)] = approximation + amortisation

q* is the best normal for each x, diagonal where q is. Written as z = mu + L (d + R e), e ~ N(0, I), with q's own mean
mu and root L, it starts at q: d = 0, R = I. Adam then climbs E log p(x, z) - log q*(z) with the parameters in log q*
held fixed, whose gradient has no variance where q* is the true posterior (Roeder, Wu and Duvenaud, 2017).
"""

import torch
from torch.distributions import Distribution, Independent, MultivariateNormal

from termwise.errors import Refused
from termwise.measuring.log_likelihood.densities import Joint, normal_in_double

STEPS = 400
"""Steps of Adam."""
RATE = 0.05
"""Adam's learning rate at its first step; it falls to zero by a cosine."""
CODES = 8
"""Codes of every example, at every step."""


def adaptable(posterior: Distribution) -> Distribution:
    """The posterior as one whose best member can be sought, float64.

    Raises:
        Refused: It is neither a diagonal nor a full-covariance normal.
    """
    law = normal_in_double(posterior)
    if law is None:
        raise Refused(
            "The inference gap is split for diagonal and full-covariance normal posteriors, whose best member can be "
            f"sought; this one is a {type(posterior).__name__}. Leave split_gap out."
        )
    return law


def best_normal(joint: Joint, posterior: Distribution) -> Distribution:
    """The normal q* of the highest ELBO for every example: batch shape (B,), event shape (D,), float64.

    Raises:
        Refused: The posterior is neither a diagonal nor a full-covariance normal.
    """
    start = adaptable(posterior)
    diagonal = isinstance(start, Independent)
    mean = start.mean
    outer = torch.diag_embed(start.stddev) if diagonal else start.scale_tril  # type: ignore[attr-defined]
    below = torch.zeros_like(outer[0]) if diagonal else torch.ones_like(outer[0]).tril(-1)
    shift, log_scale, rest = torch.zeros_like(mean), torch.zeros_like(mean), torch.zeros_like(outer)
    parameters = [p.requires_grad_() for p in (shift, log_scale, rest)]
    adam = torch.optim.Adam(parameters, lr=RATE)
    calmer = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    for _ in range(STEPS):
        with torch.enable_grad():
            root = torch.diag_embed(log_scale.exp()) + below * rest
            noise = torch.randn(CODES, *mean.shape, dtype=torch.float64, device=mean.device)
            inner = shift + torch.einsum("bij,cbj->cbi", root, noise)
            z = mean + torch.einsum("bij,cbj->cbi", outer, inner)
            standard = torch.linalg.solve_triangular(root.detach(), (inner - shift.detach())[..., None], upper=False)
            log_q = -0.5 * standard.squeeze(-1).square().sum(-1)  # but for what has no gradient
            loss = (log_q - joint(z)).mean(0).sum()
            gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
        adam.step()
        calmer.step()
    root = outer @ (torch.diag_embed(log_scale.exp()) + below * rest).detach()
    return MultivariateNormal(mean + (outer @ shift.detach()[..., None]).squeeze(-1), scale_tril=root)
