"""Where x comes from, what is known beside it, and which examples train, validate and test."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
