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
        Row(
            "autoregressive",
            f"{_HERE}.autoregressive:AutoregressiveLikelihood",
            "images whose pixels, of so many levels, are each given those before it and the code",
            examples=("autoregressive", "autoregressive:256"),
        ),
        Row(
            "columns",
            f"{_HERE}.columns:ColumnsLikelihood",
            "the rows of a table, each column by what it holds: numbers, counts, yes and no, categories",
            examples=("columns", "columns:number*2,category*3"),
        ),
        Row(
            "student-t",
            f"{_HERE}.student_t:StudentTLikelihood",
            "real numbers around the decoder's output, some far out, with one scale that learns",
            examples=("student-t:4",),
        ),
        Row(
            "beta",
            f"{_HERE}.beta:BetaLikelihood",
            "shares between 0 and 1, the ends left out, from logits of their means",
        ),
        Row(
            "discretized-logistic",
            f"{_HERE}.discretized_logistic:DiscretizedLogisticLikelihood",
            "pixels of so many levels, from 0 to 1, around the decoder's output, with one scale that learns",
            examples=("discretized-logistic:256",),
        ),
        Row(
            "poisson",
            f"{_HERE}.poisson:PoissonLikelihood",
            "counts, from logs of their means; or, their total observed, from logits of their shares of it",
            examples=("poisson", "poisson:observed"),
        ),
        Row("poisson-means", f"{_HERE}.poisson:of_means", "counts, from their means"),
        Row(
            "negative-binomial",
            f"{_HERE}.negative_binomial:NegativeBinomialLikelihood",
            "counts that vary more than a Poisson's, with a dispersion of each entry that learns; else likewise",
            examples=("negative-binomial", "negative-binomial:observed"),
        ),
        Row(
            "zero-inflated-poisson",
            f"{_HERE}.poisson:zero_inflated_poisson",
            "a Poisson's counts, and more zeros, of which logits come after the means",
            examples=("zero-inflated-poisson", "zero-inflated-poisson:observed"),
        ),
        Row(
            "zero-inflated-negative-binomial",
            f"{_HERE}.negative_binomial:zero_inflated_negative_binomial",
            "a negative binomial's counts, and more zeros, of which logits come after the means",
            examples=("zero-inflated-negative-binomial", "zero-inflated-negative-binomial:observed"),
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
