"""Any model -> an account of readings."""

from termwise.measuring.elbo.measure import measure

__all__ = ["measure"]
