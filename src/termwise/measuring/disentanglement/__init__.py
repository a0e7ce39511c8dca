"""How far a code's dimensions and the factors that made the data stand for one another: one metric a file."""

from termwise.measuring.disentanglement.beta_vae import beta_vae_score
from termwise.measuring.disentanglement.dci import dci
from termwise.measuring.disentanglement.disentanglement import disentanglement
from termwise.measuring.disentanglement.encodings import Encodings
from termwise.measuring.disentanglement.explicitness import explicitness
from termwise.measuring.disentanglement.factor_vae import factor_vae_score
from termwise.measuring.disentanglement.factors import Factors, factors_from
from termwise.measuring.disentanglement.gaussian_tc import gaussian_tc
from termwise.measuring.disentanglement.information import Information, binned_information, mixture_information
from termwise.measuring.disentanglement.irs import irs
from termwise.measuring.disentanglement.metric import Metric, Scale
from termwise.measuring.disentanglement.metrics import METRICS
from termwise.measuring.disentanglement.mig import mig
from termwise.measuring.disentanglement.modularity import modularity
from termwise.measuring.disentanglement.sap import sap
from termwise.measuring.disentanglement.score import Score

__all__ = [
    "METRICS",
    "Encodings",
    "Factors",
    "Information",
    "Metric",
    "Scale",
    "Score",
    "beta_vae_score",
    "binned_information",
    "dci",
    "disentanglement",
    "explicitness",
    "factor_vae_score",
    "factors_from",
    "gaussian_tc",
    "irs",
    "mig",
    "mixture_information",
    "modularity",
    "sap",
]
