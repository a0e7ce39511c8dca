"""Nats -> weighted sums -> players: objectives, games, and the table of recipes."""

from termwise.objectives.game import Game, Player, solo
from termwise.objectives.objective import (
    Objective,
    Weighted,
    dimension_wise_kl,
    distortion,
    group_correlation,
    index_code_mi,
    index_code_mi_given_side,
    link,
    marginal_kl,
    rate,
    side_information,
    total_correlation,
    within_group_correlation,
)
from termwise.objectives.optimizers import OPTIMIZERS, OptimizerSettings
from termwise.objectives.recipes import RECIPES, Recipe, recipe
from termwise.objectives.shapes import floor, free_bits, gap
from termwise.schedules import Constant, Cosine, Cyclical, Linear, WarmUp

__all__ = [
    "OPTIMIZERS",
    "RECIPES",
    "Constant",
    "Cosine",
    "Cyclical",
    "Game",
    "Linear",
    "Objective",
    "OptimizerSettings",
    "Player",
    "Recipe",
    "WarmUp",
    "Weighted",
    "dimension_wise_kl",
    "distortion",
    "floor",
    "free_bits",
    "gap",
    "group_correlation",
    "index_code_mi",
    "index_code_mi_given_side",
    "link",
    "marginal_kl",
    "rate",
    "recipe",
    "side_information",
    "solo",
    "total_correlation",
    "within_group_correlation",
]
