from .categorical import CategoricalPosterior as CategoricalPosterior
from .diagonal_normal import DiagonalNormal as DiagonalNormal
from .family import PosteriorFamily as PosteriorFamily
from .finite_scalar import FiniteScalar as FiniteScalar
from .full_normal import FullNormal as FullNormal
from .implicit import ImplicitPosterior as ImplicitPosterior
from .laplace import DiagonalLaplace as DiagonalLaplace
from .last_normal import LastNormal as LastNormal
from .moment_matching import moment_matched_normal as moment_matched_normal, normal_of_codes as normal_of_codes
from .noise_basis import NoiseBasis as NoiseBasis
from .noise_input import NoiseInput as NoiseInput
from .student_t import DiagonalStudentT as DiagonalStudentT
from .table import POSTERIORS as POSTERIORS, posterior_family as posterior_family
from .vector_quantized import VectorQuantized as VectorQuantized
