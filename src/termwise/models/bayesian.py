"""The posterior of anything that has a likelihood, given as a function, and a prior.

    p(z|y) = p(y|z) p(z) / p(y),     log p(y|z) = f(z)

The unknowns are the codes z, so that a posterior family, a recipe and an account are what they are for any VAE, and the
ELBO is under log p(y). Nothing is encoded: there is one posterior, whose features are learned numbers. An example x
stands for a code to be drawn, and says nothing: N blank ones make an epoch of N codes. Where there are many
observations, and an encoder of them, the likelihood is f(z, x) (`LogDensity`), and the decoder the identity.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.errors import Refused
from termwise.models.likelihoods.log_density import LogDensity
from termwise.models.posteriors import posterior_family
from termwise.models.vae import VAE
from termwise.values import Count, checked

BLANK_SHAPE = (1,)
"""The shape of an example that says nothing: data of it are torch.zeros(N, 1)."""


class SharedFeatures(nn.Module):
    """The same learned features whatever x is."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """The same features for every example, shape (B, features)."""
        return self.features.expand(len(x), -1)


class _OfCodes(nn.Module):
    """f(z) as f(z, x); a module, so that the parameters of one that f is are the model's."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        return self.function(z)


@checked
def bayes(
    log_likelihood: Callable[[Tensor], Tensor],
    latent: Count,
    *,
    posterior: str = "noise-input+normal",
    posterior_options: Mapping[str, Any] | None = None,
    prior: Distribution | None = None,
) -> VAE:
    """A model whose posterior is that of the unknowns z, given what was observed; train it with vae, avb or avb-ac.

    Args:
        log_likelihood: f: unknowns z, shape (B, D), to log p(y|z), shape (B,), nats, by torch operations; it holds y.
        latent: D.
        posterior: The family's name, such as "diagonal-normal" or "full-normal".
        posterior_options: The family's own, such as {"noise": 16}.
        prior: p(z), batch shape (), event shape (D,); N(0, I) where left out.

    Raises:
        Refused: f fails, gives another shape, or has no gradient in z; the prior is over something else.

    Example:
        >>> from torch.distributions import Normal
        >>> y = torch.tensor([1.2, 0.4, 2.3])
        >>> model = bayes(lambda z: Normal(z, 2.0).log_prob(y).sum(1), latent=1)
        >>> # run = tw.train(model=model, data=torch.zeros(25_600, 1), recipe="avb-ac")
        >>> model.encode(torch.zeros(1, 1)).sample((1000,)).shape  # the posterior, whatever the blank example says
        torch.Size([1000, 1, 1])
    """
    family = posterior_family(posterior, latent, posterior_options)
    model = VAE(
        SharedFeatures(family.features),
        nn.Identity(),
        shape=BLANK_SHAPE,
        latent=latent,
        posterior=family,
        likelihood=LogDensity(_OfCodes(log_likelihood), latent),
        prior=prior,
    )
    trial = torch.zeros(2, latent, requires_grad=True)
    with torch.enable_grad():
        if not model.generate(trial).log_prob(torch.zeros(2, *BLANK_SHAPE)).requires_grad:
            raise Refused(
                "The log-likelihood has no gradient in z, so that no posterior can be learned from it. Write it in "
                "torch operations on z, without detach() or numpy."
            )
    return model
