"""What the aggregate q(z) = 1/N sum_n q(z|x_n) is remembered from.

Each memory gives log q(z) and log q(z_j) of codes drawn from the posteriors of a batch. They differ in which
components they hold: the batch alone (`minibatch.py`), all posteriors as they were when last visited (`bank.py`), or
all as they are now (`full.py`).
In each the components are constants: E_q[grad log q(z)] = 0 at fixed z, so the gradient through z alone is unbiased.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, Protocol

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.draw import Draw
from termwise.terms.aggregate.components import Components
from termwise.terms.aggregate.margin import group_log_density
from termwise.terms.aggregate.mixture import LogWeights, log_density, marginal_log_density
from termwise.terms.aggregate.posterior_components import components_of

FIRST = "call prepare(batches) first; in a loop of your own, take functional.SteppedBank(dataset_size=len(data))."
"""What is said of a memory that was told of no data."""

BIAS_OF_JENSEN = {
    "index_code_mi": "biased up (Jensen)",
    "marginal_kl": "biased down (Jensen)",
    "total_correlation": "biased, either way (Jensen)",
    "dimension_wise_kl": "biased down (Jensen)",
    "group_correlation": "biased, either way (Jensen)",
    "within_group_correlation": "biased, either way (Jensen)",
    "group_wise_kl": "biased down (Jensen)",
    "index_code_mi_given_side": "biased up (Jensen)",
    "side_information": "biased, either way (Jensen)",
    "side_and_group_correlation": "biased, either way (Jensen)",
    "side_and_total_correlation": "biased, either way (Jensen)",
    "marginal_kl_given_side": "biased down (Jensen)",
}
"""The side to which each link is off where log q(z) is the log of an unbiased estimate (Jensen's inequality)."""


class Batches(Protocol):
    """The training data as draws of a model: what a memory is filled, and refreshed, from."""

    def __len__(self) -> int:
        """N, the number of examples."""
        ...

    def __call__(self) -> Iterator[Draw]:
        """Draws of the whole data set in order of their index, each with its posterior, without gradients."""
        ...

    def at(self, index: Tensor) -> Draw:
        """The draw of these examples, with its posterior, without gradients."""
        ...


class Memory:
    """What q(z) is remembered from, as a mixture of components. Abstract.

    To add one, subclass it, give it a `name` and a `label`, say in `components` which laws stand for q(z) on a draw and
    in `bias` how that is off, and give it a row in `AGGREGATES`. A memory that outlives a batch also fills itself in
    `prepare`, follows the encoder in `observe`, and saves itself in `state_dict`. What is no such mixture overrides
    `log_density`, `marginal_log_density` and `group_log_density` in the place of `components`.

    Attributes:
        name: What a configuration calls it.
        label: What readings call it.

    Example:
        >>> class Pairs(Memory):
        ...     "The first two posteriors of the batch."
        ...     name, label = "pairs", "two posteriors"
        ...     def components(self, draw):
        ...         both = batch_components(draw)
        ...         return both.at(torch.arange(2)), LogWeights.uniform(2)
        ...     def bias(self, link):
        ...         return "biased: of two examples alone"
        >>> import torch
        >>> from termwise.models import VAE
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> Pairs().log_density(draw.z, draw).shape
        torch.Size([5])
    """

    name: str
    label: str

    def prepare(self, batches: Batches) -> None:
        """Fill the memory from the whole data set, before training or measuring."""

    def attach(self, batches: Batches) -> None:
        """Be given the data set again after `load_state_dict`, without a pass over it."""

    def observe(self, draw: Draw) -> None:
        """Take in a training batch, once a step, before the objective reads anything."""

    def snapshot(self) -> "Memory":
        """A copy as it is now, on its own: what one observes the other does not."""
        return deepcopy(self)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold, so that `load_state_dict` restores the memory."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what the memory was when its `state_dict` was taken."""

    def components(self, draw: Draw) -> tuple[Components, LogWeights]:
        """The components that stand for q(z) at codes of this draw, and their log weights."""
        raise Refused(
            f"{type(self).__name__} does not say which laws stand for q(z): give it `components(draw)`, or, where "
            "it is no mixture, `log_density(z, draw)` and `marginal_log_density(z, draw)`."
        )

    def examples(self, draw: Draw) -> Tensor:
        """Which example of the data set each of the `components` is of, shape (K,)."""
        raise Refused(
            f"{type(self).__name__} does not say which example each of its components is of: give it `examples(draw)`."
        )

    def weights_within(self, own: Tensor, count: int, size: int) -> LogWeights:
        """The log weights of `count` components of one group, of `size` examples; `own` the place of a code's own."""
        return LogWeights.stratified(own, count, size)

    def bias(self, link: str) -> str:
        """In which way a Monte Carlo link of this name, such as "total_correlation", is off under this memory."""
        raise Refused(f"{type(self).__name__} does not say in which way it is off: give it `bias(link)`.")

    def log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z) of codes z, shape (B, D): shape (B,), nats."""
        return log_density(draw.codes_at(z), *self.components(draw))

    def marginal_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z_j) of codes z, shape (B, D): shape (B, D), nats."""
        return marginal_log_density(draw.codes_at(z), *self.components(draw))

    def conditional_log_density(self, z: Tensor, draw: Draw) -> Tensor:
        """log q(z|s) of codes z, shape (B, D), s what stands beside their examples: shape (B,), nats.

        Where a group has a component of a code's own alone, of more that there are, the code is taken to tell nothing
        of it: log q(z|s) is log q(z).
        """
        groups, index = groups_of(draw), index_of(draw)
        (components, _), of, codes = self.components(draw), self.examples(draw), draw.codes_at(z)
        place_of = torch.full_like(groups, -1)  # of every example, its component's place
        place_of[of] = torch.arange(len(of), device=of.device)
        mine, theirs = groups[index], groups[of]
        order, parts = [], []
        for group in mine.unique().tolist():
            rows, places = (mine == group).nonzero().squeeze(1), (theirs == group).nonzero().squeeze(1)
            size = int((groups == group).sum())
            order.append(rows)
            if len(places) == 1 < size:
                parts.append(self.log_density(z, draw)[rows])
                continue
            own = torch.searchsorted(places, place_of[index[rows]])
            weights = self.weights_within(own, len(places), size)
            parts.append(log_density(codes[rows], components.at(places), weights))
        return torch.cat(parts)[torch.cat(order).argsort()]

    def group_log_density(self, z: Tensor, draw: Draw, group: Sequence[int]) -> Tensor:
        """log q(z_g) of codes z, shape (B, D), g some of their dimensions: shape (B,), nats."""
        components, weights = self.components(draw)
        return group_log_density(draw.codes_at(z), components, group, weights)


def dataset_size(draw: Draw) -> int:
    """The number N of examples in a draw's data set; Refused where the draw has none."""
    if draw.dataset_size is None:
        raise Refused(
            "The aggregate q(z) is an average over a data set, and nothing says of how many examples: give "
            "dataset_size=len(data)."
        )
    return draw.dataset_size


def groups_of(draw: Draw) -> Tensor:
    """The group of every example of a draw's data set, shape (N,); Refused where nothing stands beside x."""
    if draw.groups is None:
        raise nothing_beside("The conditional law q(z|s)")
    return draw.groups


def nothing_beside(thing: str) -> Refused:
    """That `thing` is of what stands beside x, which nothing does."""
    return Refused(
        f'{thing} is of what stands beside x, and nothing does. Say what: side = ["labels"] under [data], '
        'load_data(..., side="labels"), or data.with_side({"batch": [...]}).'
    )


def index_of(draw: Draw) -> Tensor:
    """The positions of a draw's examples in the data set, shape (B,); Refused where they are not known."""
    if draw.index is None:
        raise Refused("A memory of q(z) must know which examples of the data set these are: give index=..., (B,).")
    return draw.index


def batch_components(draw: Draw) -> Components:
    """The draw's own posteriors as components, made once however many terms ask."""
    return draw.once("components", lambda: components_of(draw.posterior))
