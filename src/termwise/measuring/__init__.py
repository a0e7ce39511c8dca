"""Any model -> an account of readings."""

from termwise.measuring.account import Account, Reading
from termwise.measuring.compare import Comparison, compare
from termwise.measuring.decomposition import measure

__all__ = ["Account", "Comparison", "Reading", "compare", "measure"]
