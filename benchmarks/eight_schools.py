"""Eight schools: the posterior of a Bayesian model without an encoder, by avb-ac, against a long run of NUTS.

    python benchmarks/eight_schools.py [--rounds 3000] [--seed 0]        (needs numpyro: the `benchmarks` extra)

The model is non-centred, with ten unknowns (`termwise.worlds.eight_schools`); its likelihood is given as a function
(`termwise.models.bayesian.bayes`). Beside avb-ac's posterior stand the mean-field and the full-covariance normal, of
the same model and by the vae recipe. Each is held against NUTS's draws, and so are exact draws, whose row says what can
be asked of a perfect posterior:

    mean     the largest error of a marginal's mean, in standard deviations of the true posterior
    sd       the largest relative error of a marginal's standard deviation
    KS       the largest Kolmogorov-Smirnov distance of a marginal
    told     how often boosted trees tell its draws from NUTS's, by five-fold cross-validation: 0.5 by chance
    MMD p    of a permutation test of the maximum mean discrepancy, median bandwidth
    KL       KL(q || p(z|y)), nats, of a posterior with a density: log p(y), which a quadrature knows, less the ELBO

NUTS itself is held against exact draws first: its means must be the true ones within four standard errors.

Ends with status 1 where avb-ac is told from NUTS in more than 55 % of cases or as often as a normal is, where a
marginal's mean is off by a tenth of a standard deviation, or where NUTS fails its own test.
"""

import argparse
import math
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedKFold, cross_val_score
from stepping import table
from torch import Tensor

from termwise.data import Dataset
from termwise.data.examples import InMemory
from termwise.measuring.log_likelihood.densities import has_density
from termwise.models import VAE
from termwise.models.bayesian import bayes
from termwise.models.randomness import own_randomness
from termwise.objectives import Game, recipe, solo
from termwise.objectives.objective import distortion, rate
from termwise.schedules import Cosine
from termwise.terms.monte_carlo import MonteCarlo
from termwise.training import RunFolder, Trainer, config_from
from termwise.worlds.eight_schools import (
    EFFECTS,
    ERRORS,
    LATENT,
    SCALE,
    SchoolsPrior,
    effects_log_prob,
    exact_posterior,
    log_evidence,
)

TOLD, MEAN = 0.55, 0.1
"""The bars: of the classifier's accuracy, and of a marginal's mean, in standard deviations."""

BATCH, STEPS = 256, 100  # of an epoch
CRITIC_RATE, RATE, NORMAL_RATE = 2e-3, 1e-3, 3e-3  # all fall to a twentieth, along half a cosine
DRAWS = 4000  # of each side, for the two-sample tests
CHAINS, KEPT = 4, 2500


@dataclass(frozen=True)
class Approximation:
    """Draws, shape (S, 10); KL(q || p(z|y)), nats, where it is known; and the seconds that it took."""

    draws: Tensor
    kl: float | None
    seconds: float


def nuts(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Draws, shape (chains, kept, 10); the standard errors of their means, shape (10,); the largest R-hat."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
    from numpyro.infer import MCMC, NUTS

    jax.config.update("jax_enable_x64", True)

    def model() -> None:
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        tau = numpyro.sample("tau", dist.HalfCauchy(5))
        eta = numpyro.sample("eta", dist.Normal(0, 1).expand([8]).to_event(1))
        scores = dist.Normal(mu + tau * eta, jnp.asarray(ERRORS.numpy())).to_event(1)
        numpyro.sample("y", scores, obs=jnp.asarray(EFFECTS.numpy()))

    kernel = NUTS(model, target_accept_prob=0.99)  # at 0.95 log tau was off by 2.5 of its standard errors
    options = {"chain_method": "sequential", "progress_bar": False}
    chains = MCMC(kernel, num_warmup=1500, num_samples=KEPT, num_chains=CHAINS, **options)
    chains.run(jax.random.PRNGKey(seed))
    found = {name: np.asarray(values) for name, values in chains.get_samples(group_by_chain=True).items()}
    z_tau = 2 / math.pi * np.log(found["tau"] / SCALE)
    z = np.concatenate([found["mu"][..., None] / SCALE, z_tau[..., None], found["eta"]], axis=-1)
    errors = z.std((0, 1)) / np.sqrt(effective_sample_size(z))
    return z, errors, float(split_gelman_rubin(z).max())


def learned(
    posterior: str, game: Game, rounds: int, start: float, betas: tuple[float, float], seed: int
) -> Approximation:
    """What a posterior family comes to."""
    torch.manual_seed(seed)
    options = {"noise": 16, "hidden": [64, 64], "start": 0.3} if posterior.startswith("noise") else {}
    model = bayes(effects_log_prob, LATENT, posterior=posterior, posterior_options=options, prior=SchoolsPrior())
    epochs = max(1, rounds // STEPS)
    training = {
        "batch_size": BATCH,
        "epochs": epochs,
        "evaluate_every": epochs,
        "audit": False,
        "optimizer": {"learning_rate": falling(start, rounds).model_dump(), "betas": betas},
        "average": {"decay": 0.995},
        "seed": seed,
        "device": "cpu",
    }
    config = config_from({"training": training})
    data = Dataset("blank", InMemory(torch.zeros(STEPS * BATCH, 1)), splits={"test": torch.arange(BATCH)})
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(folder)
        run.create(config)
        trainer = Trainer(model, game, data, config.training, run)
        trainer.start()
        began = time.perf_counter()
        kept = trainer.run()
        return approximation(kept, time.perf_counter() - began, seed)


def falling(start: float, rounds: int) -> Cosine:
    return Cosine(start=start, end=0.05 * start, steps=rounds)


@torch.no_grad()
def approximation(model: VAE, seconds: float, seed: int) -> Approximation:
    """Draws of the model's posterior, and its KL from the true one where it has a density."""
    with own_randomness(seed):
        posterior = model.encode(torch.zeros(1, 1))
        z = posterior.sample(torch.Size([10 * DRAWS]))
    if not has_density(posterior):
        return Approximation(z.squeeze(1).double(), None, seconds)
    log_q = posterior.log_prob(z).squeeze(1).double()
    z = z.squeeze(1)
    joint = effects_log_prob(z) + model.prior_law().log_prob(z).double()
    return Approximation(z.double(), float((log_q - joint).mean()) + log_evidence(), seconds)


def told_apart(ours: Tensor, theirs: Tensor) -> float:
    """The accuracy of boosted trees, cross-validated."""
    x = torch.cat([ours, theirs]).numpy()
    y = np.repeat([0, 1], [len(ours), len(theirs)])
    trees = HistGradientBoostingClassifier(max_depth=4, learning_rate=0.05, max_iter=100, random_state=0)
    return float(cross_val_score(trees, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=0)).mean())


def mmd_p_value(ours: Tensor, theirs: Tensor, permutations: int = 500, size: int = 1000) -> float:
    """Of a permutation test (Gretton et al., 2012, section 4), by draws of either side, 0 where the laws differ."""
    both = torch.cat([ours[:size], theirs[:size]])
    kernel = torch.from_numpy(rbf_kernel(both.numpy(), gamma=0.5 / float(torch.pdist(both).median()) ** 2))
    signs = torch.cat([torch.ones(size), -torch.ones(size)]).double()
    generator = torch.Generator().manual_seed(0)
    shuffled = torch.stack(
        [signs, *(signs[torch.randperm(2 * size, generator=generator)] for _ in range(permutations))]
    )
    found = (shuffled @ kernel * shuffled).sum(1)  # the squared MMD, but for its scale and a constant
    return float((found >= found[0]).double().mean())


def row(name: str, one: Approximation, theirs: Tensor) -> tuple[tuple[str, ...], float, float]:
    """A row of the table; how often the draws are told apart, and the largest error of a mean."""
    mean = float(((one.draws.mean(0) - theirs.mean(0)) / theirs.std(0)).abs().max())
    spread = float((one.draws.std(0) / theirs.std(0) - 1).abs().max())
    ks = max(ks_2samp(one.draws[:, j], theirs[:, j]).statistic for j in range(LATENT))
    some = one.draws[:DRAWS], theirs[torch.linspace(0, len(theirs) - 1, DRAWS).long()]
    told, p = told_apart(*some), mmd_p_value(*some)
    kl = "" if one.kl is None else f"{one.kl:.2f}"
    numbers = (f"{mean:.3f}", f"{spread:.3f}", f"{ks:.3f}", f"{told:.3f}", f"{p:.3f}", kl, f"{one.seconds:.0f}")
    return (name, *numbers), told, mean


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seed, rounds = arguments.seed, arguments.rounds
    exact = exact_posterior(100_000, seed=seed)

    began = time.perf_counter()
    chains, errors, r_hat = nuts(seed)
    seconds = time.perf_counter() - began
    theirs = torch.from_numpy(chains).flatten(0, 1)
    off = float(((theirs.mean(0) - exact.mean(0)).abs() / torch.from_numpy(errors)).max())
    error = float((torch.from_numpy(errors) / theirs.std(0)).max())
    print(f"NUTS: R-hat {r_hat:.4f}; means known to {error:.3f} sd or better, and off by {off:.1f} of that at most")

    normal = solo(distortion() + rate(MonteCarlo()))
    ac = recipe(
        "avb-ac", reference="moments", hidden=(128, 128), moves=5, critic_learning_rate=falling(CRITIC_RATE, rounds)
    )
    found = {
        "exact draws": Approximation(exact_posterior(10 * DRAWS, seed=seed + 1), None, 0.0),
        "mean-field normal": learned("diagonal-normal", normal, rounds, NORMAL_RATE, (0.9, 0.999), seed),
        "full normal": learned("full-normal", normal, rounds, NORMAL_RATE, (0.9, 0.999), seed),
        "avb-ac": learned("noise-input+normal", ac, rounds, RATE, (0.5, 0.99), seed),
    }
    rows, told, mean = [("NUTS", *[""] * 6, f"{seconds:.0f}")], {}, {}
    for name, one in found.items():
        line, told[name], mean[name] = row(name, one, theirs)
        rows.append(line)
        print(line, flush=True)
    print("\n" + table(("", "mean", "sd", "KS", "told", "MMD p", "KL", "seconds"), rows))
    normals = min(told["mean-field normal"], told["full normal"])
    missed = [
        sentence
        for sentence, wrong in (
            (f"avb-ac is told from NUTS in {told['avb-ac']:.3f} of cases, the bar {TOLD}", told["avb-ac"] > TOLD),
            (f"avb-ac is told from NUTS as often as a normal, {normals:.3f}", told["avb-ac"] >= normals),
            (f"avb-ac's mean is off by {mean['avb-ac']:.3f}, the bar {MEAN}", mean["avb-ac"] > MEAN),
            (f"NUTS is off by {off:.1f} standard errors, R-hat {r_hat:.4f}", off > 4 or r_hat > 1.01),
        )
        if wrong
    ]
    print("\n".join(missed))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
