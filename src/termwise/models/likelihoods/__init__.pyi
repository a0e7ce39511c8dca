from .autoregressive import AutoregressiveLikelihood as AutoregressiveLikelihood
from .bernoulli import Bernoulli as Bernoulli, unclamped as unclamped
from .beta import BetaLikelihood as BetaLikelihood
from .categorical import Categorical as Categorical
from .columns import ColumnsLikelihood as ColumnsLikelihood, likelihood_of_columns as likelihood_of_columns
from .discretized_logistic import DiscretizedLogisticLikelihood as DiscretizedLogisticLikelihood
from .laplace import LaplaceLikelihood as LaplaceLikelihood
from .law_of_counts import GivenTotal as GivenTotal
from .likelihood import Likelihood as Likelihood, over_examples as over_examples
from .log_density import LogDensity as LogDensity
from .negative_binomial import NegativeBinomialLikelihood as NegativeBinomialLikelihood
from .normal import NormalLikelihood as NormalLikelihood
from .poisson import PoissonLikelihood as PoissonLikelihood
from .student_t import StudentTLikelihood as StudentTLikelihood
from .table import LIKELIHOODS as LIKELIHOODS, likelihood_from as likelihood_from
