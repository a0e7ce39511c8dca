"""The whole rate-distortion curve of one decoder by annealing (Huang, Cao and Grosse, 2020), and its encoder beside it.

Along p_b(z|x) ~ p(z) p(x|z)^b, from the prior at b = 0 over p(z|x) at b = 1 and beyond,

    D_b = E_b[-log p(x|z)],    R_b = KL(p_b || p(z)) = -b D_b - log Z_b,    log Z_b = log E_p(z) p(x|z)^b

is the best that any encoder can do for this decoder, of slope dD / dR = -beta, beta = 1 / b: what training with the
weight beta on the rate would reach, the decoder as it is and the encoder without limits. (Annealing speaks of the power
b, who trains of the weight beta: here, too, beta is what it is in a recipe.) One run of chains gives it at every b
(`marked_chains.py`), as points on the curve or above it; BDMC says how far at the most (`certified.py`); and the
encoder's own point lies above it by an excess in either direction (`excess.py`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from termwise.account.account import Account
from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused
from termwise.measuring.log_likelihood.annealing import base_law
from termwise.measuring.log_likelihood.bdmc import doubling
from termwise.measuring.log_likelihood.densities import density, has_density, not_all_numbers
from termwise.measuring.log_likelihood.log_likelihood import chosen_examples
from termwise.measuring.log_likelihood.metric import metric
from termwise.measuring.log_likelihood.path import Path
from termwise.measuring.log_likelihood.summed_out import is_discrete
from termwise.measuring.log_likelihood.tuning import Kernels, tune
from termwise.measuring.rate_distortion.certified import Gaps, certifiable, gaps_of, simulated_at
from termwise.measuring.rate_distortion.curve_account import CurveProcedure, curve_account
from termwise.measuring.rate_distortion.marked_chains import Marked, marked_chains, with_marks
from termwise.measuring.rate_distortion.tempered import TemperedJoint
from termwise.measuring.subject import subject_of
from termwise.models.block_law import blocks_of
from termwise.models.check_model import check_model
from termwise.models.codes import Codes, log_density_at
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import given_beside, in_double, innermost, log_prob_is_of
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable, generates
from termwise.models.randomness import own_randomness
from termwise.models.scaler import sum_log_scale
from termwise.models.target import check_makes_examples
from termwise.values import Count, Natural, PositiveFinite, Samples, Seed, checked

BETAS = tuple(2.0 ** (step / 2) for step in range(-4, 13))
"""The values of beta where nothing is said: from 1/4 to 64, two for each doubling."""


@checked
def rate_distortion(
    model: Drawable,
    data: Dataset,
    *,
    betas: Sequence[PositiveFinite] | None = None,
    chains: Count = 8,
    leapfrogs: Count = 3,
    temperatures: Count | None = None,
    most_temperatures: Count = 1024,
    tolerance: PositiveFinite = 0.1,
    simulated: Natural = 32,
    samples: Samples = 100,
    limit: Count | None = None,
    seed: Seed = 0,
    batch_size: Count = 64,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Account:
    """The best rate and distortion of a model's decoder at every beta, and how far its encoder is from them.

    An example is decoded, and its gradient taken, about chains * leapfrogs * (temperatures + 55) times.

    Args:
        model: A VAE, or what `adapt` made, of codes that are numbers; it, and the random state, are left as they were.
        data: The examples.
        betas: Where the curve is read, as weights on the rate; from 1/4 to 64 where left out.
        chains: For every example.
        leapfrogs: HMC's leapfrog steps a transition.
        temperatures: From the prior to the least beta, beside those of `betas`; where left out they double until
            BDMC's gap is under `tolerance` at every beta that is certified.
        most_temperatures: Where doubling ends.
        tolerance: Of BDMC's gaps, nats.
        simulated: Examples from the model at every certified beta; 0 for none, which needs `temperatures`.
        samples: Codes an example for the encoder's own point.
        limit: How many examples, chosen at random; all where left out.
        seed: Of everything random here.
        batch_size: Examples at a time; `chains` times as many are decoded at once.
        device: Where the model is.
        progress: Told how far things are.

    Returns:
        Readings in nats. Of the curve, a number for each of `data["betas"]`: rate_by_beta, an upper bound in
        expectation of the code that has distortion_by_beta, and log_partition_by_beta; bdmc_gap_by_beta, one for each
        of `data["certified_betas"]`. Of the encoder: rate, distortion, and by how much they are above the curve,
        excess_rate and excess_distortion, lower bounds in expectation.

    Raises:
        Refused: An option that cannot be, or a model without a decoder, or of codes that are no numbers.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> data = tw.load_data(world.data(50), test=0.0)
        >>> curve = rate_distortion(world, data, betas=[0.5, 1, 2], temperatures=20, simulated=8)
        >>> high, middle, low = curve["rate_by_beta"].value
        >>> low < middle < high and curve["excess_rate"].value > 0
        True
    """
    grid = _powers(betas)
    _check_options(model, simulated, temperatures)
    index = chosen_examples(len(data), limit, seed)
    if len(index) < 2:
        raise BadData(f"A standard error needs two examples or more; got {len(index)}.")
    batches = DataPass(model, data.subset(index), batch_size, device)
    check_model(batches)
    tell = progress or (lambda stage, part: None)
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        _check_codes(first)
        grey = isinstance(innermost(first.likelihood), Bernoulli) and not batches.data.value_range().binary
        path, kernels = _prepared(first, grid, chains, leapfrogs)
        gaps, schedule = None, with_marks(kernels.schedule(temperatures or 1), grid)
        if simulated:
            counts = doubling(most_temperatures) if temperatures is None else [temperatures]
            gaps, schedule = _certified(
                batches, first, kernels, grid, counts, simulated, chains, leapfrogs, tolerance, tell
            )
        own: list[tuple[Tensor, ...]] = []
        marked: list[Marked] = []
        for number, draw in enumerate(batches()):
            if number:
                path, kernels = _prepared(draw, grid, chains, leapfrogs)
            marked.append(marked_chains(path, kernels, schedule, grid, chains))
            own.append(_own_point(draw, samples))
            tell("annealing", min(1.0, (number + 1) * batch_size / len(index)))
        curve = Marked(*(torch.cat([getattr(one, name) for one in marked]) for name in Marked.__annotations__))
        procedure = CurveProcedure(grid, chains, len(schedule) - 1, gaps, grey)
        about = {
            "name": data.name,
            "n": len(index),
            "fingerprint": batches.data.fingerprint(),
            "likelihood": log_prob_is_of(first.likelihood, grey=grey),
            "betas": (1 / grid).flip(0).tolist(),
            "certified_betas": [] if gaps is None else (1 / gaps.powers).flip(0).tolist(),
            **subject_of(batches.model, data),
            **sum_log_scale(batches.model),
        }
    return curve_account([torch.cat(parts) for parts in zip(*own, strict=True)], curve, procedure, about)


def _powers(betas: Sequence[float] | None) -> Tensor:
    """1 / beta of each, increasing, shape (G,)."""
    grid = torch.tensor(sorted(set(BETAS if betas is None else betas)), dtype=torch.float64)
    if len(grid) < 2:
        raise Refused(f"A curve needs two values of beta or more, as in betas=[0.25, 1, 4]; got {grid.tolist()}.")
    return (1 / grid).flip(0)


def _check_options(model: Drawable, simulated: int, temperatures: int | None) -> None:
    if not generates(model):
        raise Refused("A rate-distortion curve is a decoder's, and this model has none: pass adapt(decode=...).")
    check_makes_examples(model)
    if simulated == 1:
        raise Refused("BDMC's error needs two simulated examples or more, or none with 0; got simulated=1.")
    if not simulated and temperatures is None:
        raise Refused("The temperatures double until BDMC is content; with simulated=0, say temperatures=1000, or so.")


def _check_codes(draw: Draw) -> None:
    if any(map(is_discrete, blocks_of(draw.posterior))):
        raise Refused(
            "The curve is annealed through codes that are numbers, and these have categories. Rate and distortion of "
            "runs at several betas are what termwise frontier draws of their folder."
        )
    if words := not_all_numbers(draw.prior):
        raise Refused(
            f"Annealing moves codes by gradients through all real numbers; under this prior they are {words}."
        )
    if beside := given_beside(draw.likelihood):
        raise Refused(
            f"This likelihood is of x given {beside}, which only x tells, so that no code of x is all it has."
        )


def _prepared(draw: Draw, grid: Tensor, chains: int, leapfrogs: int) -> tuple[Path, Kernels]:
    """The path of a batch from the prior to the largest power, and kernels tuned on it."""
    joint = TemperedJoint(draw.model, draw.x, draw.context, draw.prior, float(grid[-1]))
    path = Path(joint, base_law("prior", joint, draw.posterior))
    return path, tune(path, metric(path, draw.posterior), chains, leapfrogs)


def _certified(
    batches: DataPass,
    first: Draw,
    kernels: Kernels,
    grid: Tensor,
    counts: list[int],
    simulated: int,
    chains: int,
    leapfrogs: int,
    tolerance: float,
    tell: Progress,
) -> tuple[Gaps | None, Tensor]:
    """BDMC's gaps under the first schedule whose gaps reach the tolerance, or under the last; and that schedule."""
    powers = certifiable(first, grid)
    schedule = with_marks(kernels.schedule(counts[-1]), grid)
    if not len(powers):
        return None, schedule
    parts = torch.randint(len(batches), (simulated,)).split(batches.batch_size)
    made = [simulated_at(batches, parts, power, chains, leapfrogs) for power in powers.tolist()]
    for number, count in enumerate(counts):
        schedule = with_marks(kernels.schedule(count), grid)
        gaps = Gaps(powers, gaps_of(made, powers, float(grid[-1]), schedule, chains), tolerance)
        tell(f"BDMC, {count} temperatures", (number + 1) / len(counts))
        if gaps.reached:
            break
    return gaps, schedule


def _own_point(draw: Draw, samples: int) -> tuple[Tensor, ...]:
    """The encoder's own distortion and rate by example, shape (B,); the distortion alone of one without a density."""
    codes = Codes.of(in_double(draw.posterior) or draw.posterior, samples).detached()
    joint = TemperedJoint(draw.model, draw.x, draw.context, draw.prior)
    distortion = -joint.log_likelihood(codes.exact).mean(0).cpu()
    if not has_density(draw.posterior):
        return (distortion,)
    log_prior = density(draw.prior, draw.x.dtype)(codes.exact)
    law = in_double(draw.posterior) or draw.posterior
    return distortion, (log_density_at(law, codes).double() - log_prior).mean(0).cpu()
