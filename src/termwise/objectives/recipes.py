"""The one table of named objectives. Each is a choice of links, estimators and weights, with its paper's defaults.

Distortion weighs 1 throughout. A weight may be a number or a schedule; `aggregate` is what q(z) is remembered from:
one of `AGGREGATES`, or a memory of your own. Those with a critic are in `adversarial_recipes.py`, those of codewords in
`codeword_recipes.py`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from termwise.objectives.adversarial_recipes import (
    FADER_MODEL,
    aae,
    ali,
    avb,
    avb_ac,
    f_vae,
    factor_vae,
    fader,
    vae_gan,
)
from termwise.objectives.codeword_recipes import FSQ_MODEL, VQ_MODEL, fsq, vq_vae
from termwise.objectives.game import Game, solo
from termwise.objectives.objective import (
    Objective,
    Weighted,
    dimension_wise_kl,
    distortion,
    group_correlation,
    index_code_mi,
    marginal_kl,
    rate,
    side_information,
    total_correlation,
    within_group_correlation,
)
from termwise.objectives.shapes import By, Target, floor, free_bits, gap
from termwise.registry import Makers, Row
from termwise.schedules import Linear, Weight
from termwise.terms.aggregate.table import AnyAggregate
from termwise.terms.class_cross_entropy import ClassCrossEntropy
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.groups import Grouping
from termwise.terms.hsic import HSIC
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.moments import Moments
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.multi_sample import GradientOfBound, MultiSampleBound
from termwise.values import Count, Finite, PositiveFinite, checked

RAMP = Linear(start=0.0, end=25.0, share=0.8)
"""C of `capacity` where nothing is said: it rises over four fifths of the run, and so comes to 25 nats in any."""

WARM_UP = Linear(start=0.0, end=1.0, share=0.5)
"""The weight of the rate in `ladder_vae` where nothing is said: over half of the run levels come to use for nothing."""


def vae() -> Game:
    """Auto-Encoding Variational Bayes (Kingma and Welling, 2014, eq. 7)."""
    return solo(distortion() + rate(ClosedOrSampled()))


CVAE_MODEL = {"side_to": ["encoder", "decoder"]}
"""Both networks of `cvae` take what stands beside x."""


def cvae() -> Game:
    """Learning Structured Output Representation using Deep Conditional Generative Models (Sohn et al., 2015, eq. 4).

    The ELBO of log p(x|s), s what stands beside x, which encoder and decoder both take. The prior is of z alone, which
    section 4.1 allows. (In the paper s is an image, and x the labels of its pixels.)
    """
    return solo(distortion() + rate(ClosedOrSampled()))


VIB_MODEL = {"target": "labels"}
"""What the decoder of `vib` says, where no other target is named."""


def vib(beta: Weight = 1e-3) -> Game:
    """Deep Variational Information Bottleneck (Alemi et al., 2017, eq. 17).

    The distortion is that of the model's target, -log p(t|z) of a label, and not of x; and beta times the rate bounds
    from above what the code may tell of x. At a beta of 0 it is a classifier with noise in it.
    """
    return solo(distortion() + beta * rate(ClosedOrSampled()))


M2_MODEL = {
    "code": [
        {"name": "label", "posterior": "categorical", "posterior_options": {"gradient": "sum"}, "observes": "side"},
        {"name": "style", "latent": 10, "given": ["label"]},
    ]
}
"""A category for each value of what stands beside x, and numbers given it."""


def m2(alpha: Weight = 0.1) -> Game:
    """Semi-supervised Learning with Deep Generative Models, M2 (Kingma et al., 2014, eqs. 6 to 9).

    Of x whose y is known the bound is on log p(x, y), of others on log p(x), summed over y; and alpha weighs the
    classifier's cross-entropy, the mean over those that are known, beside nats by example. This is the paper's
    alpha = 0.1 N of sums over N examples.
    """
    return solo(distortion() + rate(ClosedOrSampled()) + alpha * Weighted(ClassCrossEntropy()))


def beta_vae(beta: Weight = 4.0) -> Game:
    """beta-VAE (Higgins et al., 2017, eq. 4)."""
    return solo(distortion() + beta * rate(ClosedOrSampled()))


def capacity(gamma: Weight = 1000.0, target: Weight = RAMP) -> Game:
    """Understanding disentangling in beta-VAE (Burgess et al., 2018, eq. 8): gamma |rate - C|, C from 0 to 25 nats."""
    return solo(distortion() + gamma * rate(ClosedOrSampled()).shaped(gap(target)))


LADDER_MODEL = {
    "code": [
        {"name": "top", "latent": 2, "posterior": "ladder"},
        {"name": "middle", "latent": 4, "posterior": "ladder", "prior": "conditional", "given": ["top"]},
        {"name": "low", "latent": 8, "posterior": "ladder", "prior": "conditional", "given": ["middle"]},
    ]
}
"""The levels of `ladder_vae` where no model is said."""


def ladder_vae(weight: Weight = WARM_UP) -> Game:
    """Ladder Variational Autoencoders (Sonderby et al., 2016, section 2.3): the rate of every level, warmed up.

    The levels are the model's: blocks of the code, each given those above it, and "ladder" their posterior.
    """
    return solo(distortion() + weight * rate(ClosedOrSampled()))


def mi_floor(gamma: Weight = 10.0, target: Weight = 3.0, aggregate: AnyAggregate = "bank") -> Game:
    """rate + gamma max(0, C - MI): a lower bound on the mutual information of code and index, C nats."""
    kl = MonteCarlo(aggregate)
    return solo(distortion() + rate(ClosedOrSampled()) + gamma * index_code_mi(kl).shaped(floor(target)))


JOINT_MODEL = {
    "code": [
        {
            "name": "category",
            "latent": 10,
            "posterior": "categorical",
            "posterior_options": {
                "gradient": "relaxed",
                "temperature": {"schedule": "linear", "start": 1.0, "end": 0.5, "share": 0.8},
            },
        },
        {"name": "style", "latent": 6},
    ]
}
"""Ten categories, relaxed and then less so, beside six numbers."""


def joint_vae(gamma: Weight = 20.0, target: Target = 2.0, aggregate: AnyAggregate = "bank") -> Game:
    """Learning Disentangled Joint Continuous and Discrete Representations (Dupont, 2018), by information.

    The paper pins the rate of each block, gamma |rate of b - C_b(t)|, which a category that is always the same pays as
    well. Here each block's index-code MI has a floor, C_b nats: one for all, or by name. A category of K tells at most
    log K.
    """
    information = index_code_mi(MonteCarlo(aggregate)).shaped(floor(target, by="block"))
    return solo(distortion() + rate(ClosedOrSampled()) + gamma * information)


def free_bits_vae(target: Weight = 0.25, by: By = "dimension") -> Game:
    """Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016, eq. 15): free bits.

    Each dimension, or `by` "total" all of them, may cost up to `target` nats for nothing, so that none need collapse.
    """
    return solo(distortion() + rate(ClosedOrSampled()).shaped(free_bits(target, by)))


def vfae(gamma: Weight = 300.0, bandwidth: PositiveFinite | None = None) -> Game:
    """The Variational Fair Autoencoder (Louizos et al., 2016, section 2.3): codes of all groups alike, by an MMD.

    As `cvae`, and gamma sum_s p_s MMD^2(q(z|s), q(z)), of two groups p (1 - p) MMD^2(q(z|0), q(z|1)), the paper's.
    How much gamma takes away depends on what a code is worth: 300 leaves a classifier an eighth of MNIST's labels, and
    of the small digits' none, whose code 1000 takes away (`benchmarks/RESULTS.md`).
    """
    return solo(distortion() + rate(ClosedOrSampled()) + gamma * side_information(Kernel(RBF(bandwidth))))


def beta_tcvae(alpha: Weight = 1.0, beta: Weight = 6.0, gamma: Weight = 1.0, aggregate: AnyAggregate = "bank") -> Game:
    """Isolating Sources of Disentanglement in VAEs (Chen et al., 2018, eq. 4)."""
    kl = MonteCarlo(aggregate)
    return solo(distortion() + alpha * index_code_mi(kl) + beta * total_correlation(kl) + gamma * dimension_wise_kl(kl))


def info_vae(alpha: Finite = 0.0, lambda_: Finite = 100.0, bandwidth: PositiveFinite | None = None) -> Game:
    """InfoVAE with the MMD (Zhao, Song and Ermon, 2019, eq. 6): (1 - alpha) rate + (alpha + lambda - 1) MMD^2.

    A lambda of 1000, which is often copied, kills the code of small data, where the noise of a batch's MMD^2 drowns it.
    It does not follow the distortion, of real numbers a log density, whose nats change with x's units, and may be 0.
    """
    mmd = Kernel(RBF(bandwidth))
    return solo(distortion() + (1 - alpha) * rate(ClosedOrSampled()) + (alpha + lambda_ - 1) * marginal_kl(mmd))


def wae_mmd(lambda_: Weight = 100.0) -> Game:
    """Wasserstein Auto-Encoders, WAE-MMD (Tolstikhin et al., 2018, algorithm 2): lambda MMD^2 under the IMQ kernel.

    The paper's 10 weighs it beside a squared error; nats of a small sigma are a hundred times that.
    """
    return solo(distortion() + lambda_ * marginal_kl(Kernel(IMQ())))


def hfvae(
    alpha: Weight = 1.0,
    beta: Weight = 6.0,
    gamma: Weight = 1.0,
    groups: Grouping | None = None,
    aggregate: AnyAggregate = "bank",
) -> Game:
    """Structured Disentangled Representations, HFVAE (Esmaeili et al., 2019, eq. 6): groups, and what is within.

    `groups` are lists of dimensions, such as [[0, 1], [2, 3, 4]], or of names of blocks, [["digit"], ["style"]]; or how
    many stand in a group, in order. Where left out, each block is one; of a code without blocks they are pairs.
    """
    kl = MonteCarlo(aggregate)
    between = beta * group_correlation(kl, groups) + gamma * within_group_correlation(kl, groups)
    return solo(distortion() + alpha * index_code_mi(kl) + between + dimension_wise_kl(kl))


def hsic_vae(lambda_: Weight = 1000.0, groups: Grouping = 1, bandwidth: PositiveFinite | None = None) -> Game:
    """Information Constraints on Auto-Encoding Variational Bayes, HSIC-VAE (Lopez et al., 2018, section 3).

    Every dimension is a group of its own unless `groups` says otherwise, as it does in `hfvae`. HSIC is a few
    hundredths at the most, where the rate is tens of nats: hence the size of lambda.
    """
    return solo(distortion() + rate(ClosedOrSampled()) + lambda_ * group_correlation(HSIC(RBF(bandwidth)), groups))


def dip_vae_i(lambda_od: Weight = 10.0, lambda_d: Weight = 100.0) -> Game:
    """DIP-VAE-I (Kumar, Sattigeri and Balakrishnan, 2018, eq. 6): the covariance of the means to be the identity."""
    return _dip_vae(Moments("means"), lambda_od, lambda_d)


def dip_vae_ii(lambda_od: Weight = 10.0, lambda_d: Weight = 10.0) -> Game:
    """DIP-VAE-II (Kumar, Sattigeri and Balakrishnan, 2018, eq. 7): the covariance of the codes to be the identity."""
    return _dip_vae(Moments("codes"), lambda_od, lambda_d)


def _dip_vae(moments: Moments, lambda_od: Weight, lambda_d: Weight) -> Game:
    penalty = lambda_od * total_correlation(moments) + lambda_d * dimension_wise_kl(moments)
    return solo(distortion() + rate(ClosedOrSampled()) + penalty)


def iwae(codes: Count = 5, gradient: GradientOfBound = "plain") -> Game:
    """Importance Weighted Autoencoders (Burda, Grosse and Salakhutdinov, 2016, eq. 8), for distortion and rate both.

    `gradient` is "plain"; "dreg" (Tucker et al., 2019), of less noise; or "stl" (Roeder, Wu and Duvenaud, 2017), which
    is biased from two codes on. The likelihood of numbers is "normal:learned" where nobody says another, for an
    optimal sigma is that of codes that weigh alike.
    """
    return solo(Objective((Weighted(MultiSampleBound(codes, gradient)),)))


def miwae(codes: Count = 20, gradient: GradientOfBound = "plain") -> Game:
    """MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets (Mattei and Frellsen, 2019, eq. 4).

    The bound of `iwae` on log p of what there is of x, read with missing = "mask": a weight has the likelihood of the
    entries that are there, and the encoder sees means in the others' place. `tw.impute` fills them by such weights.
    The likelihood of numbers is as with `iwae`.
    """
    return iwae(codes, gradient)


@dataclass(frozen=True)
class Recipe(Row):
    """A named objective: a row of `RECIPES`, whose summary is its formula.

    Attributes:
        model: What it is of, where nobody says another: keys of a configuration's model, such as its posterior.

    Example:
        >>> RECIPES["beta-vae"].formula, list(RECIPES["beta-vae"].options)
        ('beta rate', ['beta'])
    """

    model: Mapping[str, Any] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """Its links and their weights."""
        return self.summary

    @property
    def source(self) -> str:
        """The paper, or what it is: the first line of the function that makes it."""
        return (inspect.getdoc(self.maker) or "").splitlines()[0]

    def __call__(self, **options: Any) -> Game:
        """The game, with options given by name; a schedule may be a table. `lambda_` is lambda, from Python."""
        game: Game = RECIPES.build(self.name, **options)
        return game


RECIPES: Makers[Recipe] = Makers(
    "recipe",
    "termwise.recipes",
    [
        Recipe("vae", vae, "rate"),
        Recipe("fader", fader, "rate + gamma I(z; s) by a classifier, the decoder told s", model=FADER_MODEL),
        Recipe("vfae", vfae, "rate + gamma MMD^2 of groups, of x given what stands beside it", model=CVAE_MODEL),
        Recipe("cvae", cvae, "rate, of x given what stands beside it", model=CVAE_MODEL),
        Recipe("vib", vib, "beta rate, the distortion that of a target, such as labels", model=VIB_MODEL),
        Recipe(
            "m2", m2, "rate + alpha cross-entropy of q(y|x), of y known of some x, else summed over", model=M2_MODEL
        ),
        Recipe("iwae", iwae, "-log of the mean importance weight of K codes, in the place of distortion and rate"),
        Recipe("miwae", miwae, "the same, of the entries of x that are there"),
        Recipe("beta-vae", beta_vae, "beta rate"),
        Recipe("capacity", capacity, "gamma |rate - C(t)|, C from 0 to 25 nats"),
        Recipe("free-bits", free_bits_vae, "sum_j max(target, rate of dimension j)"),
        Recipe("ladder-vae", ladder_vae, "rate of every level, its weight rising from 0 to 1", model=LADDER_MODEL),
        Recipe("mi-floor", mi_floor, "rate + gamma max(0, C - index_code_mi)"),
        Recipe("joint-vae", joint_vae, "rate + gamma sum_b max(0, C_b - MI of block b)", model=JOINT_MODEL),
        Recipe("beta-tcvae", beta_tcvae, "alpha index_code_mi + beta total_correlation + gamma dimension_wise_kl"),
        Recipe(
            "hfvae",
            hfvae,
            "alpha index_code_mi + beta group_correlation + gamma within_group_correlation + dimension_wise_kl",
        ),
        Recipe("hsic-vae", hsic_vae, "rate + lambda HSIC of groups"),
        Recipe("dip-vae-i", dip_vae_i, "rate + lambda_od |off-diagonal of Cov mu|^2 + lambda_d |its diagonal - 1|^2"),
        Recipe("dip-vae-ii", dip_vae_ii, "the same, of Cov mu + E Sigma: lambda_od, lambda_d"),
        Recipe("info-vae", info_vae, "(1 - alpha) rate + (alpha + lambda - 1) marginal MMD^2, RBF"),
        Recipe("wae-mmd", wae_mmd, "lambda marginal MMD^2, IMQ"),
        Recipe("vq-vae", vq_vae, "rate + commitment |e - sg v|^2 + codebook |sg e - v|^2", model=VQ_MODEL),
        Recipe("fsq", fsq, "rate, of codes rounded to a few levels", model=FSQ_MODEL),
        Recipe("factor-vae", factor_vae, "rate + gamma total_correlation, by a critic"),
        Recipe("aae", aae, "lambda marginal GAN divergence, by a critic"),
        Recipe("ali", ali, "GAN divergence of the joint laws of x and z, by a critic, and no distortion"),
        Recipe("avb", avb, "rate, by a critic of x and z, telescoped where asked"),
        Recipe("avb-ac", avb_ac, "reference KL, by a critic, + reference to prior"),
        Recipe("f-vae", f_vae, "lambda marginal f-divergence, by a critic"),
        Recipe(
            "vae-gan", vae_gan, "encoder: beta rate + feature distortion; decoder: gamma feature distortion - L_GAN"
        ),
    ],
)
"""Named objectives; a row makes a `Game` from its options."""


@checked
def recipe(name: str, **options: Any) -> Game:
    """The game called `name`, with its options; UnknownName says which are near.

    Example:
        >>> game = recipe("beta-vae", beta={"schedule": "warm-up", "value": 4.0, "steps": 100})
        >>> [(part.term.name, part.weighs(50)) for part in game.players[0].objective.parts]
        [('distortion', 1.0), ('rate', 2.0)]
    """
    game: Game = RECIPES.build(name, **options)
    return game
