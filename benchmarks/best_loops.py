"""The fastest loops that we know for the vae of `training.py` on a CPU: what a trainer could at best come to.

The same fully connected networks, ELBO and Adam as the plain loop. One has its products from oneDNN, which torch has
but does not take in float32; the other is JAX's, some steps compiled as one `lax.scan`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def product(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    """x w' + bias by oneDNN, which takes transposed operands as they lie."""
    return torch.ops.mkldnn._linear_pointwise(x, w, bias, "none", [], "")


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return product(x, w, bias)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return product(g, w.t()) if ctx.needs_input_grad[0] else None, product(g.t(), x.t()), g.sum(0)


def linears(body: nn.Module) -> list[nn.Linear]:
    """The layers of a fully connected body, in order; between two of them stands a ReLU."""
    return [layer for layer in body.modules() if isinstance(layer, nn.Linear)]


def by_onednn(bodies: Sequence[nn.Module], x: Tensor, batch: int) -> Callable[[], None]:
    """A step of the plain loop, its products by oneDNN; a new batch each time it is called."""
    encoder, decoder = (linears(body) for body in bodies)
    x = x.flatten(1)
    parameters = [parameter for layer in (*encoder, *decoder) for parameter in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    order, place = torch.randperm(len(x)), 0

    def through(layers: Sequence[nn.Linear], h: Tensor) -> Tensor:
        for number, layer in enumerate(layers):
            h = _Linear.apply(h.relu_() if number else h, layer.weight, layer.bias)
        return h

    def step() -> None:
        nonlocal order, place
        if place + batch > len(x):
            order, place = torch.randperm(len(x)), 0
        rows = x[order[place : place + batch]]
        place += batch
        mean, log_variance = through(encoder, rows).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        distortion = F.binary_cross_entropy_with_logits(through(decoder, z), rows, reduction="sum")
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        optimizer.zero_grad()
        ((distortion + rate) / batch).backward()
        optimizer.step()

    return step


def by_jax(bodies: Sequence[nn.Module], x: Tensor, batch: int, steps: int = 100) -> Callable[[], list[float]]:
    """So many steps of the plain loop as one compiled scan; returns the seconds of each, all alike."""
    import jax
    import jax.numpy as jnp

    def copied(layer: nn.Linear) -> tuple[Any, Any]:
        return jnp.array(layer.weight.detach().numpy()), jnp.array(layer.bias.detach().numpy())

    weights = [[copied(layer) for layer in linears(body)] for body in bodies]
    data, first, second = jnp.array(x.flatten(1).numpy()), 0.9, 0.999

    def through(layers: Any, h: Any) -> Any:
        for number, (w, b) in enumerate(layers):
            h = (jax.nn.relu(h) if number else h) @ w.T + b
        return h

    def loss(weights: Any, rows: Any, noise: Any) -> Any:
        mean, log_variance = jnp.split(through(weights[0], rows), 2, axis=1)
        logits = through(weights[1], mean + jnp.exp(0.5 * log_variance) * noise)
        distortion = (jax.nn.softplus(logits) - rows * logits).sum()
        return (distortion + 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum()) / batch

    def step(state: Any, given: Any) -> Any:
        weights, mean, square, count = state
        rows, key = given
        noise = jax.random.normal(key, (batch, weights[0][-1][0].shape[0] // 2))
        slope = jax.grad(loss)(weights, data[rows], noise)
        count += 1
        mean = jax.tree.map(lambda m, g: first * m + (1 - first) * g, mean, slope)
        square = jax.tree.map(lambda v, g: second * v + (1 - second) * g * g, square, slope)
        weights = jax.tree.map(
            lambda w, m, v: w - 1e-3 * (m / (1 - first**count)) / (jnp.sqrt(v / (1 - second**count)) + 1e-8),
            weights, mean, square,
        )  # fmt: skip
        return (weights, mean, square, count), None

    @jax.jit
    def many(state: Any, order: Any, key: Any) -> Any:
        return jax.lax.scan(step, state, (order, jax.random.split(key, steps)))[0]

    nothing = jax.tree.map(jnp.zeros_like, weights)
    state, key = (weights, nothing, nothing, jnp.zeros(())), jax.random.key(0)

    def some_steps() -> list[float]:
        nonlocal state, key
        order = torch.randperm(len(x))[: steps * batch].view(steps, batch)
        start = time.perf_counter()
        key, now = jax.random.split(key)
        state = jax.block_until_ready(many(state, jnp.array(order.numpy()), now))
        return [(time.perf_counter() - start) / steps] * steps

    return some_steps
