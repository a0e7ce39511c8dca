"""Worlds: models whose answers are known, with data for them and the exact value of every term."""

from termwise.worlds.conditional import ConditionalLinearGaussian
from termwise.worlds.discrete import DiscreteWorld
from termwise.worlds.four_points import best_four_points, four_points
from termwise.worlds.grid import Grid
from termwise.worlds.levels import LinearGaussianLevels
from termwise.worlds.linear_gaussian import LinearGaussian
from termwise.worlds.markov import MarkovWorld
from termwise.worlds.random_worlds import bimodal_world, mixture_world, random_world
from termwise.worlds.triangular import TriangularMap, implicit_world
from termwise.worlds.world import World

__all__ = [
    "ConditionalLinearGaussian",
    "DiscreteWorld",
    "Grid",
    "LinearGaussian",
    "LinearGaussianLevels",
    "MarkovWorld",
    "TriangularMap",
    "World",
    "best_four_points",
    "bimodal_world",
    "four_points",
    "implicit_world",
    "mixture_world",
    "random_world",
]
