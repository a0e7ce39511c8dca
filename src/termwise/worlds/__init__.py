"""Models whose answers are known: data, a model, and the exact value of every term."""

from termwise.worlds.linear_gaussian import LinearGaussian

__all__ = ["LinearGaussian"]
