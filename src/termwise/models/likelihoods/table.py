"""The table of likelihoods: a row alone makes one known to the configuration, to help, to errors and to every test.

To add one: its file here, and a row. Nothing here imports torch, so that a list of names is quick.
"""

from typing import TYPE_CHECKING

from termwise.registry import Makers, Row

if TYPE_CHECKING:
    from termwise.models.likelihoods.likelihood import Likelihood

_HERE = "termwise.models.likelihoods"

LIKELIHOODS = Makers(
    "likelihood",
    "termwise.likelihoods",
    [
        Row("bernoulli", f"{_HERE}.bernoulli:of_logits", "pixels in {0, 1}, or grey in [0, 1], from logits"),
        Row("bernoulli-probabilities", f"{_HERE}.bernoulli:of_probabilities", "pixels in {0, 1}, from probabilities"),
        Row(
            "normal",
            f"{_HERE}.normal:NormalLikelihood",
            "real numbers around the decoder's output, with one sigma: a number, learned, or optimal for each batch",
            examples=("normal:optimal", "normal:learned", "normal:0.1"),
        ),
        Row(
            "laplace",
            f"{_HERE}.laplace:LaplaceLikelihood",
            "real numbers around the decoder's output, with heavier tails than a normal",
            examples=("laplace:1",),
        ),
        Row(
            "categorical",
            f"{_HERE}.categorical:Categorical",
            "every pixel one of so many classes, from logits with the classes first",
            examples=("categorical:17",),
        ),
    ],
)
"""The likelihoods by name; each makes a `Likelihood`."""


def likelihood_from(spec: str) -> "Likelihood":
    """The likelihood that a string names, as a name alone or as "name:argument".

    Example:
        >>> likelihood_from("normal:0.1").sigma
        0.1
        >>> likelihood_from("laplace").spec
        'laplace:1.0'
    """
    likelihood: Likelihood = LIKELIHOODS.from_spec(spec)
    return likelihood
