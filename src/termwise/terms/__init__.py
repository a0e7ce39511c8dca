"""(law, law, draw) -> nats: laws, links between them, and the estimators of a link.

Who is compared stands in `laws.py`, which links there are in `link_names.py`, how a link is estimated in
`closed_form.py`, `monte_carlo.py`, `kernel.py` and `adversarial/`, and what q(z) is taken from in `aggregate/`.
"""

from termwise.terms.adversarial.adaptive_contrast import AdaptiveContrast
from termwise.terms.adversarial.critic import Critic
from termwise.terms.adversarial.density_ratio import DensityRatio
from termwise.terms.adversarial.divergences import DIVERGENCES, Divergence, divergence_of
from termwise.terms.adversarial.side_classifier import SideClassifier
from termwise.terms.adversarial.telescoping import Telescoping
from termwise.terms.aggregate.bank import Bank
from termwise.terms.aggregate.full import Full
from termwise.terms.aggregate.memory import Memory
from termwise.terms.aggregate.minibatch import MinibatchStratified, MinibatchWeighted
from termwise.terms.aggregate.table import AGGREGATES
from termwise.terms.class_cross_entropy import ClassCrossEntropy
from termwise.terms.closed_form import ClosedForm
from termwise.terms.closed_or_sampled import ClosedOrSampled
from termwise.terms.estimators import ESTIMATORS
from termwise.terms.groups import Groups
from termwise.terms.hsic import HSIC
from termwise.terms.kernel import IMQ, KERNELS, RBF, Kernel
from termwise.terms.laws import Law
from termwise.terms.link import Distortion, Estimator, Link, Term
from termwise.terms.moments import Moments
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.multi_sample import MultiSampleBound
from termwise.terms.references.learned import LearnedReference
from termwise.terms.references.moments import Reference
from termwise.terms.references.table import REFERENCES

__all__ = [
    "AGGREGATES",
    "DIVERGENCES",
    "ESTIMATORS",
    "HSIC",
    "IMQ",
    "KERNELS",
    "RBF",
    "REFERENCES",
    "AdaptiveContrast",
    "Bank",
    "ClassCrossEntropy",
    "ClosedForm",
    "ClosedOrSampled",
    "Critic",
    "DensityRatio",
    "Distortion",
    "Divergence",
    "Estimator",
    "Full",
    "Groups",
    "Kernel",
    "Law",
    "LearnedReference",
    "Link",
    "Memory",
    "MinibatchStratified",
    "MinibatchWeighted",
    "Moments",
    "MonteCarlo",
    "MultiSampleBound",
    "Reference",
    "SideClassifier",
    "Telescoping",
    "Term",
    "divergence_of",
]
