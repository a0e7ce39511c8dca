"""The rows of readings of how far a normal model is from a stationary point of its ELBO."""

from termwise.account.reading_row import ReadingRow

OF_STATIONARITY = (
    ReadingRow(
        "three_entropies",
        "sum of three entropies",
        "H(q(z|x)) − H(p(z)) − H(p(x|z))",
        "what the ELBO is at a stationary point of a normal model",
        "elbo",
    ),
    ReadingRow(
        "stationarity_gap",
        "gap to a stationary point",
        "ELBO − three entropies",
        "0 where training has converged, on the examples trained on; parts of two signs may cancel",
        "elbo",
        short="stat",
        sum_of={"elbo": 1, "three_entropies": -1},
    ),
    ReadingRow(
        "stationarity_gap_of_likelihood",
        "its part of the likelihood",
        "H(p(x|z)) − distortion",
        "above 0 where sigma is larger than the residuals are",
        "distortion",
        rests_on=("distortion",),
    ),
    ReadingRow(
        "stationarity_gap_of_code",
        "its part of the code",
        "½ ∑_j (1 − E z_j²)",
        "above 0 where codes are smaller than the prior's",
        "rate",
    ),
)
"""Their sum, what the ELBO lacks to it or is above it, and that in two parts."""
