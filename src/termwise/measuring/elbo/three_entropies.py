"""How far a normal model is from a stationary point, in nats: its ELBO less the sum of three entropies.

With q(z|x) normal, p(z) = N(0, I) and p(x|z) = N(mu(z), sigma^2), sigma learned, the ELBO is at every stationary point
(Damm et al., 2023, theorem 1)

    ELBO = E H[q(z|x)] - H[p(z)] - E H[p(x|z)],

for two derivatives are 0 there. In sigma, of one number or of each entry of x, that of the distortion:

    distortion - E H[p(x|z)] = 1/2 E sum_i [(x_i - mu_i)^2 / sigma_i^2 - 1] = -1/2 sum_i d distortion / d log sigma_i.

And along z_j -> c z_j, which an encoder and a decoder that begin and end in linear layers can do without changing
p(x|z), that of the rate:

    rate - (H[p(z)] - E H[q(z|x)]) = 1/2 sum_j (E z_j^2 - 1) = 1/2 sum_j d rate / d log c_j.

So the gap has a part of the likelihood and one of the code, either of which may have either sign. That they are 0 is
necessary for a stationary point, and not enough. A weight on the rate, and terms of q(z) that no scale of a dimension
changes, leave both conditions as they are.
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from termwise.account.reading import AnyReading, reading_of
from termwise.models.data_pass import DataPass
from termwise.models.distributions import in_double
from termwise.models.draw import Draw
from termwise.models.drawable import generates, prior_given_side, shared_rates, target_of
from termwise.models.likelihoods import ColumnsLikelihood, NormalLikelihood
from termwise.models.scaler import Scaler

BIAS = "0 at a stationary point, on the examples trained on; on others also how these differ"
"""What is to be known of the gap wherever it is read."""


def three_entropies(
    batches: DataPass, first: Draw, elbo: Tensor | None
) -> tuple[dict[str, AnyReading], dict[str, Tensor]]:
    """The readings of the sum, of the gap and of its parts, and their values by example, shape (N,).

    None of a model that the theorem is not of: with another posterior, prior or likelihood, or a sigma that learns
    nothing.

    Args:
        batches: The data through the model.
        first: A draw of some of them.
        elbo: By example, shape (N,); None where there is none.
    """
    if elbo is None or not is_normal_model(first):
        return {}, {}
    of_batches = [(*_of_code(in_double(draw.posterior)), _entropies_of_output(draw)) for draw in batches()]
    own, squares, output = (
        torch.cat([part.cpu().double() for part in parts]) for parts in zip(*of_batches, strict=True)
    )
    of_prior = 0.5 * first.posterior.event_shape[0] * math.log(2 * math.pi * math.e)
    values = {"three_entropies": own - of_prior - output}
    values["stationarity_gap"] = elbo - values["three_entropies"]
    values["stationarity_gap_of_code"] = 0.5 * (first.posterior.event_shape[0] - squares)
    values["stationarity_gap_of_likelihood"] = values["stationarity_gap"] - values["stationarity_gap_of_code"]
    exact, sampled = "closed form", "closed form; distortion: Monte Carlo"
    how = {"three_entropies": (exact, "exact for every x"), "stationarity_gap_of_code": (exact, BIAS)}
    return {
        name: reading_of(of, name, estimator=estimator, bias=bias)
        for name, of in values.items()
        for estimator, bias in [how.get(name, (sampled, BIAS))]
    }, values


def is_normal_model(draw: Draw) -> bool:
    """Whether the theorem is of this model: normal posterior, N(0, I), a normal likelihood of x whose sigma is learned.

    Example:
        >>> from termwise.models import VAE
        >>> one, other = (VAE.build((4,), latent=2, likelihood=name) for name in ("normal:learned", "normal:0.1"))
        >>> is_normal_model(one.draw(torch.zeros(3, 4))), is_normal_model(other.draw(torch.zeros(3, 4)))
        (True, False)
    """
    model = draw.model
    if not generates(model) or target_of(model) is not None or prior_given_side(model) or shared_rates(model):
        return False
    return _is_normal(draw.posterior) and _is_standard(draw.prior) and _sigma_is_learned(model)


def _is_normal(law: Distribution) -> bool:
    return isinstance(law, MultivariateNormal) or (
        isinstance(law, Independent) and isinstance(law.base_dist, Normal) and len(law.event_shape) == 1
    )


def _is_standard(prior: Distribution) -> bool:
    """Whether it is N(0, I)."""
    if not (isinstance(prior, Independent) and isinstance(prior.base_dist, Normal)):
        return False
    normal = prior.base_dist
    return not prior.batch_shape and bool((normal.loc == 0).all() and (normal.scale == 1).all())


def _sigma_is_learned(model: object) -> bool:
    likelihood = getattr(model, "likelihood", None)
    if isinstance(likelihood, ColumnsLikelihood):
        return len(likelihood.layout.entries["number"]) == likelihood.layout.size
    return isinstance(likelihood, NormalLikelihood) and isinstance(likelihood.sigma, str)


def _of_code(posterior: Distribution | None) -> tuple[Tensor, Tensor]:
    """H[q(z|x)] and E|z|^2 by example, shape (B,), of normals."""
    assert posterior is not None
    return posterior.entropy(), (posterior.mean.square() + posterior.variance).sum(-1)


def _entropies_of_output(draw: Draw) -> Tensor:
    """H[p(x|z)] of the entries that each example has, shape (B,), nats; sigma knows no z, so it is no average."""
    likelihood, there = draw.model.likelihood, ~draw.x.isnan()  # type: ignore[attr-defined]
    if isinstance(likelihood, ColumnsLikelihood):
        sigma = (likelihood.stddevs * (likelihood.log_sigma.exp() + likelihood.FLOOR))[likelihood.layout.back]
    else:
        sigma = torch.as_tensor(likelihood.scale())
    each = sigma.double().log() + 0.5 * math.log(2 * math.pi * math.e)
    entropies = torch.where(there, each.to(there.device), 0.0).flatten(1).sum(1)
    scaler = getattr(draw.model, "scaler", None) if getattr(draw.model, "is_of_standardised", False) else None
    return entropies + scaler.log_volumes(draw.x) if isinstance(scaler, Scaler) else entropies
