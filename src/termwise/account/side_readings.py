"""The rows of readings of what stands beside x: what the code knows of it, and beyond it."""

from functools import partial

from termwise.account.reading_row import ReadingRow

_at_least_0 = partial(ReadingRow, least=0.0)

OF_SIDE = (
    _at_least_0(
        "index_code_mi_given_side",
        "MI given what stands beside",
        "I(x; z|s)",
        "how much a code tells of its example, beyond s",
        "mi",
        short="MI|s",
        sum_of={"index_code_mi": 1, "side_information": -1},
    ),
    _at_least_0(
        "side_information",
        "side information",
        "I(z; s)",
        "how much a code tells of what stands beside x",
        "mi",
        short="side",
        at_most="side_entropy",
        rests_on=("index_code_mi",),
    ),
    _at_least_0("side_entropy", "entropy of what stands beside", "H(s)", "the most that a code can tell of it"),
    _at_least_0(
        "marginal_kl_given_side",
        "marginal KL given what stands beside",
        "KL(q(z|s) ‖ p)",
        "how far the codes of each s lie from the prior, p(z) or p(z|s)",
        "marginal",
        short="marg|s",
        sum_of={"rate": 1, "index_code_mi_given_side": -1},
    ),
    _at_least_0(
        "side_and_total_correlation",
        "side and total correlation",
        "KL(q(z|s) ‖ ∏_j q(z_j))",
        "how much the dimensions depend on each other, and on s",
        "tc",
    ),
    _at_least_0(
        "side_and_group_correlation",
        "side and group correlation",
        "KL(q(z|s) ‖ ∏_g q(z_g))",
        "how much groups of dimensions depend on each other, and on s",
        "tc",
    ),
    ReadingRow(
        "side_information_kl_by_classifier",
        "side information, by classifier",
        "E log D(s|z) − log p(s)",
        "how much of what stands beside x a classifier reads off the code",
        "mi",
    ),
    _at_least_0(
        "side_information_mmd2",
        "side information MMD²",
        "∑_s p_s MMD²(q(z|s), q(z))",
        "how unlike the codes of each s are, to a kernel",
        "mi",
        unit="MMD^2",
    ),
)
"""Of the examples measured."""

USE_OF_SIDE = ReadingRow(
    "side_use",
    "use of what stands beside",
    "E log p(x|z, s)/p(x|z, s′)",
    "what the decoder gains from an example's own value of what stands beside x",
    "distortion",
    rests_on=("distortion",),
)
"""Of a model whose decoder takes it, beside `code_use`."""

OF_SIDE_ON_ENDLESS_DATA = (
    _at_least_0(
        "population_mi_given_side",
        "population MI given side",
        "I(x; z|s)",
        "MI given what stands beside, on endless data",
        "mi",
        population_of="index_code_mi_given_side",
    ),
    _at_least_0(
        "population_side_information",
        "population side information",
        "I(z; s)",
        "side information, on endless data",
        "mi",
        population_of="side_information",
    ),
    _at_least_0(
        "population_marginal_kl_given_side",
        "population marginal KL given side",
        "KL(q(z|s) ‖ p)",
        "marginal KL given what stands beside x, on endless data",
        "marginal",
        population_of="marginal_kl_given_side",
    ),
)
"""The same for the population."""

OF_SIDE_BY_PART = (
    _at_least_0(
        "side_information_by_dimension",
        "side information by dimension",
        "I(z_j; s)",
        "how much each dimension tells of what stands beside x",
        "mi",
        rests_on=("index_code_mi_by_dimension",),
    ),
    _at_least_0(
        "side_information_by_variable",
        "side information by variable",
        "I(z; s_v)",
        "how much a code tells of each variable",
        "mi",
        at_most="side_entropy_by_variable",
        rests_on=("index_code_mi",),
    ),
    ReadingRow(
        "side_use_by_variable",
        "use of each variable beside",
        "E log p(x|z, s)/p(x|z, s_v′)",
        "what the decoder gains from an example's own value of each variable",
        "distortion",
        rests_on=("distortion",),
    ),
    _at_least_0("side_entropy_by_variable", "entropy by variable", "H(s_v)", "the most that it can tell of each"),
)
"""By dimension of the code, and by variable."""
