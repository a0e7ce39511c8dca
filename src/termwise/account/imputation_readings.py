"""The rows of what is said of filled entries: how far off they are, beside what means and commonest words would do."""

from functools import partial

from termwise.account.reading_row import ReadingRow

_apart = partial(ReadingRow, unit="standard deviations", least=0.0)
_share = partial(ReadingRow, unit="share", least=0.0, most=1.0)

OF_IMPUTATION = (
    _apart(
        "imputation_error",
        "imputation error",
        "(E((x̂ − x)/s)²)^1/2",
        "how far hidden numbers lie from what fills them, in standard deviations of their column",
    ),
    _apart("imputation_error_of_means", "the same of means", "", "how far they lie from the mean of their column"),
    ReadingRow(
        "imputation_calibration",
        "imputation calibration",
        "(E((x̂ − x)/spread)²)^1/2",
        "errors beside the spread that was said: 1 where it is right, above 1 where it is too small",
        unit="spreads",
        least=0.0,
    ),
    _share("imputation_accuracy", "imputation accuracy", "", "how many hidden words, and truths, are filled right"),
    _share("imputation_accuracy_of_commonest", "the same of the commonest", "", "how many the commonest would be"),
)
"""The rows by the order in which they are shown."""
