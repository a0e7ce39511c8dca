"""Networks: the bodies between examples and features, and between codes and a decoder's output, by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
