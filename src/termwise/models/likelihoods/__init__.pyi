from .bernoulli import Bernoulli as Bernoulli, unclamped as unclamped
from .categorical import Categorical as Categorical
from .laplace import LaplaceLikelihood as LaplaceLikelihood
from .likelihood import Likelihood as Likelihood, over_examples as over_examples
from .log_density import LogDensity as LogDensity
from .normal import NormalLikelihood as NormalLikelihood
from .table import LIKELIHOODS as LIKELIHOODS, likelihood_from as likelihood_from
