"""The distortion of codes of which categories are summed out: exact over them, at one code of the rest for each.

    E_q[-log p(x|z)] = sum_c q(c|x) E_q(n|c,x)[-log p(x|c, n)]

over every value c of the blocks whose categories learn so, gradient = "sum"; n is all else of the code. What has no
probability is not decoded: of an example whose category is observed, one code is.
"""

import itertools
import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.block_law import LawOfBlocks
from termwise.models.categories import MOST_VALUES, Categories
from termwise.models.codes import Codes
from termwise.models.distributions import values_of
from termwise.models.draw import Draw
from termwise.models.law_rows import rows

LEAST = 1e-38
"""A value of less probability is not decoded: float32 hardly has a number for it."""


def summed_distortion(draw: Draw) -> Tensor | None:
    """-log p(x|z) summed over categories, shape (B,), nats; None where the posterior has none that are.

    Raises:
        Refused: They have more values together than are summed over.

    Example:
        >>> from termwise.models import VAE
        >>> of_categories = {"latent": 6, "posterior": "categorical", "prior": "uniform"}
        >>> model = VAE.build((4,), **of_categories, posterior_options={"gradient": "sum"})
        >>> summed_distortion(Draw(model, torch.rand(5, 4).round())).shape
        torch.Size([5])
    """
    law = draw.posterior
    summed = {place: link for place, link in enumerate(_links(law)) if isinstance(link, Categories) and link.summed}
    if not summed:
        return None
    log_probs = [of.log_probs[:, p] for of in summed.values() for p in range(of.log_probs.shape[1])]  # (B, K) each
    shape = [of.shape[1] for of in log_probs]
    if math.prod(shape) > MOST_VALUES:
        raise Refused(
            f"Categories that learn by gradient = 'sum' have {MOST_VALUES} values together at most; these have "
            f"{math.prod(shape):,}. Let some learn by 'straight-through'."
        )
    values = torch.tensor(list(itertools.product(*map(range, shape))), device=draw.x.device)  # (J, positions)
    log_weight = torch.stack([of[:, values[:, p]] for p, of in enumerate(log_probs)]).sum(0)  # (B, J)
    weight = log_weight.exp()
    example, value = (weight.detach() > LEAST).nonzero(as_tuple=True)
    z = _codes(rows(law, example), summed, values[value])
    context = draw.context[example] if isinstance(draw.context, Tensor) else draw.context
    likelihood, x = draw.model.generate(z, context), draw.x[example]
    with values_of(likelihood, x, "the likelihood"):
        distortion = -likelihood.log_prob(x)
    found = distortion.new_zeros(len(draw))
    return found.index_add(0, example, weight[example, value].to(distortion.dtype) * distortion)


def _links(law: Distribution) -> tuple[object, ...]:
    """The laws of a code's blocks, or what makes them; itself, of a code without blocks."""
    return law.links if isinstance(law, LawOfBlocks) else (law,)


def _codes(law: Distribution, summed: dict[int, Categories], chosen: Tensor) -> Tensor:
    """Codes of a law of P examples, shape (P, D), whose summed categories are the chosen, shape (P, positions)."""
    parts: list[Tensor] = []
    columns = iter(chosen.T)
    for place, link in enumerate(_links(law)):
        if place in summed:
            positions, count = summed[place].log_probs.shape[1:]
            at = torch.stack([next(columns) for _ in range(positions)], 1)
            parts.append(torch.nn.functional.one_hot(at, count).flatten(1).to(summed[place].log_probs.dtype))
        elif isinstance(link, Distribution):
            parts.append(Codes.of(link).z)
        else:
            parts.append(Codes.of(link.at(torch.cat([parts[one] for one in link.given], -1))).z)  # type: ignore[attr-defined]
    return torch.cat(parts, -1)
