"""log p(x): importance weights, annealing, bounds from both sides, and the inference gap."""

from termwise.measuring.log_likelihood.bdmc import Certificate
from termwise.measuring.log_likelihood.log_likelihood import log_likelihood
from termwise.measuring.log_likelihood.result import LogLikelihood

__all__ = ["Certificate", "LogLikelihood", "log_likelihood"]
