"""What must be finite of a model before anything is read of it: its weights, and the laws that it gives.

A number that is not finite spreads: one example's nan is the nan of every mean, and a comparison with nan is false. So
it is looked for where it comes from, and said with how many examples have it, and which is the first.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from termwise.errors import NotFinite
from termwise.models.distributions import innermost

IN_WORDS = {
    "loc": "means",
    "scale": "standard deviations (or log variances)",
    "log_scale": "standard deviations (or log variances)",
    "scale_tril": "covariances",
    "probs": "probabilities",
    "rate": "rates",
}
"""What a user calls a law's parameters."""


def broken_examples(law: Distribution) -> dict[str, Tensor]:
    """Which examples have a law that is none: by parameter, in words, a mask of shape (B,), where any has.

    A parameter is broken where it is not finite, or not what the law's own constraints ask: a sigma of 0, say.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> scale = torch.tensor([[1.0], [0.0], [-1.0]])
        >>> broken_examples(Independent(Normal(torch.zeros(3, 1), scale, validate_args=False), 1))
        {'standard deviations (or log variances)': tensor([False,  True,  True])}
    """
    parameters = _parameters(law)
    if not parameters or bool(_whole(parameters)):
        return {}
    return {
        IN_WORDS.get(name, name): ~right.reshape(len(right), -1).all(1) if right.dim() else ~right[None]
        for name, right in parameters
        if not right.all()
    }


def is_whole(law: Distribution) -> Tensor:
    """Whether no example's law is broken, shape (), on the law's device, where it is read when someone looks at it.

    Example:
        >>> is_whole(torch.distributions.Poisson(torch.tensor([1.0, torch.nan]), validate_args=False))
        tensor(False)
    """
    parameters = _parameters(law)
    return _whole(parameters) if parameters else torch.tensor(True)


def _whole(parameters: list[tuple[str, Tensor]]) -> Tensor:
    each = [right.all() for _, right in parameters]
    return torch.stack(each).all() if len(each) > 1 else each[0]


def _parameters(law: Distribution) -> list[tuple[str, Tensor]]:
    """The parameters of a law, and of those that it is made of: of each the name, and where it is what it should be."""
    law = innermost(law)
    parameters = []
    for name, constraint in _constraints(law).items():
        value = vars(law).get(name)
        if isinstance(value, Tensor):
            parameters.append((name, _right(value, name, constraint)))
    for value in vars(law).values():
        if isinstance(value, Distribution):
            parameters += _parameters(value)
    return parameters


def check_finite_weights(model: nn.Module, where: str) -> None:
    """Raise NotFinite where a model's weights are not finite, or what it keeps beside them is no number.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> model.weight.data[0, 1] = torch.nan
        >>> check_finite_weights(model, "the folder 'mine'")
        Traceback (most recent call last):
        termwise.errors.NotFinite: The weights in the folder 'mine' are not finite: 1 of 2 numbers of weight. ...
    """
    kept: list[tuple[str, Tensor, Tensor]]
    kept = [(name, weight, weight.isfinite()) for name, weight in model.named_parameters()]
    kept += [(name, buffer, ~buffer.isnan()) for name, buffer in model.named_buffers()]  # one may hold an infinity
    broken = [
        f"{int((~right).sum())} of {weight.numel()} numbers of {name}"
        for name, weight, right in kept
        if not right.all()
    ]
    if broken:
        more = f" and of {len(broken) - 3} others" if len(broken) > 3 else ""
        raise NotFinite(
            f"The weights in {where} are not finite: {', '.join(broken[:3])}{more}. Nothing can be measured of them: "
            "take an earlier checkpoint, or train again with a lower learning rate."
        )


def not_finite(what: str, broken: Tensor) -> NotFinite:
    """The error that says what of a model is none, for how many examples, of a mask of shape (N,).

    Example:
        >>> raise not_finite("The encoder gives means", torch.tensor([False, True]))
        Traceback (most recent call last):
        termwise.errors.NotFinite: The encoder gives means that are not finite, or that its law cannot have, for ...
    """
    return NotFinite(
        f"{what} that are not finite, or that its law cannot have, for {count_in_words(broken)}. Look at its weights, "
        "and at what goes in."
    )


def count_in_words(broken: Tensor) -> str:
    """How many examples are broken, of a mask of shape (N,), and which is the first.

    Example:
        >>> count_in_words(torch.tensor([False, False, True, True]))
        '2 of 4 examples, the first of them number 2'
    """
    first = int(broken.int().argmax())
    return f"{int(broken.sum())} of {len(broken)} examples, the first of them number {first}"


def joined_masks(batches: Iterable[tuple[dict[str, Tensor], int]]) -> dict[str, Tensor]:
    """Masks by parameter of all batches, one after another, from those of each batch and its size."""
    batches = list(batches)
    names = dict.fromkeys(name for masks, _ in batches for name in masks)
    return {name: torch.cat([_of_size(masks.get(name), size) for masks, size in batches]) for name in names}


def _of_size(mask: Tensor | None, size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.bool) if mask is None else mask.cpu().expand(size)


def _constraints(law: Distribution) -> Mapping[str, constraints.Constraint]:
    """What a law asks of its parameters; a law of a user's own need not say."""
    try:
        return law.arg_constraints
    except NotImplementedError:
        return {}


def _right(value: Tensor, name: str, constraint: constraints.Constraint) -> Tensor:
    """Where a parameter is what it should be: of its shape, or without its last dimensions."""
    if name == "logits":
        return ~value.isnan()  # minus infinity is a probability of 0
    right = value.isfinite()
    if constraints.is_dependent(constraint) or constraint is constraints.positive_definite:
        return right  # a matrix that has a Cholesky factor is one
    if constraint is constraints.simplex:
        return right & (value >= 0)  # many shares sum to one but for rounding
    checked: Tensor = constraint.check(value)
    return right.flatten(checked.dim()).all(-1) & checked if right.dim() > checked.dim() else right & checked
