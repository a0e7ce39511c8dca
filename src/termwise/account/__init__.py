"""What is said of a model: readings, the table of what they are, accounts of them, and their comparison."""

from termwise.account.account import Account
from termwise.account.compare import Comparison, compare
from termwise.account.reading import Reading, ReadingByDimension
from termwise.account.readings import READINGS, ReadingRow

__all__ = ["READINGS", "Account", "Comparison", "Reading", "ReadingByDimension", "ReadingRow", "compare"]
