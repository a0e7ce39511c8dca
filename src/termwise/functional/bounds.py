"""Lower bounds on log p(x) as functions: to be made large, so that a loss is minus one of them."""

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.functional.given_draw import SUM, Posterior, Reduction, reduced, seen
from termwise.functional.links import rate
from termwise.terms.multi_sample import log_mean_weight


def elbo(
    log_likelihood: Tensor,
    posterior: Posterior,
    z: Tensor | None = None,
    prior: Distribution | None = None,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """The ELBO, log p(x|z) less the rate, in nats, the batch's mean: to be made large.

    It is at most log p(x) in the mean.

    Args:
        log_likelihood: log p(x|z) of each example, summed over what x is made of, shape (B,).
        posterior, z, prior, reduction: As of `rate`.

    Example:
        >>> import torch
        >>> elbo(torch.full((8,), -3.0), (torch.ones(8, 2), torch.zeros(8, 2)))
        tensor(-4.)
    """
    if not isinstance(log_likelihood, Tensor):
        raise Refused(
            "Expected elbo(log_likelihood, posterior, z) in this order, log_likelihood a Tensor of shape (B,); got "
            f"{seen(log_likelihood)} in its place."
        )
    spent = rate(posterior, z, prior, reduction="none")
    if log_likelihood.shape != spent.shape:
        raise Refused(
            f"Expected log_likelihood of shape {tuple(spent.shape)}, one an example; got {seen(log_likelihood)}. {SUM}"
        )
    return reduced(log_likelihood - spent, reduction)


def iwae_bound(log_weights: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The importance-weighted bound, log 1/K sum_k w_k, in nats, the batch's mean: to be made large.

    Burda, Grosse and Salakhutdinov (2016, eq. 8); the ELBO at K = 1, log p(x) as K grows.

    Args:
        log_weights: log p(x|z_k) + log p(z_k) - log q(z_k|x), z_k ~ q(z|x), shape (K, B).
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> iwae_bound(torch.tensor([[0.0], [0.0]]))
        tensor(0.)
    """
    if log_weights.dim() != 2:
        raise Refused(f"Expected log weights of K codes of B examples, shape (K, B); got {tuple(log_weights.shape)}.")
    return reduced(log_mean_weight(log_weights), reduction)
