"""The rows of readings of a decoder's rate-distortion curve, and of how far its encoder is from it."""

from termwise.account.reading_row import ReadingRow

OF_RATE_DISTORTION = (
    ReadingRow(
        "excess_rate",
        "rate above the best",
        "rate − R(distortion)",
        "how many nats less would do for the same distortion, with the same decoder",
        "rate",
    ),
    ReadingRow(
        "excess_distortion",
        "distortion above the best",
        "distortion − D(rate)",
        "how many nats better the same rate could fit, with the same decoder",
        "distortion",
    ),
    ReadingRow(
        "rate_by_beta",
        "rate by beta",
        "KL(p_β(z|x) ‖ p(z))",
        "what the decoder's best code costs at each beta",
        "rate",
        least=0.0,
    ),
    ReadingRow(
        "distortion_by_beta",
        "distortion by beta",
        "−E log p(x|z)",
        "how poorly x is fitted from the decoder's best code at each beta",
        "distortion",
    ),
    ReadingRow(
        "log_partition_by_beta",
        "log partition function by beta",
        "log ∫ p(z) p(x|z)^(1/β) dz",
        "minus the least of rate + distortion / β, over all encoders",
        "elbo",
    ),
)
"""Those of its encoder, and those of the curve, a number for each beta of the account's data."""
