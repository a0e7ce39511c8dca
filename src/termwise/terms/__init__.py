"""(law, law, draw) -> nats: laws, links between them, and the estimators of a link."""

from termwise.terms.adaptive_contrast import AdaptiveContrast
from termwise.terms.bank import Bank
from termwise.terms.closed_form import ClosedForm
from termwise.terms.critic import Critic
from termwise.terms.density_ratio import DensityRatio
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.learned_reference import LearnedReference
from termwise.terms.link import Distortion, Link
from termwise.terms.memory import Full, MinibatchStratified, MinibatchWeighted
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.reference import Reference
from termwise.terms.telescoping import Telescoping

__all__ = [
    "IMQ",
    "RBF",
    "AdaptiveContrast",
    "Bank",
    "ClosedForm",
    "Critic",
    "DensityRatio",
    "Distortion",
    "Full",
    "Kernel",
    "LearnedReference",
    "Link",
    "MinibatchStratified",
    "MinibatchWeighted",
    "MonteCarlo",
    "Reference",
    "Telescoping",
]
