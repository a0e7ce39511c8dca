"""What users are told of a training: who is at fault where it diverges, and which weights no loss reaches.

Each function gives sentences, which say what was found and what to do about it.
"""

import math
from pathlib import Path

from torch import nn

from termwise.models.block_law import blocks_of
from termwise.models.categories import Categories
from termwise.models.codewords_in_order import CodewordsInOrder
from termwise.models.draw import Draw
from termwise.models.vae import VAE
from termwise.objectives.game import Game, Player, adversaries
from termwise.objectives.objective import Breakdown
from termwise.terms.adversarial.critic import Critic


class NoGradient(UserWarning):
    """Weights that are to be trained, and that no term of the objective has a gradient for."""


def diagnose_idle_weights(model: nn.Module, game: Game) -> str | None:
    """What to say of weights without a gradient after a step; None where every player who moved has all of them."""
    everything = nn.ModuleDict({"model": model, **game.networks})
    names = {id(weight): name.removeprefix("model.") for name, weight in everything.named_parameters()}
    idle_names = []
    for player in game.players:
        own = [weight for weight in game.parameters(player, model) if weight.requires_grad]
        idle = [names[id(weight)] for weight in own if weight.grad is None]
        idle_names += idle if len(idle) < len(own) else []
    if not idle_names:
        return None
    if all(name.startswith("prior.") for name in idle_names):
        return (
            f"The prior learns, and no term of the objective has a gradient for it ({', '.join(idle_names[:4])}): it "
            f"stays as it began. Take a recipe with the rate, such as {_of_rate(model)}."
        )
    some = ", ".join(idle_names[:4]) + (f" and {len(idle_names) - 4} more" if len(idle_names) > 4 else "")
    return (
        f"No term of the objective has a gradient for {some}: there they stay as they began. Where that is a "
        "likelihood's sigma, take 'normal:optimal' or a fixed one; else look for layers that are never called."
    )


def _of_rate(model: nn.Module) -> str:
    """A recipe with the rate, of such codes as the prior is over; and, of numbers, a prior that needs none."""
    blocks = blocks_of(model.prior_law()) if isinstance(model, VAE) else ()
    if any(isinstance(block, CodewordsInOrder) for block in blocks):
        return "vq-vae or fsq"
    of_categories = any(isinstance(block, Categories) for block in blocks)
    return "vae" if of_categories else "vae; or a prior whose samples have a gradient, flow:4"


def diagnose_weights(game: Game, broken: str, step: int, checkpoint: Path, scale: str = "") -> str:
    """Sentences on weights that are no longer finite after a step.

    Args:
        game: The game that is played.
        broken: The first player, in the order of play, whose weights they are.
        step: How many steps were made.
        checkpoint: Where the last good checkpoint is.
        scale: Sentences on the scale of x, where that may be at fault.
    """
    whose = "The" if len(game.players) == 1 else f"The game diverged, and {broken!r} is at fault: its"
    return (
        f"{whose} weights are no longer finite after step {step}; the last good checkpoint is {checkpoint}. "
        f"{_remedy(game, broken, scale)}"
    )


def diagnose_loss(
    game: Game,
    player: Player,
    breakdown: Breakdown,
    draw: Draw,
    broken: str | None,
    step: int,
    checkpoint: Path,
    scale: str = "",
) -> str:
    """Sentences on a player's loss that is not finite.

    Args:
        game: The game that is played.
        player: Whose loss it is.
        breakdown: The player's objective on the draw.
        draw: Of a batch.
        broken: The first player, in the order of play, whose weights are no longer finite; None where all are.
        step: How many steps were made.
        checkpoint: Where the last good checkpoint is.
        scale: Sentences on the scale of x, where that may be at fault.
    """
    values = dict(zip(breakdown.names, breakdown.values.tolist(), strict=True))
    guilty = [name for name, value in values.items() if not math.isfinite(value)]
    terms = ", ".join(f"{name} = {values[name]}" for name in guilty) or "no single term, but their weighted sum"
    sentence = f"The loss of {player.name!r} is not finite at step {step}: {terms}. "
    at_fault, because = (player.name, "") if len(game.players) == 1 else _at_fault(game, player, guilty, draw, broken)
    if because:
        sentence += f"The game diverged, and {at_fault!r} is at fault: {because}. "
    at_once = (
        f" As early as this, look at the data and at the networks of {at_fault!r}, too."
        if step == 0 and not scale
        else ""
    )
    return f"{sentence}{_remedy(game, at_fault, scale)}{at_once} The last good checkpoint is {checkpoint}."


def diagnose_codes(game: Game, found: str, step: int, checkpoint: Path, scale: str = "") -> str:
    """Sentences on posteriors that a memory found to be none after a step.

    Args:
        game: The game that is played.
        found: What is not finite.
        step: How many steps were made.
        checkpoint: Where the last good checkpoint is.
        scale: Sentences on the scale of x, where that may be at fault.
    """
    remedy = _remedy(game, game.players[0].name, scale)
    return f"The model diverged by step {step}. {found} {remedy} The last good checkpoint is {checkpoint}."


def diagnose_held_out(game: Game, part: str, found: str, epoch: int, checkpoint: Path, scale: str = "") -> str:
    """Sentences on held-out data on which something is not finite, where the training's own loss was.

    Args:
        game: The game that is played.
        part: What was evaluated, such as "validation".
        found: What is not finite.
        epoch: How many epochs are done.
        checkpoint: Where the last good checkpoint is.
        scale: Sentences on the scale of x, where that may be at fault.
    """
    return (
        f"Not finite on the {part} part after epoch {epoch}, though the training's own loss was: {found.rstrip('.')}. "
        f"Either the training diverges, or these examples are unlike those trained on. "
        f"{_remedy(game, game.players[0].name, scale)} The last good checkpoint is {checkpoint}."
    )


def _at_fault(game: Game, player: Player, guilty: list[str], draw: Draw, broken: str | None) -> tuple[str, str]:
    """Whose fault it is that these terms are not finite, and why; no reason where it is the player's own."""
    first = game.players[0]
    critics = {term: adversary.name for term, adversary in adversaries(first.objective)}
    if broken is not None:
        return broken, "its weights are not finite"
    if not bool(draw.z.isfinite().all()):
        return first.name, "its weights are finite, and its codes are not"
    because = "its weights and the codes are finite, and what it says of them is not"
    if not game.networks.keys().isdisjoint(player.owns):
        return player.name, because
    if guilty and all(name in critics for name in guilty):
        return critics[guilty[0]], because
    return player.name, ""


def _remedy(game: Game, at_fault: str, scale: str) -> str:
    """What to do about a player who diverged: about the scale of x, before anything else."""
    if scale:
        return f"The scale of x is the likely cause: {scale}"
    if at_fault == game.players[0].name:
        return "Lower the learning rate, warm the weight of that term up, or set training.gradient_clip."
    penalty = ", penalise its gradient (gradient_penalty)" if isinstance(game.networks.get(at_fault), Critic) else ""
    return f"Lower the learning rate of {at_fault!r} (its optimizer){penalty}, or set training.gradient_clip."
