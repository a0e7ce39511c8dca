"""Nats -> weighted sums -> players: schedules, objectives, games, and the table of recipes."""

from termwise.objectives.game import Game, OptimizerSettings, Player, solo
from termwise.objectives.objective import Objective, Weighted, distortion, floor, gap, link
from termwise.objectives.recipes import RECIPES, recipe
from termwise.objectives.schedule import Constant, Cosine, Cyclical, Linear, WarmUp

__all__ = [
    "RECIPES",
    "Constant",
    "Cosine",
    "Cyclical",
    "Game",
    "Linear",
    "Objective",
    "OptimizerSettings",
    "Player",
    "WarmUp",
    "Weighted",
    "distortion",
    "floor",
    "gap",
    "link",
    "recipe",
    "solo",
]
