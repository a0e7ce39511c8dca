"""(law, law, draw) -> nats: laws, links between them, and the estimators of a link."""

from termwise.terms.bank import Bank
from termwise.terms.closed_form import ClosedForm
from termwise.terms.critic import Critic
from termwise.terms.density_ratio import DensityRatio
from termwise.terms.kernel import IMQ, RBF, Kernel
from termwise.terms.link import Distortion, Link
from termwise.terms.memory import Full, MinibatchStratified, MinibatchWeighted
from termwise.terms.monte_carlo import MonteCarlo
from termwise.terms.telescoping import Telescoping

__all__ = [
    "IMQ",
    "RBF",
    "Bank",
    "ClosedForm",
    "Critic",
    "DensityRatio",
    "Distortion",
    "Full",
    "Kernel",
    "Link",
    "MinibatchStratified",
    "MinibatchWeighted",
    "MonteCarlo",
    "Telescoping",
]
