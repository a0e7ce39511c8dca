"""Terms as functions of tensors and torch Distributions, for a loop of one's own: the code that training uses.

Each takes posteriors q(z|x) of a batch, as a Distribution or as (mean, log variance), and codes drawn from them, and
gives the batch's mean, which is to be minimised unless it says otherwise.

Example:
    >>> import torch
    >>> from termwise import functional
    >>> mean, log_variance = torch.randn(2, 64, 10).unbind()
    >>> z = mean + (0.5 * log_variance).exp() * torch.randn(64, 10)
    >>> tc = functional.total_correlation((mean, log_variance), z, dataset_size=60_000)
    >>> tc.shape
    torch.Size([])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
