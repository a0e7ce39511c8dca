"""What is said of a model: readings, the table of what they are, accounts of them, and their comparison."""

from termwise.account.account import Account
from termwise.account.compare import Comparison, Comparisons, compare
from termwise.account.reading import Reading, ReadingByDimension
from termwise.account.reading_row import ReadingRow
from termwise.account.readings import READINGS

__all__ = ["READINGS", "Account", "Comparison", "Comparisons", "Reading", "ReadingByDimension", "ReadingRow", "compare"]
