"""Any model -> an account of readings."""

from termwise.measure.account import Account, Reading
from termwise.measure.compare import Comparison, compare
from termwise.measure.decomposition import measure

__all__ = ["Account", "Comparison", "Reading", "compare", "measure"]
