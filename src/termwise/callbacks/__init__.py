"""Terms in trainings of other packages: callbacks of Lightning, scvi-tools, Hugging Face's Trainer and pythae."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
