# The public names, each with its home. They are read from here at run time too.
from . import (
    account as account,
    api as api,
    callbacks as callbacks,
    data as data,
    functional as functional,
    measuring as measuring,
    meter as meter,
    models as models,
    objectives as objectives,
    plot as plot,
    report as report,
    sweeps as sweeps,
    terms as terms,
    trackers as trackers,
    training as training,
    verify as verify,
    worlds as worlds,
)
from .account import (
    Account as Account,
    Comparison as Comparison,
    Comparisons as Comparisons,
    Reading as Reading,
    ReadingByDimension as ReadingByDimension,
)
from .account.reading_row import ReadingRow as ReadingRow
from .account.readings import READINGS as READINGS
from .api import (
    Run as Run,
    attribute_vectors as attribute_vectors,
    attributes as attributes,
    compare as compare,
    disentanglement as disentanglement,
    from_hub as from_hub,
    frontier as frontier,
    generate as generate,
    group_aggregates as group_aggregates,
    imputation_error as imputation_error,
    impute as impute,
    interpolate as interpolate,
    load_run as load_run,
    log_likelihood as log_likelihood,
    measure as measure,
    push_to_hub as push_to_hub,
    sample_quality as sample_quality,
    sweep as sweep,
    tokenizer_report as tokenizer_report,
    train as train,
    traverse as traverse,
    write_comparison as write_comparison,
    write_frontier as write_frontier,
    write_report as write_report,
)
from .data import Dataset as Dataset, load_data as load_data
from .data.sources import FORMATS as FORMATS, OBJECTS as OBJECTS, SOURCES as SOURCES
from .errors import TermwiseError as TermwiseError
from .measuring.attributes.vectors import METHODS as METHODS
from .measuring.critic_bounds.two_samples import LearntRatio as LearntRatio, density_ratio as density_ratio
from .measuring.disentanglement.metrics import METRICS as METRICS
from .meter.meter import Meter as Meter
from .models import (
    VAE as VAE,
    Draw as Draw,
    Drawable as Drawable,
    adapt as adapt,
    bayes as bayes,
    export_latents as export_latents,
)
from .models.likelihoods.likelihood import Likelihood as Likelihood
from .models.likelihoods.table import LIKELIHOODS as LIKELIHOODS
from .models.networks.table import NETWORKS as NETWORKS
from .models.posteriors.family import PosteriorFamily as PosteriorFamily
from .models.posteriors.table import POSTERIORS as POSTERIORS
from .models.priors.prior import Prior as Prior
from .models.priors.table import PRIORS as PRIORS
from .objectives import RECIPES as RECIPES, recipe as recipe
from .objectives.optimizers import OPTIMIZERS as OPTIMIZERS
from .objectives.recipes import Recipe as Recipe
from .registry import Makers as Makers, Registry as Registry, Row as Row
from .sweeps import Sweep as Sweep, load_sweep as load_sweep
from .terms.adversarial.divergences import DIVERGENCES as DIVERGENCES, divergence_of as divergence_of
from .terms.aggregate.memory import Memory as Memory
from .terms.aggregate.table import AGGREGATES as AGGREGATES
from .terms.estimators import ESTIMATORS as ESTIMATORS
from .terms.kernel import KERNELS as KERNELS
from .terms.laws import Law as Law
from .terms.link import Estimator as Estimator, Term as Term
from .terms.references.table import REFERENCES as REFERENCES
from .trackers.table import TRACKERS as TRACKERS
from .training.watchers import Watcher as Watcher

__version__: str
