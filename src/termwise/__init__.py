"""Train, measure and explain variational autoencoders, one ELBO term at a time."""

import importlib
from typing import Any

__version__ = "0.1.0"
