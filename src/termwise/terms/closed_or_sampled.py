"""The KL of two torch Distributions: in closed form where the pair has one, else E_q[log left(z) - log right(z)].

Which it is follows from the model's posterior and prior, and not from the objective; so that one recipe serves any. A
learned prior, such as a mixture, has no closed form to a normal.
"""

from typing import cast

from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.closed_form import ClosedForm, has_closed_form, kl_given_codes
from termwise.terms.laws import Closed, Law
from termwise.terms.monte_carlo import log_ratio


class ClosedGivenCodes(ClosedForm):
    """The KL between two laws of blocks, each block's in closed form given the codes of those before it.

    Example:
        >>> import torch
        >>> from termwise.models import VAE
        >>> from termwise.terms import Link
        >>> code = [{"name": "top", "latent": 2}, {"name": "low", "latent": 3, "given": ["top"]}]
        >>> rate = Link("posterior", "prior", ClosedGivenCodes())
        >>> rate(Draw(VAE.build((4,), code=code), torch.rand(5, 4))).shape
        torch.Size([5, 5])
    """

    name = "closed-given-codes"
    label = "closed form of each block given the codes before it"

    def bias(self, link: str) -> str:
        """No bias: the codes before a block are drawn, and its own are not."""
        return "unbiased"

    def at_no_code(self, left: Law, right: Law, draw: Draw) -> bool:
        """Never: the codes before a block are the draw's."""
        return False

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B, D) where both laws factorise given the codes before, else (B,); nats."""
        return kl_given_codes(cast(Closed, left).distribution(draw), cast(Closed, right).distribution(draw), draw.z)


class ClosedOrSampled(ClosedForm):
    """The KL between two laws that are distributions: exact where there is a closed form, else at the draw's codes.

    Example:
        >>> import torch
        >>> from termwise.models import VAE
        >>> from termwise.terms import Link
        >>> rate, x = Link("posterior", "prior", ClosedOrSampled()), torch.rand(5, 4)
        >>> normal, mixture = (VAE.build((4,), 3, prior=name) for name in ("standard-normal", "mixture:2"))
        >>> rate(Draw(normal, x)).shape, rate(Draw(mixture, x)).shape  # by dimension where both laws factorise
        (torch.Size([5, 3]), torch.Size([5]))
    """

    name = "closed-or-sampled"
    label = "closed form, or Monte Carlo where there is none"

    def bias(self, link: str) -> str:
        """No bias, either way."""
        return "unbiased; exact for every x in closed form"

    def at_no_code(self, left: Law, right: Law, draw: Draw) -> bool:
        """Where the pair has a closed form."""
        return has_closed_form(cast(Closed, left).distribution(draw), cast(Closed, right).distribution(draw))

    def __call__(self, left: Law, right: Law, draw: Draw) -> Tensor:
        """Shape (B, D) where both laws factorise, else (B,); nats."""
        for estimate in (super().__call__, ClosedGivenCodes()):
            try:
                return estimate(left, right, draw)
            except Refused:
                continue
        return log_ratio(left, right, draw)
