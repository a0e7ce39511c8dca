from .autoregressive import AutoregressivePrior as AutoregressivePrior
from .categories import LearnedCategories as LearnedCategories
from .flow import FlowPrior as FlowPrior
from .given import GivenPrior as GivenPrior
from .mixture import MixturePrior as MixturePrior
from .prior import (
    Prior as Prior,
    PriorOfCodes as PriorOfCodes,
    PriorOfPosteriors as PriorOfPosteriors,
    PriorOfSide as PriorOfSide,
    is_of_posteriors as is_of_posteriors,
)
from .standard_normal import StandardNormal as StandardNormal
from .table import PRIORS as PRIORS, prior_from as prior_from
from .uniform import UniformPrior as UniformPrior
from .vamp import VampPrior as VampPrior
