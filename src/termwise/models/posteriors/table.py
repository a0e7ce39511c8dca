"""The table of posterior families: a row alone makes one known to the configuration, to help, to errors and to tests.

To add one: its file here, and a row. Nothing here imports torch, so that a list of names is quick.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from termwise.errors import Refused
from termwise.registry import Makers, Row

if TYPE_CHECKING:
    from termwise.models.posteriors.family import PosteriorFamily

_HERE = "termwise.models.posteriors"

POSTERIORS = Makers(
    "posterior",
    "termwise.posteriors",
    [
        Row(
            "diagonal-normal", f"{_HERE}.diagonal_normal:DiagonalNormal", "a normal with a variance for each dimension"
        ),
        Row("full-normal", f"{_HERE}.full_normal:FullNormal", "a normal with a covariance"),
        Row("laplace", f"{_HERE}.laplace:DiagonalLaplace", "a Laplace law in every dimension"),
        Row(
            "student-t",
            f"{_HERE}.student_t:DiagonalStudentT",
            "heavy tails in every dimension, of so many degrees of freedom",
            examples=("student-t:5",),
        ),
        Row(
            "flow",
            "termwise.models.spline_flow:SplineFlow",
            "a normal bent by so many layers of splines given x",
            ("flow:2",),
        ),
        Row(
            "categorical",
            f"{_HERE}.categorical:CategoricalPosterior",
            "categories, one-hot; latent is positions times categories",
        ),
        Row(
            "vector-quantized",
            f"{_HERE}.vector_quantized:VectorQuantized",
            "the nearest of so many learned codewords at each position (VQ)",
            ("vector-quantized:512",),
        ),
        Row(
            "finite-scalar",
            f"{_HERE}.finite_scalar:FiniteScalar",
            "every number rounded to one of so many levels (FSQ)",
            ("finite-scalar:5",),
        ),
        Row(
            "ladder",
            f"{_HERE}.ladder:LadderNormal",
            "of a block: a normal of x times the prior's given the blocks before it (ladder VAE)",
        ),
        Row("blocks", "termwise.models.blocks:BlockFamily", "several blocks, each with a posterior of its own"),
        Row("noise-basis", f"{_HERE}.noise_basis:NoiseBasis", "noise through shared functions; moments, no density"),
        Row(
            "noise-basis+normal",
            f"{_HERE}.noise_basis:noise_basis_with_last_normal",
            "noise-basis with a last Gaussian layer: a density between bounds",
        ),
        Row("noise-input", f"{_HERE}.noise_input:NoiseInput", "any function of x and of noise; no density"),
        Row(
            "noise-input+normal",
            f"{_HERE}.noise_input:noise_input_with_last_normal",
            "noise-input with a last Gaussian layer: a density between bounds",
        ),
    ],
)
"""The posterior families by name; each makes a `PosteriorFamily` of the number of latent dimensions, and options."""


def posterior_family(name: str, latent: int, options: Mapping[str, Any] | None = None) -> "PosteriorFamily":
    """The family called `name`, alone or as "name:argument", for codes of `latent` dimensions.

    Args:
        options: The family's own beside the argument, such as {"noise": 16}.

    Raises:
        UnknownName: There is no such family, or it has no such option.
        Refused: An option cannot be so, or there is less noise than codes with a density need.

    Example:
        >>> posterior_family("full-normal", 3).features
        9
    """
    family: PosteriorFamily = POSTERIORS.from_spec(name, latent, **(options or {}))
    _check_noise(family, family.name)
    return family


def _check_noise(family: "PosteriorFamily", name: str) -> None:
    """Raise Refused where codes made of noise are made of less than they have dimensions."""
    from termwise.models.posteriors.implicit import ImplicitFamily

    if isinstance(family, ImplicitFamily) and family.noise_size < family.latent:
        raise Refused(
            f"{family.noise_size} numbers of noise leave codes of {family.latent} dimensions on a surface, where the "
            f'rate has no end. Ask for {family.latent} or more, or for a last Gaussian layer ("{name}+normal").'
        )
