# The public names, each with its home. They are read from here at run time too.
from . import (
    account as account,
    api as api,
    data as data,
    measuring as measuring,
    models as models,
    objectives as objectives,
    report as report,
    terms as terms,
    training as training,
    verify as verify,
    worlds as worlds,
)
from .account import (
    Account as Account,
    Comparison as Comparison,
    Reading as Reading,
)
from .api import (
    Run as Run,
    attribute_vectors as attribute_vectors,
    attributes as attributes,
    compare as compare,
    disentanglement as disentanglement,
    load_run as load_run,
    log_likelihood as log_likelihood,
    measure as measure,
    sample_quality as sample_quality,
    train as train,
    write_report as write_report,
)
from .data import (
    FORMATS as FORMATS,
    SOURCES as SOURCES,
    Dataset as Dataset,
    load_data as load_data,
)
from .errors import (
    TermwiseError as TermwiseError,
)
from .models import (
    VAE as VAE,
    Draw as Draw,
    adapt as adapt,
    bayes as bayes,
    export_latents as export_latents,
)
from .objectives import (
    RECIPES as RECIPES,
    recipe as recipe,
)
from .registry import (
    Makers as Makers,
    Registry as Registry,
    Row as Row,
)

__version__: str
