"""The inference gap of equation (1), and its two parts (Cremer, Li and Duvenaud, 2018, section 3).

    log p(x) - ELBO(q) = [log p(x) - ELBO(q*)] + [ELBO(q*) - ELBO(q)] = approximation + amortisation

q* is the best normal for each x, diagonal where q is. Written as z = mu + L (d + R e), e ~ N(0, I), it starts with mu
and L of whichever has the highest ELBO: q, or the normal at a mode of p(x, z), uphill of q's mean or of codes of the
prior. Adam then climbs E log p(x, z) - log q*(z) with the parameters in log q* held fixed, whose gradient has no
variance where q* is the true posterior (Roeder, Wu and Duvenaud, 2017). Where there are several best normals, as for a
posterior of several modes, it comes to the one that it began nearest to.

Whether it has arrived is asked of fresh codes. In coordinates e in which q* is N(0, I), r = e + grad log p(x, z) has at
the best normal E r = 0 and E r_i e_j = 0 for every entry of R; what a further step would gain is, to second order,

    1/2 |E r|^2 + 1/4 sum_j (E r_j e_j)^2 + 1/2 sum_i>j (E r_i e_j)^2   nats.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal

from termwise.errors import Refused
from termwise.measuring.log_likelihood.densities import Joint, normal_in_double, sampled
from termwise.measuring.log_likelihood.importance import log_weights
from termwise.measuring.log_likelihood.mode import mode
from termwise.measuring.log_likelihood.path import Path

STEPS = 400
"""Steps of Adam."""
RATE = 0.05
"""Adam's learning rate at its first step; it falls to zero by a cosine."""
CODES = 8
"""Codes of every example, at every step."""
FRESH = 64
"""Codes of every example by which starts are compared, and the end is judged."""
FROM_PRIOR = 2
"""Codes of the prior from which a mode is sought, beside q's mean."""
ENOUGH = 0.1
"""Nats of one example's ELBO: a search that lacks no more has arrived."""


@dataclass(frozen=True)
class BestNormal:
    """The normal of the highest ELBO that was found for every example.

    Attributes:
        law: Batch shape (B,), event shape (D,), float64.
        lacks: What a further step would gain, nats, shape (B,), but for chance.
    """

    law: MultivariateNormal
    lacks: Tensor


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


def best_normal(joint: Joint, posterior: Distribution) -> BestNormal:
    """The normal q* of the highest ELBO for every example, and how far the search was from its end.

    Raises:
        Refused: The posterior is neither a diagonal nor a full-covariance normal.
    """
    own = adaptable(posterior)
    diagonal = isinstance(own, Independent)
    start = _best_of(joint, _starts(joint, own, diagonal))
    law = _climbed(joint, start, diagonal)
    return BestNormal(law, _lacks(joint, law, diagonal))


def _starts(joint: Joint, own: Distribution, diagonal: bool) -> list[MultivariateNormal]:
    """The posterior itself, and the normals at modes uphill of its mean and of codes of the prior."""
    mean, spread = own.mean, own.stddev
    root = torch.diag_embed(spread) if diagonal else own.scale_tril  # type: ignore[attr-defined]
    starts = [MultivariateNormal(mean, scale_tril=root, validate_args=False)]
    path = Path(joint, own)
    shape = () if joint.prior.batch_shape else (len(mean),)
    for code in (mean, *(sampled(joint.prior, *shape) for _ in range(FROM_PRIOR))):
        top, precision = mode(path, code, spread)
        if diagonal:
            root = torch.diag_embed(precision.diagonal(dim1=-2, dim2=-1).rsqrt())
        else:
            root = torch.linalg.cholesky(torch.linalg.inv(precision))
        starts.append(MultivariateNormal(top, scale_tril=root, validate_args=False))
    return starts


def _best_of(joint: Joint, laws: list[MultivariateNormal]) -> MultivariateNormal:
    """For every example the one of the highest ELBO."""
    elbos = torch.stack([log_weights(joint, law, FRESH).mean(0).nan_to_num(-torch.inf) for law in laws])
    best, row = elbos.argmax(0), torch.arange(elbos.shape[1], device=elbos.device)
    mean, root = (torch.stack([getattr(law, part) for law in laws])[best, row] for part in ("loc", "scale_tril"))
    return MultivariateNormal(mean, scale_tril=root, validate_args=False)


def _climbed(joint: Joint, start: MultivariateNormal, diagonal: bool) -> MultivariateNormal:
    """Where Adam comes to from a start."""
    mean, outer = start.loc, start.scale_tril
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
    centre = mean + (outer @ shift.detach()[..., None]).squeeze(-1)
    return MultivariateNormal(centre, scale_tril=root, validate_args=False)


def _lacks(joint: Joint, law: MultivariateNormal, diagonal: bool) -> Tensor:
    """What a further step would gain, nats, shape (B,), less what chance alone would promise."""
    noise = torch.randn(FRESH, *law.loc.shape, dtype=torch.float64, device=law.loc.device)
    forces = []
    for e in noise.split(CODES):
        with torch.enable_grad():
            z = (law.loc + torch.einsum("bij,cbj->cbi", law.scale_tril, e)).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(joint(z).sum(), z)
        forces.append(e + torch.einsum("bij,cbi->cbj", law.scale_tril, gradient))
    force = torch.cat(forces)  # (C, B, D)
    of_mean = _squared(force.mean(0), force.square().mean(0))
    products = [torch.einsum("cbi,cbj->bij", force**power, noise**power) / FRESH for power in (1, 2)]
    of_root = _squared(*products)
    gain = 0.5 * of_mean.sum(-1) + 0.25 * of_root.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (gain if diagonal else gain + 0.5 * of_root.tril(-1).sum((-1, -2))).clamp(min=0)


def _squared(mean: Tensor, mean_square: Tensor) -> Tensor:
    """The square of an expectation, of which `FRESH` values have this mean: less the mean's own variance."""
    return mean.square() - (mean_square - mean.square()) / (FRESH - 1)
