"""The rows of readings of what is foretold: of a model's target, or of labels by a classifier of its own."""

from termwise.account.reading_row import ReadingRow

OF_PREDICTION = (
    ReadingRow(
        "prediction_accuracy",
        "accuracy of predictions",
        "",
        "how often the likeliest category is the true one",
        unit="share",
        least=0.0,
        most=1.0,
    ),
    ReadingRow(
        "prediction_cross_entropy",
        "cross-entropy of predictions",
        "−E log p(t|x)",
        "how badly a category or a number is foretold of x, its law averaged over codes",
        "distortion",
    ),
    ReadingRow(
        "prediction_r2",
        "R² of predictions",
        "",
        "the share of a number's variance that is foretold",
        unit="share",
        most=1.0,
    ),
    ReadingRow(
        "prediction_rmse",
        "RMSE of predictions",
        "",
        "how far what is foretold is from the number",
        unit="units of the target",
        least=0.0,
    ),
    ReadingRow(
        "target_information",
        "target information",
        "H(t) + E log p(t|z)",
        "what the decoder reads of the target off a code: at most I(z; t)",
        "mi",
        short="I(z;t)",
    ),
)
"""Of categories and of numbers; the last is of a model's target alone."""
