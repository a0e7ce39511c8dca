"""The gradient of codes that have no path to it: by their score, of any term (Williams, 1992).

Of codes z ~ q(z|x) that are no function of the encoder's parameters, such as one-hot categories, a term of values v_i
has the gradient

    E[d v_i + (v_i - b_i) d log q(z_i|x_i)],      b_i = mean_(j != i) v_j

unbiased, as a code's own value is not in b_i, and the score has mean zero (Mnih and Rezende, 2016, of one example's
codes; here they are a batch's). Of codes of which some numbers have a path, log q(z|x) is of the others.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.link import Term


@runtime_checkable
class OfNoCode(Protocol):
    """A term whose values may be at none of the draw's codes, as a KL in closed form is: it has no score."""

    def of_no_code(self, draw: Draw) -> bool:
        """Whether the values on this draw depend on no code of it."""
        ...


def with_score(term: Term, draw: Draw) -> Tensor:
    """A term's values on a draw, with all of their gradient: shape as the term gives them.

    Raises:
        Refused: The term has one value for the batch, of which the codes have no gradient.

    Example:
        >>> import torch
        >>> from termwise.models import VAE
        >>> from termwise.terms import Distortion
        >>> codes = {"latent": 6, "posterior": "categorical", "prior": "uniform"}
        >>> model = VAE.build((4,), **codes, posterior_options={"gradient": "score-function"})
        >>> values = with_score(Distortion(), draw := Draw(model, torch.rand(5, 4).round()))
        >>> bool(torch.equal(values, Distortion()(draw)))  # the values are the term's own
        True
        >>> values.sum().backward()
        >>> next(model.encoder.parameters()).grad is None  # and the encoder learns from them
        False
    """
    values = term(draw)
    score = draw.score
    if score is None or not score.requires_grad or (isinstance(term, OfNoCode) and term.of_no_code(draw)):
        return values
    if values.dim() == 0:
        raise Refused(
            f"{term.name} has one value for the batch, and these codes learn from what each of them came to. Take "
            "another estimator, or codes with a gradient, such as straight-through ones (gradient = "
            "'straight-through')."
        )
    weight = centred(values.detach())
    moved = (score - score.detach()).to(values.dtype)
    return values + weight * (moved.unsqueeze(1) if values.dim() == 2 else moved)


def centred(values: Tensor) -> Tensor:
    """Each value less the mean of the others, shape (B, ...); as it is where it is alone.

    Example:
        >>> import torch
        >>> centred(torch.tensor([1.0, 2.0, 6.0]))
        tensor([-3.0000, -1.5000,  4.5000])
    """
    count = len(values)
    return values if count == 1 else (values - values.mean(0)) * (count / (count - 1))
