"""Who sits a round out, so that neither decoder nor discriminator runs away (Larsen et al., 2016, their code).

    the discriminator, where it is too strong: -log D(x), or the mean of -log(1 - D(decoded)), is below level - margin
    the decoder, where the discriminator is too weak: one of them is above level + margin

and nobody where both hold. At log 2 = 0.69 a discriminator tells nothing.
"""

from dataclasses import dataclass

from termwise.errors import Refused
from termwise.objectives.game import Moves


@dataclass(frozen=True)
class Equilibrium:
    """The rule, for players called "decoder" and "discriminator", who move at once.

    Attributes:
        level: Of both losses, nats.
        margin: How far either may be from it.

    Example:
        >>> import torch
        >>> from termwise.objectives.objective import Breakdown
        >>> losses = torch.tensor([0.05, 0.06, 0.04])  # the discriminator is never wrong
        >>> names = ("loss_on_data", "loss_on_reconstruction", "loss_on_generated")
        >>> Equilibrium()({"discriminator": Breakdown(losses.sum(), names, tuple(losses), (0.0,) * 3)})
        {'discriminator'}
    """

    level: float = 0.68
    margin: float = 0.35

    def __post_init__(self) -> None:
        if not (self.level > 0 and self.margin >= 0):
            raise Refused(f"An equilibrium needs a level above 0 and a margin of 0 or more; got {self}.")

    def __call__(self, moves: Moves) -> set[str]:
        """The names of the players who sit this round out, from what each found its objective to be."""
        terms = moves["discriminator"]
        loss = dict(zip(terms.names, terms.values.tolist(), strict=True))
        on_decoded = [loss[name] for name in ("loss_on_reconstruction", "loss_on_generated") if name in loss]
        losses = loss["loss_on_data"], sum(on_decoded) / len(on_decoded)
        idle = set()
        if min(losses) < self.level - self.margin:
            idle.add("discriminator")
        if max(losses) > self.level + self.margin:
            idle.add("decoder")
        return idle if len(idle) == 1 else set()
