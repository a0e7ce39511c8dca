"""What a law holds for each example of a batch, apart from the law: to be written to memory, and to be one again."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cache, cached_property
from inspect import getattr_static
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal, Transform
from torch.distributions.transforms import _InverseTransform
from torch.distributions.utils import lazy_property

from termwise.models.block_law import Conditional
from termwise.models.codewords import Codewords
from termwise.models.distributions import innermost
from termwise.models.law_rows import least_dimensions


def law_tensors(law: Distribution) -> list[Tensor]:
    """The tensors that a law holds for each example, shape (B, ...) each, detached, in an order of its kind.

    What it can make of others, such as a cached logarithm, is none of them, nor what is one for all.

    Args:
        law: Batch shape (B,).

    Example:
        >>> law = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(5, 2), 1.0), 1)
        >>> [one.shape for one in law_tensors(law)]
        [torch.Size([5, 2]), torch.Size([5, 2])]
    """
    if isinstance(base := innermost(law), Normal):
        return [base.loc.detach(), base.scale.detach()]
    found: list[Tensor] = []
    _rebuilt(law, law.batch_shape[0], found.append, None)
    return found


def with_law_tensors(law: Distribution, tensors: Sequence[Tensor]) -> Distribution:
    """A law of the same kind that holds other tensors, of as many examples as these have.

    What is one for all is the law's, without its gradient.

    Example:
        >>> law = torch.distributions.Normal(torch.zeros(5), 1.0)
        >>> with_law_tensors(law, [torch.ones(3), torch.ones(3)]).batch_shape
        torch.Size([3])
    """
    rest = iter(tensors)
    made: Distribution = _rebuilt(law, law.batch_shape[0], None, rest, len(tensors[0]))
    return made


def _rebuilt(
    thing: Any, size: int, tell: Any, rest: Iterator[Tensor] | None, count: int = 0, least: int = 1, event: int = 0
) -> Any:
    """A copy of a law, or of what it holds, with tensors from `rest` where it has one for each of `size` examples."""
    if isinstance(thing, Tensor):
        if thing.shape[:1] != (size,) or thing.dim() < least:
            return thing.detach()
        if tell is not None:
            tell(thing.detach())
        return thing.detach() if rest is None else next(rest)
    if isinstance(thing, list | tuple) and not isinstance(thing, torch.Size):
        return type(thing)([_rebuilt(one, size, tell, rest, count, 1, event) for one in thing])
    if not isinstance(thing, Distribution | Transform | Conditional):
        return thing
    whole = _without_caches(thing)
    event = len(whole.event_shape) if isinstance(whole, Distribution) else event
    for name in sorted(vars(whole)):
        least = least_dimensions(whole, name, event)
        setattr(whole, name, _rebuilt(vars(whole)[name], size, tell, rest, count, least, event))
    if isinstance(whole, Distribution) and rest is not None and whole._batch_shape[:1] == (size,):
        whole._batch_shape = torch.Size([count, *whole._batch_shape[1:]])
    return whole


def _without_caches(thing: Distribution | Transform | Conditional) -> Any:
    """A copy without what was made of the rest, so that two of a kind hold as many tensors."""
    kept: Any = copy(thing)
    kind: Any = type(thing)
    for name in _made_later(kind) & vars(thing).keys():
        delattr(kept, name)
    if isinstance(thing, Transform):
        kept._inv = thing._inv if isinstance(thing, _InverseTransform) else None
        kept._cached_x_y = None, None
    if isinstance(thing, Codewords):
        kept.encoded = None  # to which a gradient goes, and nothing else
    if isinstance(thing, MultivariateNormal):
        kept._unbroadcasted_scale_tril = thing.scale_tril
    if given := next((name for name in ("logits", "probs") if _gave(thing, name)), ""):
        setattr(kept, given, vars(thing)[given])
    return kept


@cache
def _made_later(kind: type) -> frozenset[str]:
    """The attributes of a kind that are made when they are first asked for."""
    return frozenset(
        name for name in dir(kind) if isinstance(getattr_static(kind, name), lazy_property | cached_property)
    )


def _gave(law: object, name: str) -> bool:
    """Whether a law was made of this parameter, and not of the other that stands for it."""
    own = vars(law)
    return name in own and own.get("_param", own[name]) is own[name]
