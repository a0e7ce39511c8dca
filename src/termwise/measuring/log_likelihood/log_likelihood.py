"""log p(x) of a model on data, and equation (1): log p(x), ELBO, and the gap between them.

    log p(x) = ELBO + KL(q(z|x) || p(z|x))

Annealing gives log p(x) on the data; BDMC says, on data simulated from the model, how far off that is. What holds on
simulated data need not hold where the data is unlike it, so the data's own weights are looked at, too.
"""

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from termwise.data.dataset import Dataset
from termwise.errors import BadData, Refused, UnknownName
from termwise.measuring.log_likelihood.annealing import Annealer, annealed, base_law
from termwise.measuring.log_likelihood.bdmc import Certificate, certificates, doubling, simulate
from termwise.measuring.log_likelihood.densities import Joint, has_density, not_all_numbers
from termwise.measuring.log_likelihood.diagnosis import diagnose
from termwise.measuring.log_likelihood.gaps import adaptable, best_normal
from termwise.measuring.log_likelihood.importance import effective_sample_size, jackknife, log_mean_exp, log_weights
from termwise.measuring.log_likelihood.result import BASES, LogLikelihood, Procedure, readings_of
from termwise.measuring.log_likelihood.summed_out import EveryCategory, SummedJoint, is_discrete
from termwise.measuring.subject import subject_of
from termwise.models.block_law import blocks_of
from termwise.models.check_model import check_model
from termwise.models.data_pass import DataPass, Progress, evaluating
from termwise.models.distributions import given_beside, innermost, log_prob_is_of
from termwise.models.draw import Draw
from termwise.models.drawable import Drawable, generates, given_variables
from termwise.models.randomness import own_randomness
from termwise.models.scaler import sum_log_scale
from termwise.models.target import check_makes_examples
from termwise.values import Count, Natural, PositiveFinite, Samples, Seed, checked


@checked
def log_likelihood(
    model: Drawable,
    data: Dataset,
    *,
    method: str = "ais",
    samples: Samples = 500,
    chains: Count = 8,
    leapfrogs: Count = 3,
    temperatures: Count | None = None,
    most_temperatures: Count = 1024,
    tolerance: PositiveFinite = 0.1,
    simulated: Natural = 64,
    base: str | None = None,
    split_gap: bool = False,
    limit: Count | None = None,
    seed: Seed = 0,
    batch_size: Count = 64,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> LogLikelihood:
    """log p(x) by annealed importance sampling, or by importance weights alone, and the inference gap.

    The categories of a code, where they are few, are summed out, and annealed are its numbers; of a code of categories
    alone log p(x) is the sum. Importance weights take codes of any kind.

    AIS takes an example about chains * leapfrogs * (temperatures + 55) times through the decoder and back; doubling
    takes a simulated one four times its last temperatures.

    Args:
        model: A VAE, or what `adapt` made; it, and the random state, are left as they were.
        data: The examples.
        method: "ais", or "iwae" for the importance-weighted bound alone.
        samples: Codes an example for ELBO and IWAE.
        chains: AIS chains an example.
        leapfrogs: HMC's leapfrog steps a transition.
        temperatures: For AIS, as many as you ask; where left out they double until BDMC's gap is under `tolerance`.
        most_temperatures: Where doubling ends; the reading then says that the gap was not reached.
        tolerance: Of BDMC's gap, nats.
        simulated: Examples from the model, for BDMC; 0 for none, which needs `temperatures`.
        base: Where chains begin: "posterior", "normal", which has the posterior's moments, or "prior". Where left out,
            the posterior if it has a density, and else the normal, of which the importance weights then are, too: any
            law with a density makes a bound.
        split_gap: Whether to seek the best normal posterior of every example, and split the gap.
        limit: How many examples, chosen at random; all where left out.
        seed: Of everything random here.
        batch_size: Examples at a time; `chains` times as many are decoded at once.
        device: Where the model is.
        progress: Told how far things are.

    Returns:
        Readings in nats: log_likelihood, log_likelihood_jackknife, elbo, iwae, inference_gap; effective_sample_size,
        in chains or codes; by "ais" bdmc_lower, bdmc_upper and bdmc_gap, on simulated data; with `split_gap`
        approximation_gap and amortisation_gap. Of a posterior without a density no elbo, and so no gap.

    Raises:
        Refused: An option that cannot be, or a model without what the method asks.

    Example:
        >>> import termwise as tw
        >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2)
        >>> data = tw.load_data(world.data(100), test=0.0)
        >>> evidence = log_likelihood(world, data, method="iwae", samples=200, limit=50)
        >>> evidence["elbo"].value < evidence["log_likelihood"].value  # nats
        True
    """
    _check(method, base, temperatures, simulated, tolerance)
    _check_positive(
        samples=samples, chains=chains, leapfrogs=leapfrogs, temperatures=temperatures, limit=limit,
        most_temperatures=most_temperatures, batch_size=batch_size,
    )  # fmt: skip
    if not generates(model):
        raise Refused("log p(x) needs p(x|z), and this model has no decoder: pass adapt(decode=...).")
    check_makes_examples(model)
    index = chosen_examples(len(data), limit, seed)
    batches = DataPass(model, data.subset(index), batch_size, device)
    check_model(batches)
    tell = progress or (lambda stage, part: None)
    certificate, schedule = None, None
    by_batch: dict[str, list[Tensor]] = {}
    with own_randomness(seed), evaluating(model):
        first = next(iter(batches()))
        has_log_prob = has_density(first.posterior)
        if base == "posterior" and not has_log_prob:
            raise Refused(
                "This posterior has no density, so neither importance weights nor chains can begin at it. Leave base "
                'out, or say "normal": the normal with the posterior\'s moments.'
            )
        proposal = "posterior" if has_log_prob else "normal"
        base = base or proposal
        every = _every_category(first) if method == "ais" else None
        if (method == "ais" and every is None) or split_gap:
            _check_gradients(first.posterior, first.prior)
        elif every is not None and len(every.numbers):
            _check_gradients(*(every.numbers_of(law) for law in (first.posterior, first.prior)))
        by_sum = every is not None and not len(every.numbers)
        annealer = Annealer(chains, leapfrogs, base, every) if method == "ais" and not by_sum else None
        if split_gap:
            adaptable(first.posterior)
        grey = isinstance(innermost(first.likelihood), Bernoulli) and not batches.data.value_range().binary
        likelihood_is_of = log_prob_is_of(first.likelihood, grey=grey)
        beside = given_beside(first.likelihood)
        if annealer is not None and simulated and beside:
            raise Refused(
                f"BDMC's data are simulated from the model, and this likelihood is of x given {beside}, which only x "
                'tells. Say method="iwae"; or simulated=0 and how many temperatures, for AIS without a certificate.'
            )
        if annealer is not None and simulated:
            counts = doubling(most_temperatures) if temperatures is None else [temperatures]
            certificate = _certificate(batches, annealer, simulated, tolerance, counts, tell)
            schedule = certificate.schedule
        for number, draw in enumerate(batches()):
            joint = Joint(model, draw.x, draw.context, draw.prior)
            parts = _by_importance(joint, draw, proposal, samples, split_gap)
            if annealer is not None:
                path, kernels = annealer.prepare(joint, draw.posterior)
                if schedule is None:
                    schedule = kernels.schedule(temperatures or 1)
                run = annealed(path, kernels, schedule, path.start(chains))
                parts |= _weighed(run.log_weights) | {"acceptance": run.acceptance.mean(0)}
            elif every is not None:  # the sum is exact, and needs no word on its weights
                parts = {name: value for name, value in parts.items() if name in ("iwae", "elbo")}
                parts["log_likelihood"] = SummedJoint(joint, every).evidence()
            for name, value in parts.items():
                by_batch.setdefault(name, []).append(value.cpu())
            tell(f"log p(x) by {method.upper()}", min(1.0, (number + 1) * batch_size / len(index)))
    values = {name: torch.cat(parts) for name, parts in by_batch.items()}
    _check_finite(values)
    _subtract(values)
    procedure = Procedure(
        samples=samples,
        chains=chains,
        temperatures=None if schedule is None else len(schedule) - 1,
        base=base,
        proposal=proposal,
        certificate=certificate,
        tolerance=tolerance,
        grey=grey,
        given=_given(model, first),
        beside=beside,
        categories=None if every is None else len(every),
    )
    readings = readings_of(values, procedure)
    per_example = {name: value for name, value in values.items() if name in readings}
    about = {
        "name": data.name,
        "n": len(index),
        "fingerprint": batches.data.fingerprint(),
        "likelihood": likelihood_is_of,
        **subject_of(batches.model, data),
        **sum_log_scale(batches.model),
    }
    sentences = tuple(diagnose(values, procedure))
    return LogLikelihood(readings, sentences, per_example, about, certificate=certificate, index=index)


def _given(model: Drawable, draw: Draw) -> str:
    """What log p(x) is given; nothing, of most models."""
    if taken := given_variables(model):
        return ", ".join(variable.name for variable in taken)
    return "" if draw.context is None else "the context that the encoder hands to the decoder"


def _certificate(
    batches: DataPass, annealer: Annealer, count: int, tolerance: PositiveFinite, counts: list[int], tell: Progress
) -> Certificate:
    """The first certificate that reaches the tolerance, or the last."""
    parts = torch.randint(len(batches), (count,)).split(batches.batch_size)
    simulated = [simulate(batches.model, batches.at(part), annealer) for part in parts]
    for number, certificate in enumerate(certificates(simulated, annealer.chains, tolerance, counts)):
        tell(f"BDMC, {certificate.temperatures} temperatures", (number + 1) / len(counts))
        if certificate.reached:
            break
    return certificate


def _by_importance(joint: Joint, draw: Draw, proposal: str, samples: Samples, split_gap: bool) -> dict[str, Tensor]:
    """Weights of the proposal's codes; as log p(x), too, where no chain overrules them."""
    weights = log_weights(joint, base_law(proposal, joint, draw.posterior), samples)
    parts = _weighed(weights) | {"iwae": log_mean_exp(weights)}
    if proposal == "posterior":
        parts["elbo"] = weights.mean(0)
    if split_gap:
        best = best_normal(joint, draw.posterior)
        parts |= {"best_elbo": log_weights(joint, best.law, samples).mean(0), "search_lacks": best.lacks}
    return parts


def _weighed(weights: Tensor) -> dict[str, Tensor]:
    return {
        "log_likelihood": log_mean_exp(weights),
        "log_likelihood_jackknife": jackknife(weights),
        "effective_sample_size": effective_sample_size(weights),
    }


def _subtract(values: dict[str, Tensor]) -> None:
    """The gaps, of what there is."""
    if "elbo" in values:
        values["inference_gap"] = values["log_likelihood"] - values["elbo"]
    if "best_elbo" in values:
        values["approximation_gap"] = values["log_likelihood"] - values["best_elbo"]
        values["amortisation_gap"] = values["best_elbo"] - values["elbo"]


def _check_finite(values: dict[str, Tensor]) -> None:
    for name in ("log_likelihood", "elbo"):
        bad = int((~torch.isfinite(values[name])).sum()) if name in values else 0
        if bad:
            raise BadData(
                f"Expected every example to have some density under the model; the {name} of {bad} of "
                f"{len(values[name])} is not finite. Is the data of the kind that the likelihood takes?"
            )


def _check(
    method: str, base: str | None, temperatures: Count | None, simulated: Natural, tolerance: PositiveFinite
) -> None:
    if method not in ("ais", "iwae"):
        raise UnknownName("method", method, ("ais", "iwae"))
    if base is not None and base not in BASES:
        raise UnknownName("base", base, BASES)
    if simulated < 0 or simulated == 1:
        raise Refused(f"BDMC's error needs two simulated examples or more, or none with 0; got simulated={simulated}.")
    if method == "ais" and not simulated and temperatures is None:
        raise Refused("The temperatures double until BDMC is content; with simulated=0, say temperatures=1000, or so.")
    if not tolerance > 0:
        raise Refused(f"A tolerance is a positive number of nats; got {tolerance}.")


def _every_category(draw: Draw) -> EveryCategory | None:
    """What a code's categories are summed over; None where it has none."""
    return EveryCategory(draw.posterior) if any(map(is_discrete, blocks_of(draw.posterior))) else None


def _check_gradients(*laws: Distribution) -> None:
    """Raise Refused where codes cannot be moved by gradients, anywhere there are numbers."""
    for law in laws:
        if words := not_all_numbers(law):
            raise Refused(
                f"Annealing, and the search for a better posterior, move codes by gradients through all real numbers; "
                f"these are {words}. Take method='iwae', without split_gap."
            )


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise Refused(f"{name} must be 1 or more; got {number}.")


def chosen_examples(count: int, limit: Count | None, seed: Seed) -> Tensor:
    """Positions of `limit` examples of `count`, chosen at random, in order; of all where no limit is set.

    Example:
        >>> chosen_examples(5, None, seed=0).tolist(), len(chosen_examples(5, 3, seed=0))
        ([0, 1, 2, 3, 4], 3)
    """
    if limit is None or limit >= count:
        return torch.arange(count)
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:limit].sort().values
