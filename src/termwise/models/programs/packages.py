"""Programs of Pyro and of NumPyro, run with some values held, as sites of torch's."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.programs.arrays import known_law, to_jax, to_torch
from termwise.models.programs.sites import Plate, Site

HeldValues = Mapping[str, Tensor]
"""Values of sites by name."""


class Runner(Protocol):
    """What runs a program of one package, at examples x, with the values of some of its sites held."""

    def __call__(self, program: Callable[..., Any], x: Tensor, values: HeldValues) -> list[Site]:
        """The sites that it has, in its order."""
        ...


def run_pyro(program: Callable[..., Any], x: Tensor, values: HeldValues) -> list[Site]:
    """A program of Pyro's."""
    from pyro import poutine  # type: ignore[import-not-found]

    free = poutine.trace(program).get_trace(x) if not values else None
    trace = free if free is not None else poutine.trace(poutine.condition(program, data=dict(values))).get_trace(x)
    found = []
    for name, node in trace.nodes.items():
        about = node.get("infer") or {}
        if node["type"] != "sample" or not hasattr(node["fn"], "log_prob") or about.get("_deterministic"):
            continue
        if type(node["fn"]).__name__ == "_Subsample":
            continue
        log_prob = _masked(node["fn"].log_prob(node["value"]), node.get("mask"))
        plates = tuple(Plate(of.name, of.dim, of.size) for of in node["cond_indep_stack"] if of.dim is not None)
        told, joint = node["is_observed"] and name not in values, bool(about.get("is_auxiliary"))
        kind = type(node["fn"]).__name__
        found.append(Site(name, node["fn"], node["value"], log_prob, told, plates, kind, joint or kind == "Delta"))
    return found


def run_numpyro(params: Mapping[str, Any]) -> Runner:
    """What runs programs of NumPyro's, with the parameters that its SVI gave: no gradients."""
    import jax  # type: ignore[import-not-found]
    from numpyro import handlers  # type: ignore[import-not-found]

    def run(program: Callable[..., Any], x: Tensor, values: HeldValues) -> list[Site]:
        key = jax.random.PRNGKey(int(torch.randint(2**31 - 1, ())))
        data = {**params, **{name: to_jax(value) for name, value in values.items()}}
        trace = handlers.trace(handlers.seed(handlers.substitute(program, data=data), key)).get_trace(to_jax(x))
        found = []
        for name, node in trace.items():
            if node["type"] != "sample":
                continue
            law, about = node["fn"], node.get("infer") or {}
            log_prob = to_torch(jax.numpy.asarray(law.log_prob(node["value"])))
            plates = tuple(Plate(of.name, of.dim, of.size) for of in node["cond_indep_stack"])
            value, kind = to_torch(jax.numpy.asarray(node["value"])), type(law).__name__
            joint = bool(about.get("is_auxiliary")) or kind == "Delta"
            found.append(Site(name, known_law(law), value, log_prob, node["is_observed"], plates, kind, joint))
        return found

    return run


def runner_of(guide: Callable[..., Any], x: Tensor, params: Mapping[str, Any] | None) -> Runner:
    """What runs a guide, of the packages that are loaded: that in which it has sites.

    Raises:
        Refused: It has none in any.
    """
    failures = []
    for package, make in (("numpyro", lambda: run_numpyro(params or {})), ("pyro", lambda: run_pyro)):
        if package not in sys.modules or (package == "pyro" and params is not None):
            continue
        runner: Runner = make()
        try:
            if any(not site.observed for site in runner(guide, x, {})):
                return runner
        except Exception as error:
            failures.append(f"{package}: {type(error).__name__}: {(str(error).strip() or 'no reason').splitlines()[0]}")
    raise Refused(
        "The guide has no site of Pyro's or NumPyro's when it is called as guide(x), with a batch of examples. "
        + ("; ".join(failures) + ". " if failures else "")
        + "Pass what takes x alone, adapt(guide=lambda x: ..., model=lambda x: ...), and of NumPyro params=."
    )


def _masked(log_prob: Tensor, mask: Any) -> Tensor:
    """A log density, 0 where a mask says so."""
    if mask is None or mask is True:
        return log_prob
    return torch.where(torch.as_tensor(mask), log_prob, torch.zeros_like(log_prob))
