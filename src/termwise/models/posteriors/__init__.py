"""Posterior families: an encoder's features -> q(z|x), a torch Distribution; one file each, and one table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
