"""The links of groups of dimensions, for a posterior with a density: q(z_g) is the aggregate's margin over a group.

    group_correlation = E log q(z) - sum_g E log q(z_g)    within_group_correlation = total_correlation less that
    group_wise_kl     = marginal_kl less that, under a prior whose dimensions are independent

Of each E log q(z_g) the codes' noise is taken out as of the other links (`control_variates.py`).
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, MultivariateNormal, Normal

from termwise.measuring.elbo.code_densities import mean_over_rounds
from termwise.measuring.elbo.control_variates import controlled
from termwise.measuring.elbo.fitted_laws import FittedNormal
from termwise.measuring.elbo.mixture_posteriors import NormalPosteriors
from termwise.models.codes import log_density_at
from termwise.models.draw import InDouble
from termwise.terms.aggregate.gaussians import Gaussians
from termwise.terms.aggregate.margin import margin


def components_over(components: NormalPosteriors, group: list[int]) -> NormalPosteriors:
    """The components of the same examples over some dimensions."""
    shape = components.mean.shape[:2]
    one = margin(Gaussians(components.mean.flatten(0, 1), components.spread.flatten(0, 1)), group)
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


class GroupDensities:
    """log q(z_g) at one code of every example, round by round, for groups of dimensions.

    Args:
        components: Those of q(z).
        groups: The dimensions of each group.
    """

    def __init__(self, components: NormalPosteriors, groups: list[list[int]]) -> None:
        self.groups = groups
        parts = [components_over(components, group) for group in groups]
        self.sums = [part.summed() for part in parts]
        self.fitted = [FittedNormal(part) for part in parts]
        self.log_count = float(torch.tensor(len(components)).double().log())
        self._values: list[Tensor] = []  # (B, groups) each
        self._expected: list[Tensor] = []
        self._controls: list[Tensor] = []  # (B, groups, 2) each

    def look(self, draw: InDouble) -> None:
        """Take in the codes of one draw."""
        everyone = torch.full((len(draw),), -1, device=draw.x.device)
        values, expected, controls = [], [], []
        for group, total, fitted in zip(self.groups, self.sums, self.fitted, strict=True):
            codes = draw.codes.columns(group)
            its = components_over(NormalPosteriors.of(draw.posterior), group)
            law = law_of(its)
            own = log_density_at(law, codes).double()
            mean = own if isinstance(law, MixtureSameFamily) else -law.entropy().double()
            values.append(total.joint(codes, everyone) - self.log_count)
            expected.append(mean)
            controls.append(torch.stack([own - mean, fitted.log_prob(codes) - fitted.expected_log_prob(its)], -1))
        self._values.append(torch.stack(values, 1))
        self._expected.append(torch.stack(expected, 1))
        self._controls.append(torch.stack(controls, 1))

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
        of_groups = {
            "group_correlation": between,
            "within_group_correlation": links["total_correlation"] - between,
        }
        if "dimension_wise_kl" in links:
            of_groups["group_wise_kl"] = links["marginal_kl"] - between
        return of_groups
