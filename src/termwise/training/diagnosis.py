"""Who is at fault where a loss is not finite, and what no loss reaches; and what to do about it."""

import math

from torch import nn

from termwise.models.draw import Draw
from termwise.objectives.game import Game, Player, adversaries
from termwise.objectives.objective import Breakdown
from termwise.terms.adversarial.critic import Critic


class Untaught(UserWarning):
    """Weights that are to be trained, and that no term has a gradient for."""


def untaught(model: nn.Module, game: Game) -> str | None:
    """What to say of weights without a gradient after a step; None where every player who moved has all of them."""
    everything = nn.ModuleDict({"model": model, **game.networks})
    names = {id(held): name.removeprefix("model.") for name, held in everything.named_parameters()}
    found = []
    for player in game.players:
        own = [held for held in game.parameters(player, model) if held.requires_grad]
        idle = [names[id(held)] for held in own if held.grad is None]
        found += idle if len(idle) < len(own) else []
    if not found:
        return None
    some = ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
    return (
        f"No term of the objective has a gradient for {some}: there they stay as they began. Where that is a "
        "likelihood's sigma, take 'normal:optimal' or a fixed one; else look for layers that are never called."
    )


def verdict(game: Game, player: Player, found: Breakdown, draw: Draw, broken: str | None, step: int) -> str:
    """Sentences on a player's loss that is not finite.

    Args:
        game: Which the player is of.
        player: Whose loss it is.
        found: Its objective.
        draw: Of this draw.
        broken: The first player, in the order of play, whose weights are no longer finite; None where all are.
        step: When.
    """
    values = dict(zip(found.names, found.values.tolist(), strict=True))
    guilty = [name for name, value in values.items() if not math.isfinite(value)]
    said = ", ".join(f"{name} = {values[name]}" for name in guilty) or "no single term, but their weighted sum"
    sentence = f"The loss of {player.name!r} is not finite at step {step}: {said}. "
    at_fault, because = (player.name, "") if len(game.players) == 1 else _culprit(game, player, guilty, draw, broken)
    if because:
        sentence += f"The game diverged, and {at_fault!r} is at fault: {because}. "
    at_once = f" As early as this, look at the data and at the networks of {at_fault!r}, too." if step == 0 else ""
    return sentence + remedy(game, at_fault) + at_once


def _culprit(game: Game, player: Player, guilty: list[str], draw: Draw, broken: str | None) -> tuple[str, str]:
    """Whose fault it is, and why; no reason where it is the player's own."""
    first = game.players[0]
    critics = {term: one.name for term, one in adversaries(first.objective)}
    if broken is not None:
        return broken, "its weights are not finite"
    if not bool(draw.z.isfinite().all()):
        return first.name, "its weights are finite, and its codes are not"
    said = "its weights and the codes are finite, and what it says of them is not"
    if not game.networks.keys().isdisjoint(player.owns):
        return player.name, said
    if guilty and all(name in critics for name in guilty):
        return critics[guilty[0]], said
    return player.name, ""


def remedy(game: Game, at_fault: str) -> str:
    """What to do about a player who diverged."""
    if at_fault == game.players[0].name:
        return "Lower the learning rate, warm the weight of that term up, or set training.gradient_clip."
    penalty = ", penalise its gradient (gradient_penalty)" if isinstance(game.networks.get(at_fault), Critic) else ""
    return f"Lower the learning rate of {at_fault!r} (its optimizer){penalty}, or set training.gradient_clip."
