"""What missing entries may have been: filled in, drawn several times, with their spread; and how far off that is."""

from termwise.measuring.imputation.hidden import imputation_error
from termwise.measuring.imputation.imputation import Imputation
from termwise.measuring.imputation.impute import impute

__all__ = ["Imputation", "imputation_error", "impute"]
