"""Train, measure and explain variational autoencoders, one ELBO term at a time.

The public names are listed once, in `__init__.pyi`. Each is imported when it is first used, so that `termwise --help`
need not wait for torch.

Example:
    >>> import termwise as tw
    >>> world = tw.worlds.LinearGaussian.random(seed=0, latent=2, mutual_information=1.0)
    >>> account = tw.measure(world, world.data(500, seed=0))
    >>> abs(account["rate"].value - world.truth()["rate"]) < 5 * account["rate"].stderr
    True
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
