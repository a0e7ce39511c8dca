"""The one table of named objectives. Each is a choice of links, estimators and weights, with its paper's defaults.

Distortion weighs 1 throughout. A weight may be a number or a schedule; `aggregate` is what q(z) is remembered from:
one of `AGGREGATES`, or a memory of your own. Those with a critic are in `adversarial_recipes.py`.
"""

import inspect
from dataclasses import dataclass
from typing import Any

from termwise.objectives.adversarial_recipes import aae, avb, avb_ac, f_vae, factor_vae, vae_gan
from termwise.objectives.game import Game, solo
from termwise.objectives.objective import (
    dimension_wise_kl,
    distortion,
    floor,
    gap,
    index_code_mi,
    marginal_kl,
    rate,
    total_correlation,
)
from termwise.objectives.schedules import Linear, Weight
from termwise.registry import Makers, Row
from termwise.terms.aggregate.table import AnyAggregate
from termwise.terms.closed_form import ClosedForm
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.monte_carlo import MonteCarlo
from termwise.values import Finite, PositiveFinite, checked

RAMP = Linear(start=0.0, end=25.0, share=0.8)
"""C of `capacity` where nothing is said: it rises over four fifths of the run, and so comes to 25 nats in any."""


def vae() -> Game:
    """Auto-Encoding Variational Bayes (Kingma and Welling, 2014, eq. 7)."""
    return solo(distortion() + rate(ClosedForm()))


def beta_vae(beta: Weight = 4.0) -> Game:
    """beta-VAE (Higgins et al., 2017, eq. 4)."""
    return solo(distortion() + beta * rate(ClosedForm()))


def capacity(gamma: Weight = 1000.0, target: Weight = RAMP) -> Game:
    """Understanding disentangling in beta-VAE (Burgess et al., 2018, eq. 8): gamma |rate - C|, C from 0 to 25 nats."""
    return solo(distortion() + gamma * rate(ClosedForm()).shaped(gap(target)))


def mi_floor(gamma: Weight = 10.0, target: Weight = 3.0, aggregate: AnyAggregate = "bank") -> Game:
    """rate + gamma max(0, C - MI): a lower bound on the mutual information of code and index, C nats."""
    kl = MonteCarlo(aggregate)
    return solo(distortion() + rate(ClosedForm()) + gamma * index_code_mi(kl).shaped(floor(target)))


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
    return solo(distortion() + (1 - alpha) * rate(ClosedForm()) + (alpha + lambda_ - 1) * marginal_kl(mmd))


def wae_mmd(lambda_: Weight = 100.0) -> Game:
    """Wasserstein Auto-Encoders, WAE-MMD (Tolstikhin et al., 2018, algorithm 2): lambda MMD^2 under the IMQ kernel.

    The paper's 10 weighs it beside a squared error; nats of a small sigma are a hundred times that.
    """
    return solo(distortion() + lambda_ * marginal_kl(Kernel(IMQ())))


@dataclass(frozen=True)
class Recipe(Row):
    """A named objective: a row of `RECIPES`, whose summary is its formula.

    Example:
        >>> RECIPES["beta-vae"].formula, list(RECIPES["beta-vae"].options)
        ('beta rate', ['beta'])
    """

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
        Recipe("beta-vae", beta_vae, "beta rate"),
        Recipe("capacity", capacity, "gamma |rate - C(t)|, C from 0 to 25 nats"),
        Recipe("mi-floor", mi_floor, "rate + gamma max(0, C - index_code_mi)"),
        Recipe("beta-tcvae", beta_tcvae, "alpha index_code_mi + beta total_correlation + gamma dimension_wise_kl"),
        Recipe("info-vae", info_vae, "(1 - alpha) rate + (alpha + lambda - 1) marginal MMD^2, RBF"),
        Recipe("wae-mmd", wae_mmd, "lambda marginal MMD^2, IMQ"),
        Recipe("factor-vae", factor_vae, "rate + gamma total_correlation, by a critic"),
        Recipe("aae", aae, "lambda marginal GAN divergence, by a critic"),
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
