"""The kernels of log q(z) where there is no GPU, in a process of their own.

    TRITON_INTERPRET=1 python -m helpers.triton_cases interpret

runs them by Triton's interpreter, and prints a line of JSON for each case: its name, and how far log densities and
gradients are off brute force in float64, relative to 1 + |log density| and to the code's largest slope.

    python -m helpers.triton_cases compile

compiles them for GPUs that are not there, and prints a line for each: its name, and the bytes of its machine code.
"""

import itertools
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from termwise.models.codes import Codes
from termwise.terms.aggregate.gaussians import Gaussians, LogWeights
from termwise.terms.aggregate.triton_kernels import joint_kernel, marginal_kernel
from termwise.terms.aggregate.triton_mixture import ROWS, STEP, joint, marginals

SIZES = ((1, 1, 1), (16, 64, 2), (19, 131, 3), (5, 600, 5))
"""Codes, components and dimensions: as many as tiles have, and not; the last are shared among programs."""
IN_DOUBLE = (19, 131, 3)
"""Which are taken in float64, too."""
ARCHITECTURES = (80, 90)
"""Of the A100, and of the H100."""
SIGMAS = {"wide": (0.5, 2.0), "narrow": (1e-4, 1e-2), "one narrow beside wide ones": (1e-3, 1.0)}
"""Between what standard deviations lie."""


def brute_force(codes: Codes, components: Gaussians, weights: LogWeights, by_dimension: bool) -> tuple[Tensor, Tensor]:
    """log q(z) or log q(z_j), and its gradient, in float64, every component by itself."""
    centre, offset = codes.centre.double(), codes.offset.double()
    apart = (centre.unsqueeze(1) - components.mean.double()) + offset.unsqueeze(1)  # (B, N, D)
    if by_dimension or components.spread.dim() == 2:
        scale = components.scale.double()
        standard, pull = apart / scale, apart / scale.square()
        logs = -0.5 * standard.square() - scale.log() - 0.5 * math.log(2 * math.pi)
        logs = logs if by_dimension else logs.sum(2, keepdim=True)
    else:
        root = components.spread.double()
        standard = torch.linalg.solve_triangular(root, apart.unsqueeze(-1), upper=False)
        pull = torch.linalg.solve_triangular(root.mT, standard, upper=True).squeeze(-1)
        logs = -0.5 * standard.squeeze(-1).square().sum(2) - root.diagonal(dim1=1, dim2=2).log().sum(1)
        logs = (logs - 0.5 * apart.shape[2] * math.log(2 * math.pi)).unsqueeze(2)
    logs = logs + weights.other
    if weights.each is not None:
        logs = logs + weights.each.double()[None, :, None]
    if weights.index is not None and weights.own is not None:
        logs[torch.arange(len(logs)), weights.index] += weights.own - weights.other
    value = logs.logsumexp(1)
    return (value if by_dimension else value.squeeze(1)), -(logs.softmax(1) * pull).sum(1)


def cases() -> Iterator[tuple[str, Codes, Gaussians, LogWeights]]:
    """By name: codes of some of the components, these, and how much each weighs."""
    for (count, many, size), (sigmas, (low, high)), dtype, full in itertools.product(
        SIZES, SIGMAS.items(), (torch.float32, torch.float64), (False, True)
    ):
        if dtype == torch.float64 and (count, many, size) != IN_DOUBLE:
            continue
        generator = torch.Generator().manual_seed(count)
        mean = torch.randn(many, size, generator=generator, dtype=torch.float64)
        spread = low * (high / low) ** torch.rand(many, size, generator=generator, dtype=torch.float64)
        if full:
            mixed = torch.randn(many, size, size, generator=generator, dtype=torch.float64).tril(-1)
            spread = torch.diag_embed(spread) + mixed * spread.unsqueeze(2)
        components = Gaussians(mean.to(dtype), spread.to(dtype))
        index = torch.randint(many, (count,), generator=generator)
        noise = torch.randn(count, size, generator=generator, dtype=torch.float64)
        root = spread[index] if full else torch.diag_embed(spread[index])
        codes = Codes(components.mean[index], (root @ noise.unsqueeze(2)).squeeze(2).to(dtype))
        codes.offset[-1] += 30 * high  # one that is far from all
        weights = LogWeights.uniform(many)
        if many > 1:
            weights = LogWeights.stratified(index, many, 3 * many)
        if many == 131:
            weights = replace(weights, each=-3 * torch.rand(many, generator=generator, dtype=torch.float64))
        kind = f"{count} x {many} x {size}, {sigmas}, {str(dtype)[6:]}, {'full' if full else 'diagonal'}"
        yield kind, codes, components, weights


def interpret() -> None:
    """Run every case."""
    for name, codes, components, weights in cases():
        for ask, by_dimension in ((joint, False), (marginals, True)):
            value, gradient = ask(codes, components, weights, True)
            right, its = brute_force(codes, components, weights, by_dimension)
            alone, none = ask(codes, components, weights, False)
            of_value = ((value - right).abs() / (1 + right.abs())).max()
            of_gradient = ((gradient - its).abs() / its.abs().amax(1, keepdim=True).clamp(min=1e-3)).max()
            line = {"case": f"{ask.__name__} {name}", "value": float(of_value), "gradient": float(of_gradient)}
            line |= {"same": bool(torch.equal(alone, value)) and none.numel() == 0}
            print(json.dumps(line | {"dtype": str(codes.centre.dtype)[6:]}), flush=True)


def compile_for(kernel: Any, architecture: int, kind: str, light: str, own: bool, slopes: bool, **more: Any) -> int:
    """The bytes of a kernel's machine code, distances in the type `kind`, masses in `light`."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    farthest = 1e15 if kind == "fp32" else 1e150
    constants = {"half": 0.72, "has_own": own, "slopes": slopes, "farthest": farthest, "row_count": ROWS, "step": STEP}
    constants |= more
    pointers = dict.fromkeys(("centre", "offset", "mean", "pulls"), light) | {"own": "i64", "totals": "fp64"}
    pointers |= dict.fromkeys(("root", "high", "low", "peaks", "gain"), kind)
    names = kernel.arg_names
    signature = {
        one: "constexpr" if one in constants else f"*{pointers[one]}" if one in pointers else "i32" for one in names
    }
    source = ASTSource(kernel, signature, {(names.index(one),): value for one, value in constants.items()})
    return len(triton.compile(source, target=GPUTarget("cuda", architecture, 32)).asm["cubin"])


def compile_all() -> None:
    """Compile the kernels of every type, with and without a component of one's own and slopes."""
    for architecture, (kind, light), given in itertools.product(
        ARCHITECTURES, (("fp32", "fp32"), ("fp64", "fp32"), ("fp64", "fp64")), (False, True)
    ):
        kernels: list[tuple[Any, dict[str, Any]]] = [(marginal_kernel, {})]
        kernels += [(joint_kernel, {"size": 10, "width": 16, "full": kind == "fp64"})]
        for kernel, more in kernels:
            size = compile_for(kernel, architecture, kind, light, given, given, **more)
            name = f"{kernel.__name__}, sm_{architecture}, {kind}, {light}, {given}"
            print(json.dumps({"case": name, "bytes": size}), flush=True)


if __name__ == "__main__":
    {"interpret": interpret, "compile": compile_all}[sys.argv[1]]()
