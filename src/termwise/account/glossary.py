"""What each reading and each stop of the walk is called, written and for.

Symbols are plain text in which an underscore lowers the character after it, as in "q(z_j)".
"""

import re
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Entry:
    """A name for people, the symbol in the mathematics, one line of meaning, the colour it has in figures, its unit."""

    title: str
    symbol: str = ""
    meaning: str = ""
    hue: str = "other"
    unit: str = "nats"


READINGS = {
    "distortion": Entry("distortion", "−E log p(x|z)", "how poorly the reconstructions fit x", "distortion"),
    "rate": Entry("rate", "KL(q(z|x) ‖ p(z))", "what the code costs, beyond the prior", "rate"),
    "elbo": Entry("ELBO", "−distortion − rate", "a lower bound on log p(x)", "elbo"),
    "elbo_upper_nwj": Entry(
        "ELBO from above, NWJ", "", "an upper bound in expectation, by a critic on data that it never saw", "elbo"
    ),
    "elbo_upper_dv": Entry(
        "ELBO from above, DV", "", "an upper bound as samples grow, by a critic on data that it never saw", "elbo"
    ),
    "index_code_mi": Entry(
        "index-code MI", "KL(q(z|x) ‖ q(z))", "how much a code tells of the example it came from", "mi"
    ),
    "marginal_kl": Entry(
        "marginal KL", "KL(q(z) ‖ p(z))", "how far the codes, all together, lie from the prior", "marginal"
    ),
    "total_correlation": Entry(
        "total correlation", "KL(q(z) ‖ ∏_j q(z_j))", "how much the dimensions depend on each other", "tc"
    ),
    "dimension_wise_kl": Entry(
        "dimension-wise KL", "∑_j KL(q(z_j) ‖ p(z_j))", "how far each dimension alone lies from the prior", "dw"
    ),
    "marginal_mmd2": Entry(
        "marginal MMD²", "MMD²(q(z), p(z))", "how unlike the prior the codes are, to a kernel", "marginal"
    ),
    "total_correlation_mmd2": Entry(
        "total correlation MMD²", "MMD²(q(z), ∏_j q(z_j))", "how much the dimensions depend, to a kernel", "tc"
    ),
    "dimension_wise_mmd2": Entry(
        "dimension-wise MMD²", "MMD²(∏_j q(z_j), p(z))", "how unlike the prior the marginals are, to a kernel", "dw"
    ),
    "accuracy": Entry(
        "critic's accuracy", "", "1/2 where the laws are alike to the critic; 1 where it never errs", unit="share"
    ),
    "cross_entropy": Entry(
        "critic's cross-entropy", "", "what the critic minimises: 2 log 2 = 1.39 where it cannot tell the laws apart"
    ),
    "reference_cross_entropy": Entry(
        "reference's cross-entropy", "−E log r(z|x)", "what the reference minimises: least where it is the posterior"
    ),
    "gan_loss": Entry(
        "GAN loss",
        "L_GAN",
        "what the discriminator minimises and the decoder maximises: log 2 for each law where nothing is told apart",
    ),
    "non_saturating_loss": Entry(
        "non-saturating loss", "−log D", "what the decoder minimises in place of −L_GAN: large where D is sure"
    ),
    "loss_on_data": Entry("loss on real examples", "−log D(x)", "log 2 = 0.69 of a discriminator that tells nothing"),
    "loss_on_reconstruction": Entry(
        "loss on reconstructions", "−log(1 − D)", "above 0.69 where it takes them for real"
    ),
    "loss_on_generated": Entry("loss on samples", "−log(1 − D)", "near 0 where the decoder learns nothing of them"),
    "feature_distortion": Entry(
        "feature distortion",
        "1/2 |Dis_l(x) − Dis_l(x_rec)|²",
        "how unlike a reconstruction is to a layer of the discriminator",
        "distortion",
        "features²",
    ),
    "left_logit": Entry(
        "mean logit", "E T", "T = log left/right, so zero where the laws are alike, and apart by as much as they are"
    ),
    "right_logit": Entry("mean logit of the right law", "E T", "the same, of the other law"),
    "gradient_penalty": Entry("critic's squared slope", "E|∇T|²", "how steep the critic is", unit=""),
    "reference_kl": Entry("reference KL", "KL(q(z|x) ‖ r(z|x))", "how unlike a normal the posterior is", "mi"),
    "reference_to_prior": Entry(
        "reference to prior", "E_q log r(z|x)/p(z)", "what that normal costs, beyond the prior", "marginal"
    ),
    "active_units": Entry("active units", "", "dimensions whose mean moves with x"),
    "rate_by_dimension": Entry("rate by dimension", "KL(q(z_j|x) ‖ p(z_j))", "what each dimension costs", "rate"),
    "dimension_wise_kl_by_dimension": Entry(
        "dimension-wise KL by dimension", "KL(q(z_j) ‖ p(z_j))", "how far each dimension lies from the prior", "dw"
    ),
    "log_likelihood": Entry("log-likelihood", "log p(x)", "what the model gives the data, codes summed out", "elbo"),
    "inference_gap": Entry("inference gap", "log p(x) − ELBO", "what the posterior's form and fit cost", "marginal"),
    "log_likelihood_jackknife": Entry(
        "log-likelihood, jackknifed", "log p(x)", "less the bound's first-order bias", "elbo"
    ),
    "iwae": Entry("IWAE", "E log mean p(x, z)/q(z|x)", "the importance-weighted bound on log p(x)", "elbo"),
    "approximation_gap": Entry(
        "approximation gap", "log p(x) − ELBO(q*)", "what the posterior's form costs", "marginal"
    ),
    "amortisation_gap": Entry("amortisation gap", "ELBO(q*) − ELBO(q)", "what one encoder for all x costs", "marginal"),
    "effective_sample_size": Entry("effective samples", "(∑ w)² / ∑ w²", "how many samples carry log p(x)"),
    "bdmc_lower": Entry("BDMC, from below", "", "log p(x) of simulated data, annealed forwards"),
    "bdmc_upper": Entry("BDMC, from above", "", "log p(x) of simulated data, annealed backwards"),
    "bdmc_gap": Entry("BDMC gap", "", "how far apart the two bounds lie"),
    "mig": Entry("MIG", "", "mutual information gap, by the exact mixture"),
    "mig_binned": Entry("MIG, binned", "", "mutual information gap, of binned means"),
    "beta_vae_score": Entry("β-VAE score", "", "a fixed factor told from differences of codes"),
    "factor_vae_score": Entry("FactorVAE score", "", "a fixed factor told from the steadiest dimension"),
    "dci_disentanglement": Entry("DCI disentanglement", "", "each dimension of use for one factor"),
    "dci_completeness": Entry("DCI completeness", "", "each factor in one dimension"),
    "dci_informativeness": Entry("DCI informativeness", "", "how well factors are read off the code"),
    "sap": Entry("SAP", "", "separated attribute predictability"),
    "irs": Entry("IRS", "", "interventional robustness"),
    "gaussian_tc_of_means": Entry("Gaussian TC of means", "", "total correlation of the means, were they normal", "tc"),
    "gaussian_tc_of_aggregate": Entry("Gaussian TC", "", "total correlation of q(z), were it normal", "tc"),
    "population_mi": Entry("population MI", "I(x; z)", "what the code tells of x, on endless data", "mi"),
    "population_marginal_kl": Entry(
        "population marginal KL", "KL(q(z) ‖ p(z))", "marginal KL, on endless data", "marginal"
    ),
    "population_total_correlation": Entry(
        "population TC", "KL(q(z) ‖ ∏_j q(z_j))", "total correlation, on endless data", "tc"
    ),
    "population_dimension_wise_kl": Entry(
        "population dim.-wise KL", "∑_j KL(q(z_j) ‖ p(z_j))", "dimension-wise KL, on endless data", "dw"
    ),
    "index_code_mi_by_dimension": Entry(
        "index-code MI by dimension", "KL(q(z_j|x) ‖ q(z_j))", "how much each dimension tells of the example", "mi"
    ),
    "code_use": Entry(
        "use of the code", "E log p(x|z)/p(x|z′)", "what the decoder gains from an example's own code", "distortion"
    ),
    "frechet_distance": Entry(
        "Fréchet distance", "", "of normals with the moments of features: it falls as examples grow in number", unit=""
    ),
    "frechet_distance_extrapolated": Entry(
        "Fréchet distance, extrapolated", "", "carried on to infinitely many examples", unit=""
    ),
    "kernel_distance": Entry("kernel distance", "MMD²", "of features, under a cubic kernel", unit=""),
    "precision": Entry("precision", "", "how much of what is made lies among real examples", unit="share"),
    "recall": Entry("recall", "", "how many real examples lie among what is made", unit="share"),
    "density": Entry("density", "", "how many real neighbourhoods hold an example that is made, of k", unit=""),
    "coverage": Entry("coverage", "", "how many real neighbourhoods hold anything that is made", unit="share"),
    "sharpness": Entry("sharpness", "", "variance of the Laplacian: low of what is blurred", unit="pixel²"),
    "sigma": Entry("sigma", "σ", "the likelihood's standard deviation", "distortion"),
}

STOPS = {
    "posterior": Entry("posterior", "q(z|x)"),
    "reference": Entry("reference", "r(z|x)"),
    "aggregate": Entry("aggregate", "q(z)"),
    "groups": Entry("groups", "∏_g q(z_g)"),
    "marginals": Entry("marginals", "∏_j q(z_j)"),
    "prior": Entry("prior", "p(z)"),
    "data": Entry("data", "x"),
    "reconstruction": Entry("reconstruction", "p(x|z)"),
    "generated": Entry("generated", "p(x)"),
}


BY_CRITIC = "_by_critic"
OF_CRITIC = {
    BY_CRITIC: ("{}, by critic", "the plug-in of a critic's T: no bound on either side"),
    "_nwj": ("{} NWJ", "a lower bound in expectation, by a critic on data that it never saw"),
    "_dv": ("{} DV", "a lower bound as samples grow, by a critic on data that it never saw"),
}
"""By how their names end: what readings by a critic are called, of their link, and mean."""

SPELLED = (("kl", "KL"), ("gan", "GAN"), ("hellinger", "Hellinger"), ("jensen shannon", "Jensen-Shannon"),
           ("pearson", "Pearson"), ("neyman", "Neyman"), ("chi 2", "χ²"), ("jeffreys", "Jeffreys"))  # fmt: skip


def reading(name: str) -> Entry:
    """The entry of a reading; one that is not known goes by its own name, a critic's with its link's colour."""
    if name in READINGS:
        return READINGS[name]
    for ending, (title, meaning) in OF_CRITIC.items():
        if name.endswith(ending):
            link = name.removesuffix(ending).replace("_", " ")
            known = (entry.hue for kl, entry in READINGS.items() if name.startswith(kl.removesuffix("_kl")))
            for plain, spelled in SPELLED:
                link = re.sub(rf"\b{plain}\b", spelled, link)
            return Entry(title.format(link), "", meaning, next(known, "other"))
    return Entry(name.replace("_", " "))


def stop(name: str) -> Entry:
    """The entry of a stop of the walk; one that is not known goes by its own name."""
    return STOPS.get(name) or Entry(name, name.replace("_", " "))


def symbol_html(symbol: str) -> str:
    """The symbol with its lowered characters as <sub>, everything else escaped."""
    return re.sub(r"_(\w)", r"<sub>\1</sub>", escape(symbol))
