"""One code of every example, and the densities there that the account of the ELBO asks for."""

from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from termwise.errors import Refused
from termwise.measuring.elbo.mixture_posteriors import Components, marginals_of
from termwise.measuring.elbo.population import LogAggregateEstimates
from termwise.measuring.elbo.split_aggregate import FittedNormal, SplitAggregate
from termwise.models.codes import Codes, log_density_at
from termwise.models.draw import Draw, InDouble
from termwise.models.tensor_dataclasses import map_fields
from termwise.terms.closed_form import kl


@dataclass(frozen=True)
class CodeDensities:
    """log q(z), and what it is compared with, at codes by example; everything in nats, float64, on the CPU.

    Attributes:
        expected_own: E_q(z|x)[log q(z|x)], shape (N,), and by dimension, (N, D); at the codes where it has no closed
            form.
        to_prior: E_q(z_j|x)[log q(z_j|x) - log p(z_j)], shape (N, D); no columns where the prior does not factorise.
        joint: log q(z).
        marginal: sum_j log q(z_j).
        marginals: log q(z_j) of the points themselves, shape (N, D).
        controls: What has mean zero for every example: shape (N, 2) for the joint, (N, D, 2) by dimension.
    """

    expected_own: Tensor
    expected_own_by_dimension: Tensor
    to_prior: Tensor
    joint: LogAggregateEstimates
    marginal: LogAggregateEstimates
    marginals: Tensor
    controls: Tensor
    controls_by_dimension: Tensor

    @classmethod
    def averaged(cls, batches: list["CodeDensities"], samples: int) -> "CodeDensities":
        """The densities of `samples` rounds over the data, of all their batches, averaged over the rounds."""
        return map_fields(lambda parts: mean_over_rounds(parts, samples), batches)


class DataAggregate:
    """q(z) of a data set's posteriors, and normal densities fitted to it.

    Args:
        components: The posteriors of all examples, in order of their index.
    """

    def __init__(self, components: Components) -> None:
        self.means = components.means
        self.split = SplitAggregate(components)
        parts = self.split.components
        self.fitted = FittedNormal(parts)
        self.fitted_elsewhere = [FittedNormal(parts[:p] + parts[p + 1 :]) for p in range(len(parts))]

    def at(self, draw: InDouble) -> CodeDensities:
        """The densities at the codes of one draw."""
        codes, posterior, index = draw.codes, draw.posterior, draw.index
        assert index is not None
        marginals = marginals_of(posterior)
        own, own_by_dimension = log_density_at(posterior, codes), log_density_at(marginals.base_dist, codes)
        expected = _expected(posterior, own)
        expected_by_dimension = _expected(marginals.base_dist, own_by_dimension)
        joint = self.split.joint(codes, index, own)
        by_dimension = self.split.by_dimension(codes, index, own_by_dimension)
        part = self.split.part[index]
        return CodeDensities(
            expected_own=expected,
            expected_own_by_dimension=expected_by_dimension,
            to_prior=_to_prior(marginals, draw.prior, codes),
            joint=LogAggregateEstimates.of(joint, _of_part([r.log_prob(codes) for r in self.fitted_elsewhere], part)),
            marginal=LogAggregateEstimates.of(
                by_dimension, _of_part([r.log_prob_by_dimension(codes) for r in self.fitted_elsewhere], part)
            ),
            marginals=by_dimension.of_points(),
            controls=torch.stack(
                [own - expected, self.fitted.log_prob(codes) - self.fitted.expected_log_prob(posterior)], -1
            ),
            controls_by_dimension=torch.stack(
                [
                    own_by_dimension - expected_by_dimension,
                    self.fitted.log_prob_by_dimension(codes) - self.fitted.expected_log_prob_by_dimension(posterior),
                ],
                -1,
            ),
        )


def under_others(draw: Draw) -> Tensor:
    """-log p(x|z') at codes z' of other examples, drawn at random, shape (B,)."""
    return -draw.model.generate(draw.independent.z, draw.context).log_prob(draw.x)


def mean_over_rounds(batches: list[Tensor], rounds: int) -> Tensor:
    """Values of the batches of several rounds over the same examples, averaged over rounds; float64, on the CPU."""
    return torch.cat([batch.double().cpu() for batch in batches]).unflatten(0, (rounds, -1)).mean(0)


def factorises(prior: Distribution) -> TypeGuard[Independent]:
    """Whether p(z) is the product of p(z_j)."""
    return isinstance(prior, Independent) and not prior.base_dist.event_shape


def _expected(law: Distribution, at_codes: Tensor) -> Tensor:
    """E[log q]: by its entropy, or else log q at the codes."""
    try:
        return -law.entropy()
    except NotImplementedError:
        return at_codes


def _of_part(by_part: list[Tensor], part: Tensor) -> Tensor:
    """Of values by part, shape (B, ...) each, those of every example's own part."""
    return torch.stack(by_part)[part, torch.arange(len(part), device=part.device)]


def _to_prior(marginals: Independent, prior: Distribution, codes: Codes) -> Tensor:
    """E[log q(z_j|x) - log p(z_j)]: in closed form, or else at the codes; no columns where the prior has no p(z_j)."""
    if not factorises(prior):
        return codes.centre.new_empty(len(codes), 0)
    try:
        return kl(marginals, prior)
    except Refused:
        return log_density_at(marginals.base_dist, codes) - log_density_at(prior.base_dist, codes)
