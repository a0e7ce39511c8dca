"""The table of other packages' models: a row alone makes one known to `adapt` and to its errors.

Each file here turns one package's model into `Parts`, by what the model itself has: nothing of the package is imported.
To add a package: its file, with `parts(model, likelihood, own_prior)`, and one row.
"""

import pkgutil
from typing import NamedTuple

from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts

_HERE = "termwise.models.ready"


class ReadyModel(NamedTuple):
    """One package's models that need no functions.

    Attributes:
        package: Where the class is from.
        base: The class's name; a subclass counts as its class.
        parts: What makes `Parts` of such a model, as "module:function".
        summary: Which models they are, as an error lists them.
    """

    package: str
    base: str
    parts: str
    summary: str


READY = (
    ReadyModel("pythae", "BaseAE", f"{_HERE}.pythae:parts", "pythae's models with a normal posterior"),
    ReadyModel("scvi", "SCANVI", f"{_HERE}.scvi_scanvi:parts", "scvi.model.SCANVI"),
    ReadyModel("scvi", "SCVI", f"{_HERE}.scvi:parts", "SCVI"),
    ReadyModel("scvi", "LinearSCVI", f"{_HERE}.scvi:parts", "LinearSCVI"),
    ReadyModel("scvi", "TOTALVI", f"{_HERE}.scvi_totalvi:parts", "TOTALVI"),
    ReadyModel("scvi", "PEAKVI", f"{_HERE}.scvi_regions:peakvi", "PEAKVI"),
    ReadyModel("scvi", "MULTIVI", f"{_HERE}.scvi_regions:multivi", "MULTIVI"),
    ReadyModel("diffusers", "VQModel", f"{_HERE}.diffusers:quantized_parts", "diffusers.VQModel"),
    ReadyModel(
        "diffusers", "ModelMixin", f"{_HERE}.diffusers:parts", "diffusers' autoencoders that give a latent_dist"
    ),
)
"""The models of other packages that can be measured as they are."""


def parts_of(model: object, likelihood: str | Likelihood | None, own_prior: bool) -> Parts | None:
    """The parts of a model that a row knows; None for anything else.

    Args:
        model: A model of one of the packages in `READY`, or anything.
        likelihood: What the user said of it, if anything.
        own_prior: Whether the user gives the prior.
    """
    rows = {(row.package, row.base): row for row in READY}
    for kind in type(model).__mro__:
        row = rows.get((kind.__module__.partition(".")[0], kind.__name__))
        if row is not None:
            parts: Parts = pkgutil.resolve_name(row.parts)(model, likelihood, own_prior)
            return parts
    return None


def supported() -> str:
    """The models that need no functions, as an error lists them.

    Example:
        >>> supported()
        "pythae's models with a normal posterior, scvi.model.SCANVI, SCVI, LinearSCVI, TOTALVI, PEAKVI, MULTIVI, ..."
    """
    *others, last = (row.summary for row in READY)
    return f"{', '.join(others)} and {last}"
