"""Networks whose rows are shared out among the processes of a distributed training; all else is of the whole batch.

Every process sees the same batch and has the same random state. A network is handed its process's rows alone, and what
it makes of them is gathered, so that codes, terms, memories and critics' losses are of the whole batch on every
process, as if there were one. With R processes, S the choice of a process's rows and G the gathering of all,

    forward     y = G f(S x)
    backward    S' g = G g / R,     G' g = R S g,     and a parameter's gradient is the mean over processes.

A parameter that a network was not called by, but read, has its whole gradient on every process, and the mean leaves it
as it is. What a network draws by itself differs by process, and follows from the state that all of them have.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map

from termwise.errors import Refused, in_short
from termwise.models.tensor_dataclasses import map_fields


def rank_and_ranks() -> tuple[int, int]:
    """Which process this is, and how many there are; (0, 1) where training is not distributed.

    Example:
        >>> rank_and_ranks()
        (0, 1)
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


class _Own(torch.autograd.Function):
    """S: the rows of this process."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, counts: Sequence[int]) -> Tensor:
        ctx.counts = counts
        return whole.split(list(counts))[distributed.get_rank()]

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None]:
        return _Whole.apply(upward, ctx.counts) / len(ctx.counts), None


class _Whole(torch.autograd.Function):
    """G: the rows of all processes, in order."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: Sequence[int]) -> Tensor:
        ctx.counts = counts
        return gathered_rows(own, counts)

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> tuple[Tensor, None]:
        return _Own.apply(upward, ctx.counts) * len(ctx.counts), None


def gathered_rows(own: Tensor, counts: Sequence[int]) -> Tensor:
    """The rows of all processes, of which each has so many, in order of rank; every process must ask."""
    if len(counts) == 1:
        return own
    most = max(counts)
    padded = own.new_zeros(most, *own.shape[1:])
    padded[: len(own)] = own
    of_ranks = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(of_ranks, padded)
    return torch.cat([rows[:count] for rows, count in zip(of_ranks, counts, strict=True)])


def shares_of(rows: int, ranks: int) -> list[int]:
    """How many of so many rows each process has: the first ones, where they do not come out even, one more.

    Example:
        >>> shares_of(10, 4)
        [3, 3, 2, 2]
    """
    return [rows // ranks + (rank < rows % ranks) for rank in range(ranks)]


class _Summed(torch.autograd.Function):
    """The sum over processes of what each has of its rows, inside a network."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        whole = own.clone()
        distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, upward: Tensor) -> Tensor:
        return torch.as_tensor(_Summed.apply(upward.contiguous()))


def normalised_together(norm: _BatchNorm, x: Tensor) -> Tensor:
    """What a batch normalisation makes of this process's rows by the mean and variance of all processes' rows."""
    dims = [0, *range(2, x.dim())]
    sums = torch.cat([x.sum(dims), x.new_tensor([x.numel() // x.shape[1]])])
    *total, count = torch.as_tensor(_Summed.apply(sums)).split([x.shape[1], 1])
    shape = [1, -1] + [1] * (x.dim() - 2)
    mean = total[0] / count
    centred = x - mean.view(shape)
    variance = torch.as_tensor(_Summed.apply(centred.square().sum(dims))) / count
    if norm.track_running_stats and norm.num_batches_tracked is not None:
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_(mean, share)  # type: ignore[union-attr]
            norm.running_var.lerp_(variance * count / (count - 1), share)  # type: ignore[union-attr]
    scaled = centred * (variance + norm.eps).rsqrt().view(shape)
    return scaled if not norm.affine else scaled * norm.weight.view(shape) + norm.bias.view(shape)


_sharing: "list[SharedRows]" = []


def rows_are_shared() -> bool:
    """Whether networks' rows are shared out now, and those at hand are all.

    Example:
        >>> rows_are_shared()
        False
    """
    return bool(_sharing) and not _sharing[-1].calls


def by_shares(function: Callable[..., Tensor], *rows: Tensor | None) -> Tensor:
    """What a function makes of tensors of a row each, every process of its own share where rows are shared out.

    Args:
        function: Takes the rows, and gives a row for each; whatever is None it is given as None.
        *rows: Of as many rows each.

    Example:
        >>> by_shares(torch.add, torch.zeros(3), torch.ones(3))
        tensor([1., 1., 1.])
    """
    if not rows_are_shared():
        return function(*rows)
    shared = _sharing[-1]
    counts = shared.counts_of(rows, {})
    shared.calls.append(counts)
    try:
        if counts is None:
            return function(*rows)
        own = function(*(x if x is None else _Own.apply(x, counts) for x in rows))
    finally:
        shared.calls.pop()
    return torch.as_tensor(_Whole.apply(own, counts))


class SharedRows:
    """What makes networks take their process's rows alone, until it is undone.

    Args:
        networks: Each of which treats its rows one by one.
        ranks: R, the number of processes.

    Attributes:
        calls: How many rows each process has of what is being called, the outermost first; None where it has all.

    Example:
        >>> import torch
        >>> network = nn.Linear(3, 2)
        >>> with SharedRows([network], ranks=1):  # of one process, all of them
        ...     network(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(self, networks: Iterable[nn.Module], ranks: int) -> None:
        self.ranks = ranks
        self._handles: list[Any] = []
        self.calls: list[list[int] | None] = []
        self._states: list[tuple[torch.Generator, Tensor]] = []
        self._begun: list[tuple[torch.Generator, Tensor]] = []
        self._norms: list[_BatchNorm] = []
        if ranks > 1:
            _sharing.append(self)
        for network in networks if ranks > 1 else ():
            for norm in (one for one in network.modules() if isinstance(one, _BatchNorm)):
                norm.forward = partial(self._normalised, norm)  # type: ignore[method-assign]
                self._norms.append(norm)
            self._handles.append(network.register_forward_pre_hook(self._before, with_kwargs=True))
            self._handles.append(network.register_forward_hook(self._after, with_kwargs=True, always_call=True))

    def undo(self) -> None:
        """Let the networks take all rows again."""
        for handle in self._handles:
            handle.remove()
        for norm in self._norms:
            vars(norm).pop("forward", None)
        self._handles, self._norms = [], []
        if self in _sharing:
            _sharing.remove(self)

    def __enter__(self) -> "SharedRows":
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def _before(self, network: nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any] | None:
        """This process's rows of all that a network is given, where that has rows enough for every process."""
        self.calls.append(counts := None if self.calls else self.counts_of(args, kwargs))
        if counts is None:
            return None
        self._states = _random_states()
        for generator, state in self._states:
            generator.manual_seed(_seed(state, distributed.get_rank()))
        self._begun = _random_states()
        return tree_map(lambda x: _Own.apply(x, counts) if isinstance(x, Tensor) else x, (args, kwargs))

    def _after(self, network: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        """What all processes made, of their rows."""
        counts = self.calls.pop()
        if counts is None:
            return None
        drew = [not torch.equal(generator.get_state(), begun) for generator, begun in self._begun]
        for (generator, state), has_drawn in zip(self._states, drew, strict=True):
            generator.set_state(state)
            if has_drawn:  # so that the next call, from another state, draws anew
                torch.rand(1, generator=generator, device=generator.device)

        def whole(leaf: Any) -> Any:
            if leaf is None or (is_dataclass(leaf) and not isinstance(leaf, type)):
                return leaf if leaf is None else map_fields(lambda one: whole(one[0]), [leaf])
            if isinstance(leaf, Tensor) and leaf.dim() and len(leaf) == counts[distributed.get_rank()]:
                return _Whole.apply(leaf, counts)
            raise Refused(
                f"{type(network).__name__} is shared out by rows among {self.ranks} processes, so what it returns must "
                f"be tensors of a row for each that it is given; got {in_short(leaf)}. Return such tensors, or train "
                "in one process."
            )

        return tree_map(whole, output)

    def _normalised(self, norm: _BatchNorm, x: Tensor) -> Tensor:
        """What a batch normalisation makes of rows that are shared out, or are not."""
        shared = self.calls and self.calls[0] is not None
        by_batch = norm.training or norm.running_mean is None
        return normalised_together(norm, x) if shared and by_batch else type(norm).forward(norm, x)

    def counts_of(self, args: Any, kwargs: Any) -> list[int] | None:
        """How many of the rows that are given each process has; None where they are not rows of one batch, or too few.

        A network has then all of them on every process.
        """
        rows = {len(x) if x.dim() else 0 for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        return shares_of(rows.pop(), self.ranks) if len(rows) == 1 and min(rows) >= self.ranks else None


def average_gradients(parameters: Iterable[nn.Parameter], ranks: int) -> None:
    """The mean over processes of every gradient, in its place: one message for all of a type."""
    if ranks == 1:
        return
    by_kind: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            by_kind.setdefault((parameter.grad.dtype, parameter.grad.device), []).append(parameter.grad)
    for gradients in by_kind.values():
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = flat.div_(ranks).split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def _random_states() -> list[tuple[torch.Generator, Tensor]]:
    """The generators that a network may draw from, and their states."""
    generators = [torch.default_generator]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        generators.append(torch.cuda.default_generators[torch.cuda.current_device()])
    return [(generator, generator.get_state()) for generator in generators]


def _seed(state: Tensor, rank: int) -> int:
    """A seed that follows from a random state and a process's rank."""
    digest = hashlib.blake2b(state.numpy().tobytes() + rank.to_bytes(4, "little"), digest_size=7).digest()
    return int.from_bytes(digest, "little")
