"""One critic between two joint laws of examples and codes (Dumoulin et al., 2017; Donahue et al., 2017).

    left, the encoder's   p_hat(x) q(z|x)          right, the decoder's   p(z) p(x|z)

The critic minimises E_left softplus(-T) + E_right softplus(T), and its best T is their log ratio. The autoencoder
minimises the same with the labels exchanged, E_left softplus(T) + E_right softplus(-T) (algorithm 1), which moves both
laws to each other; where they meet, q(z|x) is the posterior of the decoder, and neither distortion nor rate was asked.
Decoded examples are E[x|z], as other discriminators see them (`data_laws.py`).
"""

from functools import partial
from typing import Any

from torch import Tensor
from torch.nn.functional import softplus

from termwise.models.draw import Draw
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Critic, as_constants
from termwise.terms.adversarial.critic_loss import Accuracy, CrossEntropy, MeanLogit
from termwise.terms.adversarial.data_laws import GeneratedExamples


class JointDeception:
    """E_left softplus(T) + E_right softplus(-T): what the autoencoder minimises; 2 log 2 where the laws are one.

    Args:
        critic: Who tells the pairs (x, z) of both laws apart; its parameters are constants here.

    Example:
        >>> import torch
        >>> from termwise.models import VAE
        >>> draw, critic = Draw(VAE.build((4,), 3), torch.rand(5, 4)), Critic(hidden=(8,))
        >>> critic.build(draw, given_x=True)
        >>> JointDeception(critic)(draw).shape
        torch.Size([5])
    """

    name, unit, label, bias, memory = "joint_deception", "nats", "a critic of x and z", "of a trained critic", None
    of_whole_examples = True

    def __init__(self, critic: Critic) -> None:
        self.critic = critic
        self.generated = GeneratedExamples()

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats; its gradient reaches encoder, decoder and a prior that learns."""
        with as_constants(self.critic.parameters()):
            left = self.critic(draw.z, draw.given)
            right = self.critic(draw.prior_codes, draw.beside(self.generated.sample(draw)))
        return softplus(left) + softplus(-right)

    def logits(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """T at pairs of both laws, shape (B,) each; pairs are constants, the critic's parameters are not."""

        def compute() -> tuple[Tensor, Tensor]:
            generated = draw.beside(self.generated.sample(draw).detach())
            return self.critic(draw.z.detach(), draw.given), self.critic(draw.prior_codes.detach(), generated)

        return draw.once(("joint logits", self), compute)

    def adversary(self, moves: int = 1, optimizer: Any = None) -> Adversary:
        """The critic as a player."""
        terms = (
            (1.0, CrossEntropy(self.logits)),
            (0.0, Accuracy(self.logits)),
            (0.0, MeanLogit("left_logit", self.logits)),
            (0.0, MeanLogit("right_logit", self.logits)),
        )
        build = partial(self.critic.build, given_x=True)
        return Adversary("critic of joint laws", self.critic, build, terms, moves, optimizer)
