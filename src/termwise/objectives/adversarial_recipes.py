"""Recipes in which a critic or a discriminator plays beside the autoencoder.

`reference` is what stands between posterior and prior: one of `REFERENCES`, or a law of your own.
"""

from torch import nn

from termwise.errors import Refused
from termwise.objectives.freeze_rule import Equilibrium
from termwise.objectives.game import AUTOENCODER, DECODER, ENCODER, Game, Player, against, solo
from termwise.objectives.objective import (
    Objective,
    Weighted,
    distortion,
    link,
    marginal_kl,
    rate,
    side_information,
    total_correlation,
)
from termwise.objectives.optimizers import OptimizerSettings
from termwise.objectives.shapes import Opposed
from termwise.schedules import Weight
from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic import Critic, Widths
from termwise.terms.adversarial.data_laws import RealExamples, decoded_law
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.discriminator import Discriminator
from termwise.terms.adversarial.divergences import Divergence, Function
from termwise.terms.adversarial.gan_loss import DiscriminatorAccuracy, FeatureDistortion, GanLoss, LossOn, NonSaturating
from termwise.terms.adversarial.joint_gan import JointDeception
from termwise.terms.adversarial.side_classifier import SideClassifier
from termwise.terms.adversarial.telescoping import ratio_by_critic
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.link import Term
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.references.table import AnyReference, reference_from
from termwise.values import Count, Natural


def factor_vae(
    gamma: Weight = 35.0,
    hidden: Widths = (256, 256),
    moves: Count = 5,
    critic_learning_rate: Weight = 1e-3,
) -> Game:
    """Disentangling by Factorising (Kim and Mnih, 2018, eq. 2 and algorithm 2): rate + gamma TC, by a critic.

    The paper's critic has six layers of 1000 and moves once a round, at a rate of 1e-4, for 300,000 rounds; in a few
    thousand it learns nothing. This one is small and quick, and moves five times.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.9))
    ratio = DensityRatio("kl", Critic(hidden), moves=moves, optimizer=optimizer)
    return solo(distortion() + rate(ClosedOrSampled()) + gamma * total_correlation(ratio))


FADER_MODEL = {"side_to": ["decoder"]}
"""The decoder of `fader` alone takes what stands beside x."""


def fader(
    gamma: Weight = 10.0, hidden: Widths = (256, 256), moves: Count = 5, critic_learning_rate: Weight = 1e-3
) -> Game:
    """Fader Networks (Lample et al., 2017, eqs. 2 and 3): what the decoder is told is kept from a classifier of codes.

    The paper's autoencoder has no rate. A classifier that lags behind lets s stay: it moves five times. What it cannot
    read may still be there: `side_information` says how much.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.9))
    kept_out = side_information(SideClassifier(hidden, moves=moves, optimizer=optimizer))
    return solo(distortion() + rate(ClosedOrSampled()) + gamma * kept_out)


def aae(
    lambda_: Weight = 30.0,
    hidden: Widths = (256, 256),
    moves: Count = 5,
    critic_learning_rate: Weight = 1e-3,
    saturating: bool = False,
) -> Game:
    """Adversarial Autoencoders (Makhzani et al., 2016, section 2): lambda GAN(q(z), p(z)) in place of the rate.

    A GAN's nats are few beside a distortion's: where lambda is 1, the codes go where they like. `saturating`, the
    encoder minimises E log(1 - D), which has no slope where the critic is sure; else -E log D, as is usual. The paper's
    critic has two layers of 1000 and moves once a round: in a short run it learns too little.
    """
    divergence = "gan" if saturating else "non-saturating"
    return f_vae(divergence, lambda_, hidden, moves, critic_learning_rate)


def f_vae(
    divergence: str | Divergence | Function = "jensen-shannon",
    lambda_: Weight = 30.0,
    hidden: Widths = (256, 256),
    moves: Count = 5,
    critic_learning_rate: Weight = 1e-3,
) -> Game:
    """Any f-divergence of q(z) from p(z), by a critic (Nowozin, Cseke and Tomioka, 2016, eq. 4), for the rate.

    lambda is for those that are bounded, such as Jensen-Shannon, of log 2 at most; of a KL less does.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.9))
    ratio = DensityRatio(divergence, Critic(hidden), moves=moves, optimizer=optimizer)
    return solo(distortion() + lambda_ * marginal_kl(ratio))


def avb(
    hidden: Widths = (256, 256),
    moves: Count = 5,
    critic_learning_rate: Weight = 2e-3,
    quadratic: bool = False,
    waymarks: Natural = 0,
) -> Game:
    """Adversarial Variational Bayes (Mescheder, Nowozin and Geiger, 2017, algorithm 1): the rate, by a critic.

    The critic moves five times for every move of the autoencoder, at twice the training's default rate; on four points
    eight did better (`benchmarks/four_points.py`); lower the rates for larger networks. A rate of many nats, which one
    logit does not bridge, is learnt in `waymarks` + 1 steps.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.99))
    ratio = ratio_by_critic(
        "kl", waymarks=waymarks, quadratic=quadratic, hidden=hidden, moves=moves, optimizer=optimizer
    )
    return solo(distortion() + rate(ratio))


def avb_ac(
    hidden: Widths = (256, 256),
    moves: Count = 5,
    critic_learning_rate: Weight = 2e-3,
    reference: AnyReference = "full",
) -> Game:
    """AVB with adaptive contrast (Mescheder, Nowozin and Geiger, 2017, algorithm 2, corrected): by way of r(z|x).

    The reference has the posterior's covariances, where the paper's, "moments", has its variances alone: how dimensions
    go together is then no matter for the critic, which lags behind and lets the posterior shrink to what it cannot see.
    `reference` is a name, or a table with its options: noises and fixed of "moments" and "full", the normals with the
    posterior's moments; hidden, moves and optimizer of those that a network learns, "learned", "learned-full",
    "mixture", which takes components, and "flow", which takes layers and bins.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.99))
    stop = reference_from(reference)
    near = AdaptiveContrast(stop, Critic(hidden), moves=moves, optimizer=optimizer)
    return solo(distortion() + link("posterior", stop, near) + link(stop, "prior", MonteCarlo()))


def ali(
    hidden: Widths = (256, 256),
    moves: Count = 1,
    critic_learning_rate: Weight = 1e-4,
) -> Game:
    """Adversarially Learned Inference (Dumoulin et al., 2017, algorithm 1), and BiGAN: one critic of (x, z) for all.

    The distortion is logged and weighs nothing, so a reconstruction is as good as the encoder inverts the decoder. For
    long runs: in one of hundreds of rounds the critic tells the pairs apart, which is warned of, and the codes stay far
    from the prior.
    """
    optimizer = OptimizerSettings(learning_rate=critic_learning_rate, betas=(0.5, 0.99))
    deception = JointDeception(Critic(hidden))
    objective = Objective((Weighted(deception), 0.0 * distortion()))
    return against(Player("autoencoder", AUTOENCODER, objective), [deception.adversary(moves, optimizer)])


def vae_gan(
    gamma: Weight = 1e-6,
    beta: Weight = 1.0,
    layer: str = "conv4",
    channels: Widths = (32, 128, 256, 256),
    hidden: Count = 512,
    learning_rate: Weight = 3e-4,
    features: bool = True,
    deceive: bool = True,
    encode: bool = True,
    reconstructions: bool = True,
    at_once: bool = True,
    equilibrium: bool = False,
    saturating: bool = True,
    body: nn.Module | None = None,
) -> Game:
    """Autoencoding beyond pixels using a learned similarity metric (Larsen et al., 2016, algorithm 1, signs corrected).

    Encoder: beta rate + feature distortion; decoder: gamma feature distortion - L_GAN, and the rate, in which a prior
    that learns has a gradient, and nothing else of the decoder's; discriminator: L_GAN, one of its layers the features.
    Without `features` the distortion is that of pixels, in nats; without `deceive` the decoder minimises the distortion
    alone; without both it is a vae, and without `encode` a gan. Without `reconstructions` the discriminator sees
    generated examples only. Players move `at_once`, from one draw, or in turn; under `equilibrium`, which the paper's
    own code plays by, who runs away sits a round out. Not `saturating`, the decoder minimises -[log D(x_rec) + log
    D(x_gen)] in place of -L_GAN. `channels`, `hidden` and `body` are the discriminator's; where the decoder takes what
    stands beside x, so does it, T(x, s). The features teach no sigma of the pixels: take the likelihood
    "normal:optimal", not "normal:learned".
    """
    if not (encode or deceive):
        raise Refused("Without encode the decoder learns by deceiving alone; got encode=False and deceive=False.")
    fakes = ("reconstruction", "generated") if reconstructions and encode else ("generated",)
    of_features = ("reconstruction", "generated") if features and encode else fakes
    judge = Discriminator(channels, hidden, layer, (RealExamples(), *map(decoded_law, of_features)), body=body)
    likeness = Weighted(FeatureDistortion(judge)) if features else distortion()
    gan = Weighted(GanLoss(judge, fakes))
    deception = gan.shaped(Opposed()) if saturating else Weighted(NonSaturating(judge, fakes))
    pixels = [0.0 * distortion()] if features else []  # logged, and what an optimal sigma is learnt from
    looks: tuple[Term, ...] = (*(LossOn(judge, law) for law in ("data", *fakes)), DiscriminatorAccuracy(judge, fakes))
    watched = (0.0 * Weighted(look) for look in looks)
    cost = beta * rate(ClosedOrSampled())  # the decoder's, too: a prior that learns is the decoder's
    making = (gamma * likeness, deception, cost) if encode and deceive else (likeness, cost) if encode else (deception,)
    optimizer = OptimizerSettings(name="rmsprop", learning_rate=learning_rate)
    players = [Player("decoder", DECODER, Objective(making), optimizer=optimizer)]
    if encode:
        parts = (likeness, cost, *pixels)
        players.insert(0, Player("encoder", ENCODER, Objective(parts), optimizer=optimizer))
    if not (features or deceive):
        return Game(tuple(players), at_once=at_once)
    name, parts = "discriminator", (gan, *watched)
    players.append(Player(name, (name,), Objective(parts), optimizer=optimizer))
    sits_out = Equilibrium() if equilibrium else None
    return Game(tuple(players), {name: judge}, {name: judge.build}, at_once=at_once, together=encode, sits_out=sits_out)
