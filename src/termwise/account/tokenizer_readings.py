"""The rows of a tokenizer report: what codes of channels and places cost and say, their scale, and what they keep."""

from functools import partial

from termwise.account.reading_row import ReadingRow

_at_least_0 = partial(ReadingRow, least=0.0)

OF_TOKENIZERS = (
    _at_least_0("bits", "rate in bits", "KL(q(z|x) ‖ p(z)) / log 2", "what a code costs, in bits", "rate", unit="bits"),
    ReadingRow(
        "dead_channels",
        "dead channels",
        "",
        "channels whose numbers x moves by 1 % of their variance at the most",
        unit="channels",
        least=0.0,
    ),
    _at_least_0(
        "rate_at_a_place",
        "rate at a place",
        "",
        "what the channels of a code cost at one place",
        "rate",
        sum_of={"channel_mi": 1, "channel_marginal_kl": 1},
    ),
    _at_least_0(
        "channel_mi",
        "channel MI",
        "KL(q(z_p|x) ‖ q(c))",
        "what a code at a place says of which example, and which place, it is of",
        "mi",
    ),
    _at_least_0(
        "channel_marginal_kl",
        "channel marginal KL",
        "KL(q(c) ‖ p(c))",
        "how far codes at a place, over examples and places together, are from the prior",
        "marginal",
        sum_of={"channel_total_correlation": 1, "channel_dimension_wise_kl": 1},
    ),
    _at_least_0(
        "channel_total_correlation",
        "channel total correlation",
        "KL(q(c) ‖ ∏_c q(c))",
        "how much the channels depend on each other, over examples and places together",
        "tc",
    ),
    _at_least_0(
        "channel_dimension_wise_kl",
        "channel-wise KL",
        "∑_c KL(q(c) ‖ p(c))",
        "how far the channels, one by one, are from the prior",
        "dw",
    ),
    _at_least_0(
        "channel_gaussian_tc",
        "channel Gaussian TC",
        "−1/2 log det Corr z",
        "the total correlation of channels, were they normal",
        "tc",
    ),
    _at_least_0(
        "scaling_factor", "scaling factor", "1/sd(z)", "by which codes have a variance of 1, all together", unit="1/sd"
    ),
    ReadingRow("latent_mean", "mean of codes", "E z", "of all numbers of a channel", unit="units of z"),
    _at_least_0("latent_std", "sd of codes", "sd z", "of all numbers of a channel", unit="units of z"),
    _at_least_0(
        "reconstruction_mse", "squared error", "", "of reconstructions, the mean over numbers of x", unit="x^2"
    ),
    ReadingRow("psnr", "PSNR", "10 log10 R²/MSE", "how near reconstructions are, R being the data's range", unit="dB"),
    ReadingRow("ssim", "SSIM", "", "how alike reconstructions are in structure", unit="score", least=-1.0, most=1.0),
    _at_least_0(
        "reconstruction_frechet_distance",
        "Fréchet distance of reconstructions",
        "",
        "of the features of one half's reconstructions and the other half's examples",
        unit="FD",
    ),
    ReadingRow(
        "reconstruction_kernel_distance",
        "kernel distance of reconstructions",
        "MMD²",
        "the same, under a cubic kernel",
        unit="MMD^2",
    ),
)
"""The rows by the order in which they are shown."""
