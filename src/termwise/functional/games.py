"""What players of a game minimise, as functions of the logits of a critic or a discriminator; or of features."""

from torch import Tensor

from termwise.errors import Refused
from termwise.functional.given_draw import Reduction, reduced
from termwise.terms.adversarial.critic_loss import cross_entropy
from termwise.terms.adversarial.divergences import Divergence, Function, divergence_from
from termwise.terms.adversarial.gan_loss import deception, feature_gap, telling_apart


def critic_loss(left: Tensor, right: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The critic's loss, softplus(-T_left) + softplus(T_right), in nats, the mean: to be made small, by the critic.

    It is 2 log 2 where T tells nothing. The T of the least loss is log left/right, the log ratio of the two laws
    (Goodfellow et al., 2014).

    Args:
        left: T at samples of the left law, shape (B,).
        right: T at as many samples of the right law, shape (B,).
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> critic_loss(torch.zeros(4), torch.zeros(4))
        tensor(1.3863)
    """
    _check(left, right)
    return reduced(cross_entropy(left, right), reduction)


def f_divergence(log_ratio: Tensor, f: str | Divergence | Function = "kl", *, reduction: Reduction = "mean") -> Tensor:
    """The f-divergence of left from right, by log ratios, in its unit, the mean: a value, no gradient.

    D_f = E_left[f(r) / r], r = e^t (Csiszar, 1967): 0 where the laws are one. Its gradient in the samples is another
    function's, `f_divergence_loss`.

    Args:
        log_ratio: t = log left/right, such as a critic's T, at samples of the left law, shape (B,).
        f: "kl", "reverse-kl", "pearson", "neyman", "hellinger", "jensen-shannon" and more, or f itself.
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> f_divergence(torch.tensor([0.0, 1.0]))
        tensor(0.5000)
    """
    return reduced(divergence_from(f).value(log_ratio.detach()), reduction)


def f_divergence_loss(
    left: Tensor, right: Tensor | None = None, f: str | Divergence | Function = "kl", *, reduction: Reduction = "mean"
) -> Tensor:
    """What samples learn from, E_left f'(r) - E_right f*(f'(r)), in the divergence's unit, the mean: to be made small.

    Its gradient is the divergence's where T is the log ratio (Nguyen, Wainwright and Jordan, 2010), and its value the
    variational bound. The critic's parameters are to stand still: give T by a critic whose weights have no gradient.

    Args:
        left: T at samples of the left law, shape (B,), with their gradient.
        right: T at samples of the right law, shape (B,), where these move, too; left out where they stand still, and
            then the value is the first part alone.
        f: As of `f_divergence`.
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> f_divergence_loss(torch.zeros(4), torch.zeros(4))
        tensor(0.)
    """
    divergence = divergence_from(f)
    loss = divergence.pathwise(left)
    if right is not None:
        _check(left, right)
        loss = loss - divergence.conjugate(right)
    return reduced(loss, reduction)


def gan_loss(real: Tensor, *fakes: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The discriminator's loss, -log D(x) - sum log(1 - D(fake)), in nats, the mean: to be made small, by it.

    Larsen et al. (2016, eq. 8), where fakes are reconstructions and samples; the decoder makes it large.

    Args:
        real: Logits of data, shape (B,).
        fakes: Logits of what is decoded, shape (B,) each.
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> gan_loss(torch.zeros(4), torch.zeros(4), torch.zeros(4))  # 3 log 2
        tensor(2.0794)
    """
    for fake in fakes:
        _check(real, fake)
    return reduced(telling_apart(real, *fakes), reduction)


def non_saturating_loss(*fakes: Tensor, reduction: Reduction = "mean") -> Tensor:
    """The decoder's loss, -sum log D(fake), in nats, the mean: to be made small, by the decoder.

    Goodfellow et al. (2014, section 3), in the place of minus the `gan_loss`: it moves most where D is sure.

    Args:
        fakes: Logits of what is decoded, shape (B,) each, with the decoder's gradient.
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> non_saturating_loss(torch.zeros(4))  # log 2
        tensor(0.6931)
    """
    return reduced(deception(*fakes), reduction)


def feature_distortion(real: Tensor, reconstructed: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """The distortion of features, 1/2 |f(x) - f(x_rec)|^2, in squared units of theirs, the mean: to be made small.

    Summed over them: minus the log of a normal likelihood of the features, up to a constant (Larsen et al., 2016, eq.
    7). The features of x are a target, and get no gradient.

    Args:
        real: Features of data, shape (B, ...).
        reconstructed: Features of reconstructions, of the same shape.
        reduction: "mean" or "sum", shape (); "none", (B,).

    Example:
        >>> import torch
        >>> feature_distortion(torch.zeros(4, 3), torch.ones(4, 3))
        tensor(1.5000)
    """
    _check(real, reconstructed)
    return reduced(feature_gap(real.flatten(1), reconstructed.flatten(1)), reduction)


def _check(one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise Refused(f"Expected as many of both, of one shape; got {tuple(one.shape)} and {tuple(other.shape)}.")
