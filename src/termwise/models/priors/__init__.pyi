from .given import GivenPrior as GivenPrior
from .prior import Prior as Prior
from .standard_normal import StandardNormal as StandardNormal
from .table import PRIORS as PRIORS, prior_from as prior_from
