"""Train, measure and explain variational autoencoders, one ELBO term at a time."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from termwise import objectives, terms, worlds
    from termwise.account import Account, Reading
    from termwise.api import (
        Run,
        attribute_vectors,
        attributes,
        compare,
        disentanglement,
        load_run,
        log_likelihood,
        measure,
        sample_quality,
        train,
        write_report,
    )
    from termwise.data import Dataset, load_data
    from termwise.models import VAE, Draw, adapt, bayes, export_latents
    from termwise.objectives import RECIPES, recipe

__version__ = "0.1.0"

_HOMES = {
    "Account": "termwise.account",
    "Dataset": "termwise.data",
    "Draw": "termwise.models",
    "RECIPES": "termwise.objectives",
    "Reading": "termwise.account",
    "Run": "termwise.api",
    "VAE": "termwise.models",
    "adapt": "termwise.models",
    "attribute_vectors": "termwise.api",
    "attributes": "termwise.api",
    "bayes": "termwise.models",
    "compare": "termwise.api",
    "disentanglement": "termwise.api",
    "export_latents": "termwise.models",
    "load_data": "termwise.data",
    "load_run": "termwise.api",
    "log_likelihood": "termwise.api",
    "measure": "termwise.api",
    "recipe": "termwise.objectives",
    "sample_quality": "termwise.api",
    "train": "termwise.api",
    "write_report": "termwise.api",
}
_ROOMS = ("objectives", "terms", "worlds")

__all__ = [
    "RECIPES",
    "VAE",
    "Account",
    "Dataset",
    "Draw",
    "Reading",
    "Run",
    "adapt",
    "attribute_vectors",
    "attributes",
    "bayes",
    "compare",
    "disentanglement",
    "export_latents",
    "load_data",
    "load_run",
    "log_likelihood",
    "measure",
    "objectives",
    "recipe",
    "sample_quality",
    "terms",
    "train",
    "worlds",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562), so that `termwise --help` need not wait for torch."""
    if name in _ROOMS:
        return importlib.import_module(f"termwise.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'termwise' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
