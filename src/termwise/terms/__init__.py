"""(law, law, draw) -> nats: laws, links between them, and the estimators of a link."""

from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic import Critic
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.learned_reference import LearnedReference
from termwise.terms.adversarial.telescoping import Telescoping
from termwise.terms.aggregate.bank import Bank
from termwise.terms.aggregate.memory import Full, MinibatchStratified, MinibatchWeighted
from termwise.terms.closed_form import ClosedForm
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.link import Distortion, Link
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.reference import Reference

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
