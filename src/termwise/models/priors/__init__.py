"""Priors: p(z), as modules, so that a prior may learn; one file each, and one table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
