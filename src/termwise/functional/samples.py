"""Terms that need samples or moments alone, and are in no nats: MMD^2, HSIC, and DIP-VAE's penalties."""

from typing import Any, Literal

from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.functional.given_draw import GivenDraw, Posterior, prior_over, seen, standard_normal
from termwise.models.distributions import one_each
from termwise.terms.groups import Numbers, dimensions_of
from termwise.terms.hsic import LEAST, pairwise_hsic
from termwise.terms.kernel import Kernel, KernelFunction, mmd2 as unbiased_mmd2
from termwise.terms.link import Link
from termwise.terms.moments import Moments


def mmd2(a: Tensor, b: Tensor, kernel: str | KernelFunction = "imq", **options: Any) -> Tensor:
    """The squared MMD of two sets of samples, in kernel units, shape (), may be negative: to be made small.

    Unbiased: Gretton et al. (2012, eq. 3).

    Args:
        a: Samples of one law, shape (M, D).
        b: Samples of the other, shape (N, D).
        kernel: "imq" or "rbf", or a function (M, D), (N, D) -> (M, N).
        options: The kernel's own, such as bandwidth=1.0 of "rbf".

    Example:
        >>> import torch
        >>> a = torch.tensor([[0.0], [0.1]])
        >>> mmd2(a, a + 100.0, "rbf", bandwidth=1.0) > 1.9
        tensor(True)
    """
    fit = isinstance(a, Tensor) and isinstance(b, Tensor) and a.dim() == 2 == b.dim()
    if not fit or a.shape[1] != b.shape[1]:
        raise Refused(
            f"Expected samples of both laws, shapes (M, D) and (N, D), of one width D; got {seen(a)} and {seen(b)}. "
            "flatten(1) makes pictures such, and unsqueeze(1) single numbers."
        )
    if min(len(a), len(b)) < 2:
        raise Refused(f"MMD^2 needs two samples of each law or more; got {len(a)} and {len(b)}.")
    return unbiased_mmd2(a, b, Kernel(kernel, **options).kernel)


def marginal_mmd2(
    z: Tensor, prior: Distribution | None = None, kernel: str | KernelFunction = "imq", **options: Any
) -> Tensor:
    """The squared MMD of codes from the prior, in kernel units, shape (), may be negative: to be made small.

    Against as many codes of the prior. Times 100 or so it is WAE-MMD's penalty (Tolstikhin et al., 2018, algorithm 2).

    Args:
        z: Codes of a batch, one of each example, shape (B, D), with their gradient.
        prior: p(z), or one of each example, whose samples together are compared; N(0, I) where left out.
        kernel, options: As of `mmd2`.

    Example:
        >>> import torch
        >>> marginal_mmd2(torch.full((50, 2), 9.0)) > marginal_mmd2(torch.randn(50, 2))
        tensor(True)
    """
    _check_codes(z)
    law = standard_normal(z.shape[1], z) if prior is None else prior_over(prior, *z.shape)
    return mmd2(z, one_each(law, len(z)), kernel, **options)


def hsic(z: Tensor, groups: Numbers = 1, kernel: str | KernelFunction = "rbf", **options: Any) -> Tensor:
    """The HSIC of groups of dimensions, in squared kernel units, shape (), may be negative: to be made small.

    Summed over pairs, unbiased (Song et al., 2012, eq. 5); HSIC-VAE's penalty (Lopez et al., 2018).

    Args:
        z: Codes of a batch, shape (B, D), of four examples or more.
        groups: Lists of dimensions that go together, such as [[0, 1], [2]]; or how many of them do, in order.
        kernel, options: As of `mmd2`.

    Example:
        >>> import torch
        >>> z = torch.randn(200, 1)
        >>> hsic(torch.cat([z, z], 1)) > hsic(torch.randn(200, 2))
        tensor(True)
    """
    _check_codes(z)
    if len(z) < LEAST:
        raise Refused(f"HSIC needs {LEAST} codes or more; got {len(z)}.")
    parts = [z[:, group] for group in dimensions_of(groups, z.shape[1])]
    return pairwise_hsic(parts, Kernel(kernel, **options).kernel)


def dip(
    posterior: Posterior, kind: Literal["i", "ii"] = "i", prior: Distribution | None = None
) -> tuple[Tensor, Tensor]:
    """DIP-VAE's penalties, off the diagonal and on it, in fourth powers of the codes' unit, shape (): to be made small.

    Kumar, Sattigeri and Balakrishnan (2018, eqs. 6 and 7): how far the covariance of the means, "i", or of the codes,
    "ii", is from the prior's.

    Args:
        posterior: q(z|x) of the batch: a Distribution, or (mean, log variance).
        kind: "i" or "ii".
        prior: p(z); N(0, I) where left out.

    Example:
        >>> import torch
        >>> mean = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
        >>> dip((mean, torch.zeros(2, 2)))  # a covariance of 2 everywhere
        (tensor(8.), tensor(2.))
    """
    if kind not in ("i", "ii"):
        raise Refused(f"DIP-VAE is of kind 'i' or 'ii'; got {kind!r}.")
    draw, moments = GivenDraw(posterior, prior=prior), Moments("means" if kind == "i" else "codes")
    off, on = (Link(*ends, moments)(draw) for ends in (("aggregate", "marginals"), ("marginals", "prior")))
    return off, on


def _check_codes(z: Tensor) -> None:
    if not isinstance(z, Tensor) or z.dim() != 2:
        raise Refused(f"Expected codes of shape (B, D); got {seen(z)}.")
