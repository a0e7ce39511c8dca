"""Products of matrices, by the quicker of two libraries that PyTorch brings: oneDNN, or the one that it asks itself.

    linear(x, W, b) = x W^T + b          product(A, B) = A B

PyTorch asks MKL for products of float32 numbers on a CPU, which on some machines needs twice the time of oneDNN, with
the same error. Which is asked is decided once in a process, by a trial (`fast_paths.py`). Everything else (other types,
devices and kinds of tensors, small products, automatic mixed precision, compilers, exports, transformations of
functions) goes PyTorch's own way, to the bit.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn
from torch._jit_internal import is_scripting
from torch.autograd import Function
from torch.nn import functional as F

from termwise.fast_paths import FastPath, transformed

WORTH_A_CALL, WORTH_A_LAYER = 2**20, 2**22
"""Multiplications from which a product, and a layer with its gradients, are worth a call from Python."""

CLEARLY = 1.1
"""How many times as quick oneDNN must be in the trial to be taken."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product of examples and a layer's weights, and its bias: what `F.linear` gives, with all its gradients.

    Args:
        x: Examples, shape (B, I); other shapes go PyTorch's own way.
        weight: Shape (O, I).
        bias: Shape (O,).

    Example:
        >>> x, weight, bias = torch.ones(2, 3), torch.ones(4, 3), torch.zeros(4)
        >>> linear(x, weight, bias).shape
        torch.Size([2, 4])
    """
    if is_scripting():  # the rest is no TorchScript, and is left out of it
        return F.linear(x, weight, bias)
    given = (x, weight) if bias is None else (x, weight, bias)
    if transformed() or not (_ordinary(*given) and _is_layer(x, weight, bias) and _unseen(*given) and ONEDNN.taken):
        return F.linear(x, weight, bias)
    if torch.is_grad_enabled() and any(one.requires_grad for one in given):
        return _Layer.apply(x, weight, bias)
    return _onednn(x, weight, bias)


def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of two matrices, `a @ b`, with all its gradients.

    Args:
        a: Shape (M, K); may be the transpose of what lies in rows.
        b: Shape (K, N), likewise.
        out: Where it goes, shape (M, N), where no gradient is wanted.

    Example:
        >>> product(torch.ones(2, 3), torch.full((3, 4), 2.0)).tolist()
        [[6.0, 6.0, 6.0, 6.0], [6.0, 6.0, 6.0, 6.0]]
    """
    differentiates = torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)
    if transformed() or not (_ordinary(a, b) and _are_matrices(a, b) and _unseen(a, b) and ONEDNN.taken):
        return a @ b if out is None else torch.mm(a, b, out=out)
    if out is None:
        return _Product.apply(a, b) if differentiates else _onednn(a, b.t(), None)
    if differentiates or out.requires_grad or not _ordinary(out) or out.shape != (a.size(0), b.size(1)):
        return torch.mm(a, b, out=out)
    return out.copy_(_onednn(a, b.t(), None))


class _Layer(Function):
    """The linear layer by oneDNN; its gradients are products, and have gradients again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        return (
            product(gradient, weight) if to_x else None,
            product(gradient.t(), x) if to_weight else None,
            gradient.sum(0) if to_bias else None,
        )


class _Product(Function):
    """The product by oneDNN; its gradients are products, and have gradients again."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _onednn(a, b.t(), None)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        to_a, to_b = ctx.needs_input_grad
        return product(gradient, b.t()) if to_a else None, product(a.t(), gradient) if to_b else None


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W^T + b, by an operator that PyTorch's own compiler uses; it has no gradient."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


_OURS, _DTYPE = (Tensor, nn.Parameter), torch.float32


def _ordinary(*tensors: Tensor) -> bool:
    """Whether tensors are float32 numbers in a CPU's memory, and of no class of their own."""
    for one in tensors:
        if type(one) not in _OURS or one.dtype is not _DTYPE or not one.is_cpu or one.layout is not torch.strided:
            return False
    return True


def _unseen(*tensors: Tensor) -> bool:
    """Whether nothing looks at what PyTorch computes of tensors, or has it computed otherwise."""
    try:
        return not (
            torch.is_autocast_enabled("cpu")
            or not torch.backends.mkldnn.enabled
            or torch._C._len_torch_dispatch_stack()
            or torch._C._len_torch_function_stack()
            or any(torch._C._functorch.is_legacy_batchedtensor(one) for one in tensors)  # of `is_grads_batched`
        )
    except AttributeError:  # a version of PyTorch that cannot be asked so
        return False


def _is_layer(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether shapes are those of a layer and a batch of examples, large enough to be worth it, that lie in rows."""
    if not (x.dim() == weight.dim() == 2 and x.size(1) == weight.size(1)):
        return False
    if bias is not None and bias.shape != weight.shape[:1]:
        return False
    work = x.size(0) * weight.numel()
    return (work >= WORTH_A_LAYER or (work > 0 and ONEDNN.forced)) and x.is_contiguous() and weight.is_contiguous()


def _are_matrices(a: Tensor, b: Tensor) -> bool:
    """Whether two matrices, large enough to be worth it, can be multiplied, and lie whole in memory."""
    if not (a.dim() == b.dim() == 2 and a.size(1) == b.size(0)):
        return False
    work = a.numel() * b.size(1)
    return (work >= WORTH_A_CALL or (work > 0 and ONEDNN.forced)) and _lies_whole(a) and _lies_whole(b)


def _lies_whole(matrix: Tensor) -> bool:
    """Whether the rows, or the columns, of a matrix lie in memory one behind the other, with nothing between them.

    Where something lies between, oneDNN may take a thousand times as long.
    """
    rows, columns = matrix.size()
    return min(rows, columns) > 1 and matrix.stride() in ((columns, 1), (1, rows))


def _trial() -> tuple[Tensor, Tensor, Tensor]:
    """Examples, a layer's weights and a gradient of middle size; no random numbers are drawn for them."""
    whole = torch.arange(3 * 256 * 256, dtype=torch.float32).sin()
    x, weight, gradient = whole.view(3, 256, 256)
    return x[:128].contiguous(), weight.contiguous(), gradient[:128].contiguous()


@torch.no_grad()
def _works() -> bool:
    """Whether oneDNN's products, of transposed matrices too, err no more than PyTorch's own against float64."""
    if not torch.backends.mkldnn.is_available():
        return False
    x, weight, gradient = _trial()
    bias = weight[0].contiguous()
    exact = [F.linear(x.double(), weight.double(), bias.double()), gradient.double() @ weight.double()]
    exact += [gradient.double().t() @ x.double()]
    own = [F.linear(x, weight, bias), gradient @ weight, gradient.t() @ x]
    theirs = [_onednn(x, weight, bias), _onednn(gradient, weight.t(), None), _onednn(gradient.t(), x.t(), None)]
    least = torch.finfo(torch.float32).eps
    return all(
        bool((c - a).abs().max() <= 4 * (b - a).abs().max() + least * a.abs().max())
        for a, b, c in zip(exact, own, theirs, strict=True)
    )


@torch.no_grad()
def _pays() -> bool:
    """Whether oneDNN is clearly quicker in a layer and its gradients, on one thread; the best of turns counts."""
    x, weight, gradient = _trial()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for one another, and tell more of what else runs on the machine
    try:
        best = [float("inf"), float("inf")]
        for _ in range(9):
            begun = time.perf_counter()
            F.linear(x, weight), gradient @ weight, gradient.t() @ x
            between = time.perf_counter()
            _onednn(x, weight, None), _onednn(gradient, weight.t(), None), _onednn(gradient.t(), x.t(), None)
            ended = time.perf_counter()
            best = [min(best[0], between - begun), min(best[1], ended - between)]
    finally:
        torch.set_num_threads(threads)
    return best[0] > CLEARLY * best[1]


ONEDNN = FastPath("onednn", _works, _pays)
"""Whether oneDNN is asked for products of float32 numbers on the CPU."""
