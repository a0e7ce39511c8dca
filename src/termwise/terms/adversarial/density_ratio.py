"""f-divergences by a critic, between any two laws that can be sampled.

    critic:       E_left softplus(-T) + E_right softplus(T)         lowest at T = log left/right
    autoencoder:  E_left f'(e^T) - E_right f*(f'(e^T)), T's parameters constants: the pathwise gradient of D_f
    plug-in:      E_left[f(e^T) / e^T], the value; NEITHER bound (ratio_bounds.py has those that are)

The term over the right law is left out where that law stands still. For the KL its gradient is -E_left[d log right],
codes constants: it vanishes where the right law is a margin of the left one, and for a prior that learns it is taken
so, which needs no critic.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.codes import all_have_paths
from termwise.models.draw import Draw
from termwise.models.drawable import prior_of
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Critic, as_constants
from termwise.terms.adversarial.critic_loss import Accuracy, CrossEntropy, GradientPenalty, MeanLogit
from termwise.terms.adversarial.divergences import Divergence, Function, divergence_from
from termwise.terms.laws import Law
from termwise.terms.link import Term
from termwise.terms.link_names import LINK_NAMES

MARGINS = ("aggregate", "groups", "marginals")
"""The laws that move with the autoencoder when they stand on the right: margins of the law on the left."""


class DensityRatio:
    """An f-divergence of two laws that can be sampled, by a critic that plays beside the autoencoder.

    Its value is the plug-in's; its gradient is the pathwise one, and reaches no parameter of the critic.

    Args:
        divergence: One of `DIVERGENCES`, or a convex f with f(1) = 0, or where one is, "module:function".
        critic: Who tells the laws apart; two layers of 256 where left out. Each link needs its own.
        moves: How often the critic moves for every move of the autoencoder.
        optimizer: How it moves: OptimizerSettings, or a table of them; the training's where left out.
        swapped: Take the divergence of the right law from the left one.

    Raises:
        Refused: The divergence has no pathwise gradient, as total variation has none.

    Example:
        >>> from termwise.objectives import distortion, link, solo
        >>> tc = link("aggregate", "marginals", DensityRatio("kl", Critic(hidden=(64,)), moves=2))
        >>> [player.name for player in solo(distortion() + 6.0 * tc).players]
        ['autoencoder', 'critic of total correlation']
    """

    name = "density-ratio"

    def __init__(
        self,
        divergence: str | Divergence | Function = "kl",
        critic: Critic | None = None,
        *,
        moves: int = 1,
        optimizer: Any = None,
        swapped: bool = False,
    ) -> None:
        chosen = divergence_from(divergence)
        self.divergence = chosen.swapped() if swapped else chosen
        _check_moves(self.divergence)
        if moves < 1:
            raise Refused(f"A critic must move once a round or more; got moves={moves}.")
        self.critic = Critic() if critic is None else critic
        self.moves, self.optimizer = moves, optimizer
        self.quantity, self.unit = f"{self.divergence.title} by critic", self.divergence.unit
        self.label = f"{self.divergence.title} plug-in of a critic"

    def check(self, left: Law, right: Law) -> None:
        """Any two laws that can be sampled; the fixed feature is the standard normal prior's alone."""
        if left.name == right.name:
            raise Refused(f"A link from {left.name} to itself is zero; leave it out.")
        if self.critic.quadratic and right.name != "prior":
            raise Refused(f"A quadratic critic needs the prior on the right; got {left.name} -> {right.name}.")
        if "conditional" in (left.name, right.name) and (left.name, right.name) != ("conditional", "aggregate"):
            raise Refused(
                f"A critic has no samples of one group alone to learn q(z|s) by: got {left.name} -> {right.name}. "
                "Use MonteCarlo(aggregate=Bank()); from conditional to aggregate a critic tells codes beside their own "
                "s from codes beside another's."
            )

    def check_laws(self, left: Law, right: Law, draw: Draw) -> None:
        """Raise Refused where the prior learns, or the codes of q(z) do, and the divergence has no gradient in it.

        An f that is named by its module is imported here, before the first step.
        """
        _check_moves(self.divergence.loaded())
        if right.name in MARGINS and self.divergence.name != "kl" and not all_have_paths(draw.posterior):
            raise Refused(
                f"The gradient of the {self.divergence.title} divergence from {left.name} to {right.name} goes through "
                "the codes of both, and these have no path. Take divergence 'kl', or codes with a gradient, such as "
                "straight-through ones (gradient = 'straight-through')."
            )
        if right.name == "prior" and self.divergence.name != "kl" and not draw.prior.has_rsample:
            with torch.enable_grad():
                learns = prior_of(draw.model, draw.side).log_prob(draw.z.detach()).requires_grad
            if learns:
                raise self._without_gradient(draw)

    def _without_gradient(self, draw: Draw) -> Refused:
        return Refused(
            f"The prior learns, and the gradient of the {self.divergence.title} divergence in it needs samples with a "
            f"pathwise gradient, which {type(draw.prior).__name__} does not give. Take divergence 'kl', which needs "
            "its log_prob alone, or a prior with rsample, such as flow:4."
        )

    def bias(self, link: str) -> str:
        """Neither bound: the value is the plug-in of a trained critic, on whichever link."""
        return "plug-in of a trained critic: NEITHER bound"

    def samples(self, left: Law, right: Law, draw: Draw) -> tuple[Tensor, Tensor]:
        """Codes of both laws, shape (B, D) each, the same for a draw however often they are asked for.

        Where the left law is given x, those of the aggregate are of other examples.
        """
        others = draw.independent if left.given_x and right.name == "aggregate" else draw
        return self._sample(left, draw), self._sample(right, others)

    def _sample(self, law: Law, draw: Draw) -> Tensor:
        return draw.once(("sample", self, law.name), lambda: law.sample(draw))

    def logits(self, left: Law, right: Law, draw: Draw) -> tuple[Tensor, Tensor]:
        """T at fresh samples of both laws, shape (B,) each; codes are constants, the critic's parameters are not."""

        def compute() -> tuple[Tensor, Tensor]:
            one, other = self.logits_at([z.detach() for z in self.samples(left, right, draw)], left, draw)
            return one, other

        return draw.once(("logits", self, left.name, right.name), compute)

    def contests(self, left: Law, right: Law, draw: Draw) -> tuple[Tensor, Tensor]:
        """The logits that the critic learns by, of what it is to call left, and of what right: those of both laws."""
        return self.logits(left, right, draw)

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B,): the plug-in's values, with the gradient of the divergence."""
        f = self.divergence
        with as_constants(self.critic.parameters()):
            t = self.logit(self._sample(left, draw), left, draw)
            objective = f.pathwise(t)
            if (moved := self._of_the_right(left, right, draw)) is not None:
                objective = objective - moved
        return f.value(t).detach() + (objective - objective.detach())

    def _of_the_right(self, left: Law, right: Law, draw: Draw) -> Tensor | None:
        """What the right law's motion takes off the objective, shape (B,), up to a constant; None if nothing."""
        f, learns = self.divergence, None
        if right.name == "prior":
            learns = right.log_prob(self._sample(left, draw).detach(), draw)
            if not learns.requires_grad:
                return None
        elif right.name not in MARGINS:
            return None
        if f.name == "kl":
            return learns
        codes = self.samples(left, right, draw)[1]
        if not codes.requires_grad and learns is not None:
            raise self._without_gradient(draw)
        return f.conjugate(self.logit(codes, left, draw))

    def adversaries(self, link: str, left: Law, right: Law) -> tuple[Adversary, ...]:
        """The critic, who minimises the cross-entropy and perhaps a penalty; accuracy and mean logits are logged."""

        def contests(draw: Draw) -> tuple[Tensor, Tensor]:
            return self.contests(left, right, draw)

        terms: list[tuple[float, Term]] = [(1.0, CrossEntropy(contests)), (0.0, Accuracy(contests))]
        terms += [(0.0, MeanLogit("left_logit", contests)), (0.0, MeanLogit("right_logit", contests))]
        if self.critic.gradient_penalty:
            penalty = GradientPenalty(
                lambda draw: self.samples(left, right, draw), lambda z, draw: self.logit(z, left, draw)
            )
            terms.append((0.5 * self.critic.gradient_penalty, penalty))
        name = f"critic of {LINK_NAMES.get((left.name, right.name), link)}".replace("_", " ")
        build = partial(self.critic.build, given_x=left.given_x, given_side=left.name == "conditional")
        return (Adversary(name, self.critic, build, tuple(terms), self.moves, self.optimizer),)

    def logit(self, z: Tensor, left: Law, draw: Draw) -> Tensor:
        """T at codes z, shape (B, D), of the draw's examples: shape (B,)."""
        return self.logits_at([z], left, draw)[0]

    def logits_at(self, several: Sequence[Tensor], left: Law, draw: Draw) -> tuple[Tensor, ...]:
        """T at several batches of codes of the draw's examples: shape (B,) each."""
        return self.critic.at_all(several, self.critic.given(draw) if left.given_x else None)


def _check_moves(divergence: Divergence) -> None:
    """Raise Refused where a divergence has no pathwise gradient."""
    if not divergence.differentiable:
        raise Refused(
            f"The {divergence.title} divergence has no pathwise gradient: f' does not move with the ratio. "
            "Train with another, such as 'jensen-shannon' or 'hellinger', and read this one afterwards."
        )
