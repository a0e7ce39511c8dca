"""Learned similarity: what the three players of VAE-GAN minimise (Larsen et al., 2016, with the signs as they must be).

    L_GAN               = -[log D(x) + log(1 - D(x_rec)) + log(1 - D(x_gen))]         the discriminator
    feature distortion  = 1/2 |Dis_l(x) - Dis_l(x_rec)|^2, summed over the layer      the encoder, beside the rate
    gamma * feature distortion - L_GAN                                                the decoder

Dis_l(x) is a target: no gradient passes through it. Whose parameters a term moves is the game's affair.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import softplus

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.critic_loss import accuracy
from termwise.terms.adversarial.data_laws import ExampleLaw, RealExamples, ReconstructedExamples, decoded_law
from termwise.terms.adversarial.discriminator import Discriminator


def telling_apart(real: Tensor, *fakes: Tensor) -> Tensor:
    """-log D(x) - sum log(1 - D(fake)) of logits, shape (B,) each: shape (B,), nats."""
    return sum((softplus(fake) for fake in fakes), start=softplus(-real))


def deception(*fakes: Tensor) -> Tensor:
    """-sum log D(fake) of logits, shape (B,) each: shape (B,), nats."""
    return torch.stack([softplus(-fake) for fake in fakes], 1).sum(1)


def feature_gap(target: Tensor, features: Tensor) -> Tensor:
    """1/2 |target - features|^2, the target without gradient, shape (B, F) each: shape (B,)."""
    return 0.5 * (target.detach() - features).square().sum(1)


class _OfDiscriminator:
    """A term that is taken from a discriminator's logits. Abstract."""

    unit, bias, memory = "nats", "unbiased", None
    of_whole_examples = True
    """A network sees them beside decoded ones, in which nothing is missing: it would tell them by their gaps."""

    def __init__(self, discriminator: Discriminator, fakes: Sequence[str] = ("reconstruction", "generated")) -> None:
        if not fakes or len(set(fakes)) < len(fakes):
            raise Refused(f"A discriminator has one real law against one fake or more, each once; got {list(fakes)}.")
        self.discriminator = discriminator
        self.real: ExampleLaw = RealExamples()
        self.fakes = tuple(decoded_law(name) for name in fakes)
        self.label = f"logits of data against {' and '.join(fakes)}"

    def logits(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """T of real examples, shape (B,), and of decoded ones, (B, fakes)."""
        real = self.discriminator.at(self.real, draw).logit
        return real, torch.stack([self.discriminator.at(law, draw).logit for law in self.fakes], 1)


class GanLoss(_OfDiscriminator):
    """The loss L_GAN, which the discriminator minimises and the decoder maximises.

    Args:
        discriminator: Who tells them apart.
        fakes: The laws of decoded examples, of "reconstruction" and "generated".
    """

    name = "gan_loss"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        real, fake = self.logits(draw)
        return telling_apart(real, *fake.unbind(1))


class NonSaturating(_OfDiscriminator):
    """-[log D(x_rec) + log D(x_gen)], in place of -L_GAN: it moves the decoder most where D is sure.

    Goodfellow et al. (2014, section 3).
    """

    name = "non_saturating_loss"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        return deception(*self.logits(draw)[1].unbind(1))


class LossOn(_OfDiscriminator):
    """-log D of real examples, or -log(1 - D) of one decoded law's, without gradient: log 2 where D tells nothing.

    Args:
        discriminator: Who tells them apart.
        law: "data", or one of the laws of decoded examples.
    """

    def __init__(self, discriminator: Discriminator, law: str) -> None:
        super().__init__(discriminator, ("generated",) if law == "data" else (law,))
        self.is_real, self.name = law == "data", f"loss_on_{law}"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        real, fake = self.logits(draw)
        return softplus(-real.detach() if self.is_real else fake[:, 0].detach())


class DiscriminatorAccuracy(_OfDiscriminator):
    """How well the discriminator does, real and decoded examples weighing alike."""

    name, unit = "accuracy", "share"

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), between 0 and 1."""
        real, fake = self.logits(draw)
        return accuracy(real.unsqueeze(1).expand_as(fake), fake).mean(1)


class FeatureDistortion:
    """1/2 |Dis_l(x) - Dis_l(x_rec)|^2: minus log of a normal likelihood of the features, up to a constant."""

    name, unit, label, bias, memory = (
        "feature_distortion",
        "features^2",
        "a layer of the discriminator",
        "unbiased",
        None,
    )
    of_whole_examples = True

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), in squared units of the features."""
        target = self.discriminator.at(RealExamples(), draw).features
        return feature_gap(target, self.discriminator.at(ReconstructedExamples(), draw).features)
