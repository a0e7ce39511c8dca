"""The links of groups of dimensions, for a posterior with a density: q(z_g) is the aggregate's margin over a group.

    group_correlation = E log q(z) - sum_g E log q(z_g)    within_group_correlation = total_correlation less that
    group_wise_kl     = marginal_kl less that, under a prior whose dimensions are independent

Of each E log q(z_g) the codes' noise is taken out as of the other links (`control_variates.py`).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, MultivariateNormal, Normal

from termwise.errors import Refused
from termwise.measuring.elbo.code_densities import expected_at, mean_over_rounds, posteriors_given
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.data_posteriors import joined_posteriors, marginals_given_categories, posteriors_of
from termwise.measuring.elbo.fitted_laws import fitted_to
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.measuring.elbo.rare_categories import Strata
from termwise.measuring.elbo.split_aggregate import SplitAggregate
from termwise.models.block_law import BlockLaw, Conditional
from termwise.models.categories import Categories
from termwise.models.chained_law import ChainedLaw, law_of as law_of_links
from termwise.models.codes import factorises, log_density_at
from termwise.models.codewords import Codewords
from termwise.models.distributions import innermost, some_numbers
from termwise.terms.aggregate.gaussians import Gaussians
from termwise.terms.aggregate.margin import margin


def components_over(components: NormalPosteriors, group: Sequence[int]) -> NormalPosteriors:
    """The components of the same examples over some dimensions."""
    shape = components.mean.shape[:2]
    one = margin(Gaussians(components.mean.flatten(0, 1), components.spread.flatten(0, 1)), group)
    assert isinstance(one, Gaussians)
    return NormalPosteriors(components.log_weight, one.mean.unflatten(0, shape), one.spread.unflatten(0, shape))


def law_of(components: NormalPosteriors) -> Distribution:
    """The posteriors whose components these are, batch shape (N,), event shape (D,)."""
    alone = components.mean.shape[1] == 1
    mean, spread = (of.squeeze(1) if alone else of for of in (components.mean, components.spread))
    if components.spread.dim() == 3:
        parts: Distribution = Independent(Normal(mean, spread, validate_args=False), 1, validate_args=False)
    else:
        parts = MultivariateNormal(mean, scale_tril=spread, validate_args=False)
    if alone:
        return parts
    shares = Categorical(logits=components.log_weight, validate_args=False)
    return MixtureSameFamily(shares, parts, validate_args=False)


def law_over(law: Distribution, group: Sequence[int]) -> Distribution:
    """Posteriors over some numbers of their codes, in the order of z: batch shape (N,), event shape (g,).

    Raises:
        Refused: They are some of the numbers of a law that falls apart by none.

    Example:
        >>> law = BlockLaw([Categories(torch.zeros(5, 1, 3)), Independent(Normal(torch.zeros(5, 2), 1.0), 1)])
        >>> [block.event_shape for block in law_over(law, [0, 1, 2, 4]).blocks]
        [torch.Size([3]), torch.Size([1])]
    """
    chosen = sorted(group)
    if chosen == list(range(law.event_shape.numel())):
        return law
    if isinstance(law, BlockLaw):
        within = [[j - part.start for j in chosen if part.start <= j < part.stop] for part in law.slices]
        parts = [law_over(block, its) for block, its in zip(law.blocks, within, strict=True) if its]
        return parts[0] if len(parts) == 1 else BlockLaw(parts)
    if isinstance(law, ChainedLaw):
        return _over_blocks(law, chosen)
    if NormalPosteriors.takes(law):
        return law_of(components_over(NormalPosteriors.of(law), chosen))
    if isinstance(law, Categories):
        count = law.log_probs.shape[-1]
        return Categories(law.log_probs[..., [j // count for j in chosen[::count]], :])
    if isinstance(law, Codewords):
        return law.at_positions([j // law.width for j in chosen[:: law.width]])
    if factorises(law):
        return Independent(some_numbers(law.base_dist, chosen), 1, validate_args=False)
    raise Refused(
        f"A group has all numbers of a law that does not fall apart by them, such as this "
        f"{type(innermost(law)).__name__}; got {chosen} of {law.event_shape.numel()}. Put the others beside them, or "
        "leave groups out."
    )


def _over_blocks(law: ChainedLaw, chosen: list[int]) -> Distribution:
    """The same of blocks of which some are given others: whole blocks with all that they are given, or one alone."""
    within = [[j - part.start for j in chosen if part.start <= j < part.stop] for part in law.slices]
    places = [place for place, its in enumerate(within) if its]
    given = {place: link.given for place in places if isinstance(link := law.links[place], Conditional)}
    whole = all(len(within[place]) == law.slices[place].stop - law.slices[place].start for place in places)
    if whole and all(set(its) <= set(places) for its in given.values()):
        links = [
            Conditional(link.law, [places.index(at) for at in link.given], link.size, link.features)
            if isinstance(link := law.links[place], Conditional)
            else link
            for place in places
        ]
        return law_of_links(links, [law.names[place] for place in places])
    marginals = marginals_given_categories(law)
    if len(places) == 1 and marginals is not None:
        return law_over(marginals[places[0]], within[places[0]])
    raise Refused(
        "Of blocks that are given others a group has all numbers of some, with all blocks that these are given; or "
        f"numbers of one that is given categories. Got {chosen} of {law.event_shape.numel()}. Put what they are given "
        "beside them, or leave groups out."
    )


class GroupDensities:
    """log q(z_g) at one code of every example, round by round, for groups of dimensions.

    Args:
        posteriors: Those of all examples, batch by batch in order of their index.
        groups: The dimensions of each group.
        laws: How many of them, chosen at random, are asked at every code; None for all.
    """

    def __init__(self, posteriors: Sequence[Distribution], groups: list[list[int]], laws: int | None = None) -> None:
        self.groups = [sorted(group) for group in groups]
        whole = [
            joined_posteriors([posteriors_of(law_over(law, group)) for law in posteriors]) for group in self.groups
        ]
        self.splits = [SplitAggregate(of_group, laws=laws) for of_group in whole]
        self.fitted = [fitted_to(of_group) for of_group in whole]
        self._values: list[Tensor] = []  # (B, groups) each
        self._expected: list[Tensor] = []
        self._controls: list[Tensor] = []  # (B, groups, 2) each

    def look(self, strata: Strata) -> None:
        """Take in the codes of one draw."""
        draw = strata.draw
        assert draw.index is not None
        values, expected, controls = [], [], []
        for group, split, fitted in zip(self.groups, self.splits, self.fitted, strict=True):
            codes, law = draw.codes.columns(group), law_over(draw.posterior, group)
            own = log_density_at(law, codes).double()
            mean = expected_at(law, own, codes).double()
            values.append(split.joint(codes, draw.index, own).of_points())
            expected.append(mean)
            foretold = fitted.log_prob(codes) - fitted.expected_log_prob(posteriors_given(law, codes))
            controls.append(torch.stack([own - mean, foretold], -1))
        for gathered, of in ((self._values, values), (self._expected, expected), (self._controls, controls)):
            gathered.append(strata.mean(torch.stack(of, 1)))

    def links(self, links: Mapping[str, Tensor], expected_own: Tensor, samples: int) -> dict[str, Tensor]:
        """The links of groups by example, shape (N,), from those of the walk through the marginals.

        Args:
            links: The links that need no groups, by example.
            expected_own: E log q(z|x), shape (N,).
            samples: How many codes of every example were looked at.
        """
        averaged = [mean_over_rounds(of, samples) for of in (self._values, self._controls, self._expected)]
        by_group = zip(*(of.unbind(1) for of in averaged), strict=True)
        log_q_groups = torch.stack([controlled(*of_group) for of_group in by_group]).sum(0)
        between = expected_own - links["index_code_mi"] - log_q_groups
        of_groups = {"group_correlation": between}
        if "total_correlation" in links:
            of_groups["within_group_correlation"] = links["total_correlation"] - between
        if "dimension_wise_kl" in links:
            of_groups["group_wise_kl"] = links["marginal_kl"] - between
        return of_groups
