"""f-divergences between two laws whose log ratio is known: t = log left/right, r = e^t (Csiszar, 1967).

    D_f(left || right) = E_right[f(r)] = E_left[f(r) / r],    f convex, f(1) = 0

and by the variational form (Nguyen, Wainwright and Jordan, 2010; Nowozin et al., 2016, eq. 4), highest at
g = f'(r),

    D_f = E_left[f'(r)] - E_right[f*(f'(r))],    f*(f'(r)) = r f'(r) - f(r)

so that, by the envelope, the divergence's gradient is this expression's with f' held fixed as a function of the code.
E_left[f(r) / r] has the right value and, for most f, a wrong gradient. All is written in t, so that a ratio too great
for its type is met only where the divergence itself has it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import softplus

from termwise.errors import Refused
from termwise.models.user_function import user_function
from termwise.registry import Registry
from termwise.values import checked

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """One f, in t.

    Attributes:
        name: What it is called.
        title: The same, in a reading.
        unit: "nats", or "units" where there is no logarithm in it.
        value: t -> f(r) / r, to be averaged over the left law.
        pathwise: t -> f'(r), over the left law: what the left law's gradient comes from.
        conjugate: t -> f*(f'(r)), over the right law: its negative is what the right law's gradient comes from.
        differentiable: Whether f' moves; where it does not, there is no pathwise gradient.
        load: Where f is a function of somebody's, named and not yet imported: imports it, and gives what it is.

    Example:
        >>> t = torch.tensor([0.0, 1.0])  # log ratios
        >>> DIVERGENCES["kl"].value(t)
        tensor([0., 1.])
    """

    name: str
    title: str
    unit: str
    value: Function
    pathwise: Function
    conjugate: Function
    differentiable: bool = True
    load: "Callable[[], Divergence] | None" = None

    def loaded(self) -> "Divergence":
        """What it is once its f is imported: itself, of one that is none to import.

        Raises:
            Refused: There is no such function, or it is no f.
        """
        return self if self.load is None else self.load()

    def swapped(self) -> "Divergence":
        """That of the right law from the left one: r f(1/r) in the place of f."""
        return Divergence(
            f"{self.name}-swapped",
            f"swapped {self.title}",
            self.unit,
            value=lambda t: (-t).exp() * self.value(-t),
            pathwise=lambda t: -self.conjugate(-t),
            conjugate=lambda t: -self.pathwise(-t),
            differentiable=self.differentiable,
            load=None if self.load is None else lambda: self.loaded().swapped(),
        )


def _log1p_over(t: Tensor) -> Tensor:
    """log(1 + r) / r, which is 1 where r vanishes."""
    t = t.clamp(min=-15.0)
    return softplus(t) * (-t).exp()


DIVERGENCES: Registry[Divergence] = Registry(
    "divergence",
    "termwise.divergences",
    [
        Divergence("kl", "KL", "nats", lambda t: t, lambda t: t + 1, torch.exp),  # r log r
        Divergence(  # -log r
            "reverse-kl", "reverse KL", "nats", lambda t: -t * (-t).exp(), lambda t: -(-t).exp(), lambda t: t - 1
        ),
        Divergence(  # (r - 1)^2
            "pearson",
            "Pearson chi^2",
            "units",
            lambda t: t.exp() - 2 + (-t).exp(),
            lambda t: 2 * torch.expm1(t),
            lambda t: torch.expm1(2 * t),
        ),
        Divergence(  # (r - 1)^2 / r
            "neyman",
            "Neyman chi^2",
            "units",
            lambda t: torch.expm1(-t).square(),
            lambda t: -torch.expm1(-2 * t),
            lambda t: -2 * torch.expm1(-t),
        ),
        Divergence(  # (sqrt r - 1)^2, between 0 and 2
            "hellinger",
            "squared Hellinger",
            "units",
            lambda t: torch.expm1(-t / 2).square(),
            lambda t: -torch.expm1(-t / 2),
            lambda t: torch.expm1(t / 2),
        ),
        Divergence(  # half of KL to the even mixture, from either side: at most log 2
            "jensen-shannon",
            "Jensen-Shannon",
            "nats",
            lambda t: 0.5 * (t - softplus(t) - _log1p_over(t) + math.log(2) * (1 + (-t).exp())),
            lambda t: 0.5 * (math.log(2) - softplus(-t)),
            lambda t: 0.5 * (softplus(t) - math.log(2)),
        ),
        Divergence(  # r log r - (r + 1) log(r + 1) = 2 JS - 2 log 2: the one f here that is not 0 at r = 1
            "gan",
            "GAN",
            "nats",
            lambda t: t - softplus(t) - _log1p_over(t),
            lambda t: -softplus(-t),
            softplus,
        ),
        Divergence(  # (r + 1) log((r + 1) / 2) - r + 1 = 2 KL of the even mixture from the right law
            "non-saturating",
            "non-saturating GAN",
            "nats",
            lambda t: softplus(t) - math.log(2) - 1 + _log1p_over(t) + (1 - math.log(2)) * (-t).exp(),
            lambda t: softplus(t) - math.log(2),
            lambda t: torch.expm1(t) - softplus(t) + math.log(2),
        ),
        Divergence(  # |r - 1| / 2
            "total-variation",
            "total variation",
            "units",
            lambda t: 0.5 * torch.expm1(-t).abs(),
            lambda t: 0.5 * t.sign(),
            lambda t: 0.5 * t.sign(),
            differentiable=False,
        ),
        Divergence(  # (r - 1) log r
            "jeffreys",
            "Jeffreys",
            "nats",
            lambda t: -t * torch.expm1(-t),
            lambda t: t - torch.expm1(-t),
            lambda t: t + torch.expm1(t),
        ),
    ],
)
"""f-divergences by name; a row is the divergence itself."""


@checked
def divergence_of(f: Function, name: str = "own") -> Divergence:
    """The divergence of any convex f with f(1) = 0; its derivative is taken by autograd.

    Args:
        f: r -> f(r), in torch's functions, by element.
        name: What it is called.

    Raises:
        Refused: On a grid of ratios from 1e-4 to 1e4 f is not finite, not convex, or not 0 at 1.

    Example:
        >>> own = divergence_of(lambda r: (r - 1) ** 2)  # Pearson's
        >>> t = torch.tensor([0.0, 1.0])
        >>> bool(torch.allclose(own.value(t), DIVERGENCES["pearson"].value(t)))
        True
    """
    slope = torch.func.vmap(torch.func.grad(f))  # which is differentiable again
    grid = torch.logspace(-4, 4, 801, dtype=torch.float64)
    try:
        heights, slopes, at_one = f(grid), slope(grid), float(f(grid.new_ones(())))
    except Exception as error:  # whatever a function of the user's raises
        raise Refused(f"f must turn ratios into numbers by torch's functions, by element: {error}") from None
    finite = heights.shape == grid.shape and bool(heights.isfinite().all() and slopes.isfinite().all())
    if not finite:
        raise Refused("f and its derivative must be finite, by element, for all ratios from 1e-4 to 1e4; they are not.")
    if not abs(at_one) < 1e-9:
        raise Refused(f"An f-divergence needs f(1) = 0, so that equal laws read zero; got {at_one:g}. Subtract it.")
    falls = slopes.diff() < -1e-9 * (1 + slopes.abs()[1:])
    if bool(falls.any()):
        raise Refused(
            f"An f-divergence needs a convex f; the slope of this one falls near r = {float(grid[1:][falls][0]):.3g}."
        )
    moves = bool((slopes.diff() > 1e-9 * (1 + slopes.abs()[1:])).double().mean() > 0.5)

    return Divergence(
        name,
        name.replace("-", " "),
        "units",
        value=lambda t: f(t.exp()) * (-t).exp(),
        pathwise=lambda t: slope(t.exp().flatten()).view_as(t),
        conjugate=lambda t: t.exp() * slope(t.exp().flatten()).view_as(t) - f(t.exp()),
        differentiable=moves,
    )


def divergence_named(name: str) -> Divergence:
    """The divergence of a function of one's own, "module:function", which is imported when it is first asked.

    So a configuration that names one can be read without running it (`user_function.py` says who may).

    Example:
        >>> named = divergence_named("my_package.losses:own_f")
        >>> named.title, named.unit
        ('own f', 'units')
    """
    module, _, function = name.partition(":")

    @cache
    def load() -> Divergence:
        return divergence_of(user_function(module, function), name)

    return Divergence(
        name,
        function.replace("_", " "),
        "units",
        value=lambda t: load().value(t),
        pathwise=lambda t: load().pathwise(t),
        conjugate=lambda t: load().conjugate(t),
        load=load,
    )


def divergence_from(given: str | Divergence | Function) -> Divergence:
    """A divergence, from one, from its name, from its f, or from where its f is, "module:function".

    Example:
        >>> divergence_from("kl").title, divergence_from(lambda r: (r - 1) ** 2).name
        ('KL', 'own')
    """
    if isinstance(given, Divergence):
        return given
    if callable(given):
        return divergence_of(given)
    return divergence_named(given) if isinstance(given, str) and ":" in given else DIVERGENCES[given]
