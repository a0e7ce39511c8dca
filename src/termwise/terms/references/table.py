"""References r(z|x) by name: what the `reference` of adaptive contrast may be, one row each."""

from collections.abc import Mapping
from typing import Any, cast

from termwise.registry import Makers, Row
from termwise.terms.references.moments import ReferenceLaw

_MOMENTS, _LEARNED = "termwise.terms.references.moments", "termwise.terms.references.learned"

REFERENCES: Makers[Row] = Makers(
    "reference",
    "termwise.references",
    [
        Row(
            "moments",
            f"{_MOMENTS}:diagonal_reference",
            "the normal with the posterior's means and variances",
        ),
        Row(
            "full",
            f"{_MOMENTS}:full_reference",
            "the normal with the posterior's means and covariances",
        ),
        Row("learned", f"{_LEARNED}:learned_normal", "a normal of variances, which a network of x learns"),
        Row("learned-full", f"{_LEARNED}:learned_full_normal", "a normal of covariances, which a network learns"),
        Row("mixture", f"{_LEARNED}:learned_mixture", "a mixture of normals, which a network learns"),
        Row("flow", f"{_LEARNED}:learned_flow", "a flow of splines, which a network learns"),
    ],
)
"""References by name; a row makes a `ReferenceLaw` from its options."""

AnyReference = ReferenceLaw | str | dict[str, Any]
"""A reference, the name of one, or a table of a name and its options."""


def reference_from(given: ReferenceLaw | str | Mapping[str, Any]) -> ReferenceLaw:
    """A reference, from one, from its name, or from a table of its name and options.

    Example:
        >>> reference_from({"name": "full", "noises": 64}).noises
        64
    """
    return cast(ReferenceLaw, REFERENCES.from_table(given) if isinstance(given, str | Mapping) else given)
