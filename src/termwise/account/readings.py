"""The table of readings: a row says a reading's name, title, symbol, meaning, unit and term of the ELBO.

Tables, pages, cards, progress lines and the order of an account are read from these rows, here and nowhere else; so a
row from outside the package, added to `READINGS` or brought by the entry point "termwise.readings", is in all of them.

Symbols are plain text in which an underscore lowers the character after it, as in "q(z_j)".
"""

from functools import partial

from termwise.account.imputation_readings import OF_IMPUTATION
from termwise.account.likelihood_readings import OF_LIKELIHOOD
from termwise.account.player_readings import OF_PLAYERS
from termwise.account.rate_distortion_readings import OF_RATE_DISTORTION
from termwise.account.reading_row import LOG_N, ReadingRow
from termwise.account.side_readings import OF_SIDE, OF_SIDE_BY_PART, OF_SIDE_ON_ENDLESS_DATA, USE_OF_SIDE
from termwise.account.stationarity_readings import OF_STATIONARITY
from termwise.account.target_readings import OF_PREDICTION
from termwise.account.tokenizer_readings import OF_TOKENIZERS
from termwise.registry import Registry

_at_least_0 = partial(ReadingRow, least=0.0)
_score = partial(ReadingRow, unit="score", least=0.0, most=1.0)
_share = partial(ReadingRow, unit="share", least=0.0, most=1.0)

_ROWS = (
    ReadingRow(
        "distortion", "distortion", "−E log p(x|z)", "how poorly the reconstructions fit x", "distortion", short="dist"
    ),
    _at_least_0(
        "rate",
        "rate",
        "KL(q(z|x) ‖ p(z))",
        "what the code costs, beyond the prior",
        "rate",
        rests_on=("rate_by_dimension",),
    ),
    ReadingRow(
        "elbo", "ELBO", "−distortion − rate", "a lower bound on log p(x)", "elbo", sum_of={"distortion": -1, "rate": -1}
    ),
    *OF_STATIONARITY,
    ReadingRow(
        "elbo_upper_nwj",
        "ELBO from above, NWJ",
        "",
        "an upper bound in expectation, by a critic on data that it never saw",
        "elbo",
    ),
    ReadingRow(
        "elbo_upper_dv",
        "ELBO from above, DV",
        "",
        "an upper bound as samples grow, by a critic on data that it never saw",
        "elbo",
    ),
    ReadingRow(
        "index_code_mi",
        "index-code MI",
        "KL(q(z|x) ‖ q(z))",
        "how much a code tells of the example it came from",
        "mi",
        short="MI",
        least=0.0,
        most=LOG_N,
        at_most="rate",
    ),
    _at_least_0(
        "marginal_kl",
        "marginal KL",
        "KL(q(z) ‖ p(z))",
        "how far the codes, all together, lie from the prior",
        "marginal",
        short="marg",
        sum_of={"rate": 1, "index_code_mi": -1},
    ),
    _at_least_0(
        "total_correlation",
        "total correlation",
        "KL(q(z) ‖ ∏_j q(z_j))",
        "how much the dimensions depend on each other",
        "tc",
        short="TC",
        rests_on=("index_code_mi", "index_code_mi_by_dimension"),
    ),
    _at_least_0(
        "dimension_wise_kl",
        "dimension-wise KL",
        "∑_j KL(q(z_j) ‖ p(z_j))",
        "how far each dimension alone lies from the prior",
        "dw",
        short="DW",
        sum_of={"marginal_kl": 1, "total_correlation": -1},
    ),
    _at_least_0(
        "group_correlation",
        "group correlation",
        "KL(q(z) ‖ ∏_g q(z_g))",
        "how much groups of dimensions depend on each other",
        "tc",
        short="GC",
        at_most="total_correlation",
        rests_on=("index_code_mi",),
    ),
    _at_least_0(
        "within_group_correlation",
        "within-group correlation",
        "∑_g KL(q(z_g) ‖ ∏_j∈g q(z_j))",
        "how much the dimensions of a group depend on each other",
        "tc",
        short="WGC",
        sum_of={"total_correlation": 1, "group_correlation": -1},
    ),
    _at_least_0(
        "group_wise_kl",
        "group-wise KL",
        "∑_g KL(q(z_g) ‖ p(z_g))",
        "how far each group alone lies from the prior",
        "dw",
        short="GW",
        sum_of={"marginal_kl": 1, "group_correlation": -1},
    ),
    *OF_PREDICTION,
    *OF_SIDE,
    _at_least_0(
        "population_mi",
        "population MI",
        "I(x; z)",
        "what the code tells of x, on endless data",
        "mi",
        population_of="index_code_mi",
        at_most="rate",
    ),
    _at_least_0(
        "population_marginal_kl",
        "population marginal KL",
        "KL(q(z) ‖ p(z))",
        "marginal KL, on endless data",
        "marginal",
        population_of="marginal_kl",
    ),
    _at_least_0(
        "population_total_correlation",
        "population TC",
        "KL(q(z) ‖ ∏_j q(z_j))",
        "total correlation, on endless data",
        "tc",
        population_of="total_correlation",
    ),
    _at_least_0(
        "population_dimension_wise_kl",
        "population dim.-wise KL",
        "∑_j KL(q(z_j) ‖ p(z_j))",
        "dimension-wise KL, on endless data",
        "dw",
        population_of="dimension_wise_kl",
    ),
    *OF_SIDE_ON_ENDLESS_DATA,
    _at_least_0("rate_by_dimension", "rate by dimension", "KL(q(z_j|x) ‖ p(z_j))", "what each dimension costs", "rate"),
    ReadingRow("rate_by_block", "rate by block", "KL(q(z_b|x) ‖ p(z_b))", "what each block of the code costs", "rate"),
    _at_least_0("index_code_mi_by_block", "index-code MI by block", "KL(q(z_b|x) ‖ q(z_b))", "what each tells", "mi"),
    ReadingRow(
        "index_code_mi_by_dimension",
        "index-code MI by dimension",
        "KL(q(z_j|x) ‖ q(z_j))",
        "how much each dimension tells of the example",
        "mi",
        least=0.0,
        most=LOG_N,
        at_most="rate_by_dimension",
    ),
    _at_least_0(
        "dimension_wise_kl_by_dimension",
        "dimension-wise KL by dimension",
        "KL(q(z_j) ‖ p(z_j))",
        "how far each dimension lies from the prior",
        "dw",
        rests_on=("rate_by_dimension", "index_code_mi_by_dimension"),
    ),
    ReadingRow(
        "distortion_by_part",
        "distortion by part",
        "−E log p(x_m|z)",
        "how poorly each modality or observed site of x is fitted",
        "distortion",
        rests_on=("distortion",),
    ),
    ReadingRow(
        "shared_rate", "shared rate", "KL(q(θ) ‖ p(θ))", "what unknowns that all examples share cost, once", "rate"
    ),
    ReadingRow("shared_rate_by_site", "shared rate by site", "KL(q(θ_i) ‖ p(θ_i))", "what each of them costs", "rate"),
    *OF_SIDE_BY_PART,
    ReadingRow(
        "code_use",
        "use of the code",
        "E log p(x|z)/p(x|z′)",
        "what the decoder gains from an example's own code",
        "distortion",
        rests_on=("distortion",),
    ),
    USE_OF_SIDE,
    _at_least_0("sigma", "sigma", "σ", "the likelihood's standard deviation", "distortion", unit="data units"),
    _at_least_0("active_units", "active units", "", "dimensions whose mean moves with x", unit="units"),
    _at_least_0("codes_used", "codes used", "", "codewords that come at all", unit="codewords"),
    ReadingRow(
        "perplexity",
        "",
        "exp H(k)",
        "as many codewords, used alike, would be as hard to foretell",
        unit="codewords",
        least=1.0,
    ),
    _at_least_0("dead_codes", "dead codes", "", "codewords that never come", unit="codewords"),
    _at_least_0(
        "commitment_error",
        "commitment error",
        "|e − sg v|²",
        "how far what the encoder gives is from its codewords",
        unit="squared",
    ),
    _at_least_0(
        "codebook_error",
        "codebook error",
        "|sg e − v|²",
        "how far codewords that learn by gradient are from what came to them",
        unit="squared",
    ),
    _at_least_0(
        "marginal_mmd2",
        "marginal MMD²",
        "MMD²(q(z), p(z))",
        "how unlike the prior the codes are, to a kernel of which all accounts of as many dimensions have the same",
        "marginal",
        unit="MMD^2",
        most=14.0,  # twice the kernel of a code with itself, a sum of 7 scales
    ),
    _at_least_0(
        "total_correlation_mmd2",
        "total correlation MMD²",
        "MMD²(q(z), ∏_j q(z_j))",
        "how much the dimensions depend, to a kernel",
        "tc",
        unit="MMD^2",
    ),
    _at_least_0(
        "dimension_wise_mmd2",
        "dimension-wise MMD²",
        "MMD²(∏_j q(z_j), p(z))",
        "how unlike the prior the marginals are, to a kernel",
        "dw",
        unit="MMD^2",
    ),
    _at_least_0(
        "group_correlation_hsic",
        "HSIC of groups",
        "HSIC(z_g, z_h)",
        "how much groups of dimensions depend on each other, pair by pair, to a kernel",
        "tc",
        unit="HSIC",
    ),
    _at_least_0(
        "total_correlation_covariance2",
        "squared correlation",
        "∑_i≠j Cov(z_i, z_j)²",
        "how much the dimensions go together in a line",
        "tc",
        unit="covariance^2",
    ),
    _at_least_0(
        "dimension_wise_covariance2",
        "squared excess variance",
        "∑_j (Var z_j − Var_p z_j)²",
        "how far the variance of each dimension is from the prior's",
        "dw",
        unit="covariance^2",
    ),
    ReadingRow(
        "multi_sample_bound",
        "multi-sample bound",
        "−log 1/K ∑_k w_k",
        "minus a bound of several codes on log p(x), at least as tight as the ELBO",
        "elbo",
    ),
    *OF_PLAYERS,
    _at_least_0("reference_kl", "reference KL", "KL(q(z|x) ‖ r(z|x))", "how unlike a normal the posterior is", "mi"),
    ReadingRow(
        "reference_to_prior",
        "reference to prior",
        "E_q log r(z|x)/p(z)",
        "what that normal costs, beyond the prior",
        "marginal",
    ),
    *OF_LIKELIHOOD,
    *OF_RATE_DISTORTION,
    _score("mig", "MIG", "", "mutual information gap, by the exact mixture"),
    _score("mig_binned", "MIG, binned", "", "mutual information gap, of binned means"),
    _score("modularity", "", "", "each dimension tells of one factor"),
    ReadingRow(
        "explicitness",
        "",
        "",
        "how well a line tells each value of a factor from the rest",
        unit="score",
        least=-1.0,
        most=1.0,
    ),
    _score("beta_vae_score", "β-VAE score", "", "a fixed factor told from differences of codes"),
    _score("factor_vae_score", "FactorVAE score", "", "a fixed factor told from the steadiest dimension"),
    _score("dci_disentanglement", "DCI disentanglement", "", "each dimension of use for one factor"),
    _score("dci_completeness", "DCI completeness", "", "each factor in one dimension"),
    _score("dci_informativeness", "DCI informativeness", "", "how well factors are read off the code"),
    _score("sap", "SAP", "", "separated attribute predictability"),
    _score("irs", "IRS", "", "interventional robustness"),
    _at_least_0(
        "gaussian_tc_of_means",
        "Gaussian TC of means",
        "",
        "total correlation of the means, were they normal: infinite where one is made of others",
        "tc",
    ),
    _at_least_0("gaussian_tc_of_aggregate", "Gaussian TC", "", "total correlation of q(z), were it normal", "tc"),
    _at_least_0(
        "frechet_distance",
        "Fréchet distance",
        "",
        "of normals with the moments of features: it falls as examples grow in number",
        unit="FD",
    ),
    _at_least_0(
        "frechet_distance_extrapolated",
        "Fréchet distance, extrapolated",
        "",
        "carried on to infinitely many examples",
        unit="FD",
    ),
    _at_least_0("kernel_distance", "kernel distance", "MMD²", "of features, under a cubic kernel", unit="MMD^2"),
    _share("precision", "precision", "", "how much of what is made lies among real examples"),
    _share("recall", "recall", "", "how many real examples lie among what is made"),
    _at_least_0(
        "density", "density", "", "how many real neighbourhoods hold an example that is made, of k", unit="ratio"
    ),
    _share("coverage", "coverage", "", "how many real neighbourhoods hold anything that is made"),
    _at_least_0("sharpness", "sharpness", "", "variance of the Laplacian: low of what is blurred", unit="pixel^2"),
    _share("classifier_accuracy", meaning="how often the features' network is right on new examples"),
    _share("classifier_majority", meaning="how often the most frequent answer is right"),
    *OF_IMPUTATION,
    *OF_TOKENIZERS,
    _share("attribute_reconstructed_lacking", meaning="of examples without it, reconstructions judged so"),
    _share("attribute_reconstructed_having", meaning="of examples with it, reconstructions judged so"),
    _share("attribute_success_before", meaning="reconstructions judged as an edit would have them"),
    _share("attribute_success", meaning="edits judged as asked"),
    _share("attribute_added", meaning="edits that add it, judged as asked"),
    _share("attribute_removed", meaning="edits that take it away, judged as asked"),
    _share("attribute_generated_before", meaning="samples judged to have it"),
    _share("attribute_generated", meaning="samples to which it was added, judged to have it"),
    _share("attribute_others_kept", meaning="other attributes judged as before an edit"),
    _at_least_0("identity_scale", meaning="how far apart two reconstructions' features are", unit="distance"),
    _at_least_0("identity_distance", meaning="how far an edit moves features", unit="distance"),
    ReadingRow(
        "attribute_cosine", meaning="of attributes asked for and predicted", unit="cosine", least=-1.0, most=1.0
    ),
    _at_least_0("attribute_squared_error", meaning="of attributes asked for and predicted", unit="squared"),
)

READINGS = Registry("reading", "termwise.readings", _ROWS)
"""Every reading, in the order in which accounts and charts show them; those of other packages last."""
