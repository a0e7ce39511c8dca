"""What is said of a model: readings, accounts of them, and their comparison."""

from termwise.account.compare import Comparison, compare
from termwise.account.reading import Account, Reading

__all__ = ["Account", "Comparison", "Reading", "compare"]
