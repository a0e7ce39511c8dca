"""A training -> another program's pages of runs: TensorBoard, Weights & Biases, MLflow, Trackio."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
