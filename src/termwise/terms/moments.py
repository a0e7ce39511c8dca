"""How far apart two laws' covariances are: what of a link a normal could show (Kumar et al., 2018).

    |C_left - C_right|^2 = sum_ij (C_left - C_right)_ij^2,    C of the aggregate = Cov[E z|x] + E Cov[z|x]

Groups have its blocks, marginals its diagonal, and the prior its own. So it is sum_(i != j) C_ij^2 from aggregate to
marginals, and sum_j (C_jj - 1)^2 from there to N(0, I): the two penalties of DIP-VAE, I where C is Cov[E z|x] alone and
II where it is all. As the KL's, the links of a walk sum, to that from aggregate to prior.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from termwise.errors import Refused
from termwise.models.block_law import has_categories
from termwise.models.draw import Draw
from termwise.models.drawable import prior_given_side
from termwise.terms.groups import Groups
from termwise.terms.laws import Law


def covariance_of(law: Distribution) -> Tensor:
    """Cov[z] of a law over codes, batch shape (...), shape (..., D, D).

    Raises:
        Refused: The law cannot say it.
    """
    try:
        if isinstance(law, MultivariateNormal):
            return law.covariance_matrix
        if isinstance(law, torch.distributions.Independent):
            return law.variance.diag_embed()
    except NotImplementedError:
        pass
    raise Refused(
        f"{type(law).__name__} cannot say its covariance, of which Moments is. Use MonteCarlo where it has a density, "
        "or an estimator that needs samples only, such as Kernel."
    )


def aggregate_covariance(posterior: Distribution, of: Literal["codes", "means"] = "codes") -> Tensor:
    """Cov[E z|x] of a batch's posteriors, and of codes E Cov[z|x] beside it: shape (D, D).

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> posterior = Independent(Normal(torch.tensor([[-1.0], [1.0]]), 0.5), 1)
        >>> aggregate_covariance(posterior, "means").item(), aggregate_covariance(posterior).item()
        (2.0, 2.25)
    """
    if len(posterior.mean) < 2:
        raise Refused("A covariance needs a batch of two examples or more; got one. Raise batch_size.")
    centred = posterior.mean - posterior.mean.mean(0)
    of_means = centred.mT @ centred / (len(centred) - 1)
    return of_means if of == "means" else of_means + covariance_of(posterior).mean(0)


class Moments:
    """|C_left - C_right|^2 between laws made of q(z), or between one and the prior: covariances squared, not nats.

    Args:
        of: "codes" for the aggregate's whole covariance, "means" for that of the posteriors' means alone.

    Example:
        >>> from termwise.terms import Link
        >>> Link("aggregate", "marginals", Moments("means")).name
        'total_correlation_covariance2'
    """

    name = "moments"
    quantity, unit = "covariance^2", "covariance^2"

    def __init__(self, of: Literal["codes", "means"] = "codes") -> None:
        if of not in ("codes", "means"):
            raise Refused(f"Moments are of 'codes' or of 'means'; got {of!r}.")
        self.of = of
        self.label = f"covariances of {of}"

    def check(self, left: Law, right: Law) -> None:
        """Neither law may be another for every x."""
        for law in (left, right):
            if law.given_x:
                raise Refused(
                    f"Moments compares two covariances, and the {law.name} law is another for every x. "
                    f"For {left.name} -> {right.name} use MonteCarlo, or, to the prior, ClosedForm."
                )

    def bias(self, link: str) -> str:
        """The noise of a batch's covariance, squared."""
        return "biased up by the batch's noise, squared"

    def at_no_code(self, left: Law, right: Law, draw: Draw) -> bool:
        """Always: covariances are of the posteriors' moments."""
        return True

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (); in squares of the codes' squared units."""
        if has_categories(draw.posterior):
            raise Refused(
                "Covariances are of codes that are numbers; some of these are categories or codewords, whose numbers "
                "go together. Use HSIC, or, where none are codewords, MonteCarlo."
            )
        whole = draw.once(("covariance", self.of), lambda: aggregate_covariance(draw.posterior, self.of))
        return (_covariance(left, whole, draw) - _covariance(right, whole, draw)).square().sum()


def _covariance(law: Law, whole: Tensor, draw: Draw) -> Tensor:
    """The covariance of a stop, of which the aggregate's is the whole."""
    if isinstance(law, Groups):
        within = torch.zeros_like(whole)
        for group in law.dimensions_of(draw):
            within[torch.tensor(group).unsqueeze(1), group] = 1
        return whole * within
    if law.name == "prior" and prior_given_side(draw.model):
        raise Refused(
            "The covariances of a prior that is given what stands beside x are others for every s: leave prior out of "
            "side_to, or take another estimator, such as Kernel."
        )
    if law.name == "prior":
        return covariance_of(draw.prior)
    return whole.diagonal().diag() if law.name == "marginals" else whole
