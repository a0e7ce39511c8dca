"""One code of every example, and the densities there that the account of the ELBO asks for."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.measuring.elbo.data_posteriors import DataPosteriors, joined_posteriors, posteriors_of
from termwise.measuring.elbo.fitted_laws import fitted_to
from termwise.measuring.elbo.population import LogAggregateEstimates
from termwise.measuring.elbo.split_aggregate import SplitAggregate
from termwise.models.block_law import BlockLaw, LawOfBlocks, blocks_of
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw
from termwise.models.codes import Codes, factorises, log_density_at, log_density_by_dimension
from termwise.models.codewords import Codewords
from termwise.models.draw import Draw
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
        of_points: log q(z) of the points themselves: exact, shape (N, 1), or below, near and above it, (N, 3).
        marginal_of_points: sum_j log q(z_j) of the points themselves, likewise.
        marginals: log q(z_j) of the points themselves, exact or near, shape (N, D).
        controls: What has mean zero for every example: shape (N, 2) for the joint, (N, D, 2) by dimension.
        by_block: log q(z_b), log q(z_b|x) and its expectation, of each block as a whole, shape (N, blocks, 3); none
            of a flat code.
    """

    expected_own: Tensor
    expected_own_by_dimension: Tensor
    to_prior: Tensor
    joint: LogAggregateEstimates
    marginal: LogAggregateEstimates
    of_points: Tensor
    marginal_of_points: Tensor
    marginals: Tensor
    controls: Tensor
    controls_by_dimension: Tensor
    by_block: Tensor

    @classmethod
    def averaged(cls, batches: list["CodeDensities"], samples: int) -> "CodeDensities":
        """The densities of `samples` rounds over the data, of all their batches, averaged over the rounds."""
        return map_fields(lambda parts: mean_over_rounds(parts, samples), batches)


class DataAggregate:
    """q(z) of a data set's posteriors, and laws of few parameters fitted to it.

    Args:
        posteriors: Those of all examples, in order of their index.
        laws: How many of them, chosen at random, are asked at every code; None for all.
    """

    def __init__(self, posteriors: DataPosteriors, laws: int | None = None) -> None:
        self.posteriors, self.means, self.laws = posteriors, posteriors.means, laws
        self.split = SplitAggregate(posteriors, laws=laws)
        parts = self.split.posteriors
        self.fitted = fitted_to(posteriors)
        elsewhere = [parts[:p] + parts[p + 1 :] for p in range(len(parts))]
        self.fitted_elsewhere = [fitted_to(joined_posteriors(others)) for others in elsewhere]

    def at(self, draw: Draw) -> CodeDensities:
        """The densities at the codes of one draw."""
        codes, posterior, index = draw.codes, draw.posterior, draw.index
        assert index is not None
        marginals, posteriors = posteriors_of(posterior).marginals(), posteriors_given(posterior, codes)
        own, own_by_dimension = log_density_at(posterior, codes), log_density_by_dimension(marginals, codes)
        expected = expected_at(posterior, own, codes)
        if own_by_dimension is None:
            own_by_dimension = own.new_empty(len(own), 0)
        expected_by_dimension = _expected_by_dimension(marginals, codes, own_by_dimension)
        joint = self.split.joint(codes, index, own)
        by_dimension = self.split.by_dimension(codes, index, own_by_dimension)
        part = self.split.part[index]
        known = slice(own_by_dimension.shape[1])  # no dimension, where the marginals are unknown
        fitted_by_dimension = [r.log_prob_by_dimension(codes)[:, known] for r in self.fitted_elsewhere]
        at_codes, mean = (
            of[:, known]
            for of in (
                self.fitted.log_prob_by_dimension(codes),
                self.fitted.expected_log_prob_by_dimension(posteriors),
            )
        )
        return CodeDensities(
            expected_own=expected,
            expected_own_by_dimension=expected_by_dimension,
            to_prior=_to_prior(marginals, draw.prior, codes, own_by_dimension),
            joint=LogAggregateEstimates.of(joint, self.fitted_elsewhere_at(codes, index)),
            marginal=LogAggregateEstimates.of(by_dimension, _of_part(fitted_by_dimension, part)),
            of_points=joint.between(),
            marginal_of_points=by_dimension.between().sum(1),
            marginals=by_dimension.of_points(),
            controls=torch.stack(
                [own - expected, self.fitted.log_prob(codes) - self.fitted.expected_log_prob(posteriors)], -1
            ),
            controls_by_dimension=torch.stack([own_by_dimension - expected_by_dimension, at_codes - mean], -1),
            by_block=self._by_block(posterior, codes, index),
        )

    def fitted_elsewhere_at(self, codes: Codes, index: Tensor) -> Tensor:
        """log r(z) of codes of the examples at `index`, shape (B,), r fitted to parts that the example is not in."""
        return _of_part([r.log_prob(codes) for r in self.fitted_elsewhere], self.split.part[index])

    def _by_block(self, posterior: Distribution, codes: Codes, index: Tensor) -> Tensor:
        """log q(z_b), log q(z_b|x) and its expectation, of every block as a whole: shape (B, blocks, 3).

        Where blocks are given others, each is given all before it.
        """
        if not isinstance(posterior, LawOfBlocks):
            return codes.exact.new_empty(len(codes), 0, 3)
        chained = isinstance(posterior, ChainedLaw)
        laws = posterior.firsts() if isinstance(posterior, ChainedLaw) else blocks_of(posterior)
        of_blocks = []
        for block, law in enumerate(laws):
            its = codes.columns(slice(law.event_shape.numel()) if chained else posterior.slices[block])
            own = log_density_at(law, its)
            log_q = self.split.of_block(block, codes, index, own).of_points()
            of_blocks.append(torch.stack([log_q, own, expected_at(law, own, its)], 1))
        each = torch.stack(of_blocks, 1)
        return each.diff(dim=1, prepend=torch.zeros_like(each[:, :1])) if chained else each


def under_others(draw: Draw) -> Tensor:
    """-log p(x|z') at codes z' of other examples, drawn at random, shape (B,)."""
    return -draw.model.generate(draw.independent.z, draw.context).log_prob(draw.target)


def mean_over_rounds(batches: list[Tensor], rounds: int) -> Tensor:
    """Values of the batches of several rounds over the same examples, averaged over rounds; float64, on the CPU."""
    return torch.cat([batch.cpu().double() for batch in batches]).unflatten(0, (rounds, -1)).mean(0)


def posteriors_given(law: Distribution, codes: Codes) -> DataPosteriors:
    """The posteriors of codes, from which expectations are taken: of blocks given numbers, given the codes before."""
    posteriors = posteriors_of(law)
    marginals = posteriors.marginals()
    return posteriors_of(marginals.at(codes.z)) if isinstance(marginals, ChainedLaw) else posteriors


def expected_at(law: Distribution, at_codes: Tensor, codes: Codes) -> Tensor:
    """E[log q]: by its entropy, given the codes before where blocks are given others, or else log q at the codes."""
    for one in (law, law.at(codes.z)) if isinstance(law, ChainedLaw) else (law,):
        try:
            return -one.entropy()
        except NotImplementedError:
            continue
    return at_codes


def _expected_by_dimension(marginals: Distribution, codes: Codes, at_codes: Tensor) -> Tensor:
    """E[log q(z_j|x)], shape (B, D): by entropies, or else log q(z_j|x) at the codes."""
    if isinstance(marginals, BlockLaw):
        parts = zip(marginals.blocks, marginals.slices, strict=True)
        lines = []
        for block, part in parts:
            its = codes.columns(part)
            by_dimension = log_density_by_dimension(block, its)
            if by_dimension is None:
                lines.append(expected_at(block, log_density_at(block, its), its).unsqueeze(1))
            else:
                lines.append(_expected_by_dimension(block, its, by_dimension))
        return torch.cat(lines, 1)
    if isinstance(marginals, Categories):
        return -marginals.entropy_by_position().double()
    if isinstance(marginals, Codewords):
        return at_codes  # 0, as of any point
    return expected_at(marginals.base_dist, at_codes, codes) if factorises(marginals) else at_codes


def _of_part(by_part: list[Tensor], part: Tensor) -> Tensor:
    """Of values by part, shape (B, ...) each, those of every example's own part."""
    return torch.stack(by_part)[part, torch.arange(len(part), device=part.device)]


def _to_prior(marginals: Distribution, prior: Distribution, codes: Codes, own: Tensor) -> Tensor:
    """E[log q(z_j|x) - log p(z_j)]: in closed form, or else at the codes; no columns where the prior has no p(z_j)."""
    of_prior = log_density_by_dimension(prior, codes)
    if of_prior is None or of_prior.shape != own.shape:
        return own.new_empty(len(codes), 0)
    try:
        exact = kl(marginals, prior)
    except Refused:
        return own - of_prior
    return exact if exact.shape == own.shape else own - of_prior
