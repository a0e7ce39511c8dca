"""The KL of two torch Distributions: in closed form where the pair has one, else E_q[log left(z) - log right(z)].

Which it is follows from the model's posterior and prior, and not from the objective; so that one recipe serves any. A
learned prior, such as a mixture, has no closed form to a normal.
"""

from typing import cast

from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.closed_form import ClosedForm, has_closed_form
from termwise.terms.laws import Closed, Law
from termwise.terms.monte_carlo import log_ratio


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
        try:
            return super().__call__(left, right, draw)
        except Refused:
            return log_ratio(left, right, draw)
