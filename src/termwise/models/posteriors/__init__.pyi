from .diagonal_normal import DiagonalNormal as DiagonalNormal
from .family import PosteriorFamily as PosteriorFamily
from .full_normal import FullNormal as FullNormal
from .implicit import ImplicitPosterior as ImplicitPosterior
from .last_normal import LastNormal as LastNormal
from .noise_basis import NoiseBasis as NoiseBasis
from .noise_input import NoiseInput as NoiseInput
from .table import POSTERIORS as POSTERIORS, posterior_family as posterior_family
