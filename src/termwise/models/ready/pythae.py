"""pythae's models whose encoder gives q(z|x) = N(embedding, exp log_covariance), with the prior N(0, I).

Their reconstruction loss is a likelihood without its constant: "mse" is 1/2 |x - x'|^2, a normal of sigma 1, and "bce"
is Bernoulli on the decoder's probabilities. Other posteriors and priors of pythae are refused by name.
"""

from typing import Any

import torch
from torch import Tensor

from termwise.errors import Refused
from termwise.models.likelihoods import Likelihood
from termwise.models.ready.parts import Parts, like_parameters

OF_RECONSTRUCTION_LOSS = {"mse": "normal:1", "bce": "bernoulli"}
"""The likelihood of which each of pythae's reconstruction losses is the negative log, but for a constant."""

NO_LIKELIHOOD = ("MSSSIM_VAE", "VAEGAN")
"""Trained on a distance that is no likelihood: the user's word, or the rate alone."""

NOT_NORMAL = {
    "HVAE": "its posterior is moved by a Hamiltonian flow",
    "RHVAE": "its posterior is moved by a Hamiltonian flow",
    "VAE_LinNF": "its posterior is a normalizing flow",
    "VAE_IAF": "its posterior is a normalizing flow",
    "SVAE": "its codes lie on a sphere",
    "PoincareVAE": "its codes lie in a Poincaré ball",
}
"""Why a model of pythae's has no normal posterior, by its class."""


def parts(model: Any, likelihood: str | Likelihood | None, own_prior: bool) -> Parts:
    """A pythae model's, with the likelihood of its configuration unless the user names one."""
    names = [kind.__name__ for kind in type(model).__mro__]
    _check(model, names, own_prior)
    if likelihood is None and not set(NO_LIKELIHOOD) & set(names):
        loss = model.model_config.reconstruction_loss
        if loss not in OF_RECONSTRUCTION_LOSS:
            raise Refused(
                f"Expected pythae's reconstruction_loss to be 'mse' or 'bce'; got {loss!r}. Pass adapt(likelihood=...)."
            )
        likelihood = OF_RECONSTRUCTION_LOSS[loss]

    def encode(x: Tensor) -> tuple[Tensor, Tensor, torch.Size]:
        law = model.encoder(x.to(**like_parameters(model)))
        return law.embedding, law.log_covariance, x.shape[1:]

    def decode(z: Tensor, shape: torch.Size) -> Tensor:
        return model.decoder(z.to(**like_parameters(model)))["reconstruction"].reshape(len(z), *shape)

    return Parts(encode, decode if likelihood is not None else None, likelihood)


def _check(model: Any, names: list[str], own_prior: bool) -> None:
    """Raise Refused unless the posterior is the encoder's normal, and the prior known."""
    reasons = [NOT_NORMAL[name] for name in names if name in NOT_NORMAL]
    if "VAE" not in names:
        reasons.append("its code has no distribution")
    if getattr(model, "deterministic_posterior", False):
        reasons.append("its posterior is deterministic, so its rate is infinite")
    if reasons:
        raise Refused(
            f"pythae's {names[0]} is not one of those with a normal posterior: {reasons[0]}. Pass your own functions: "
            "adapt(encode=..., decode=...), where encode gives a torch Distribution."
        )
    if "VAMP" in names and not own_prior:
        raise Refused(
            "pythae's VAMP has a mixture over its pseudo-inputs for a prior. Pass it: adapt(model, prior=...), a torch "
            "MixtureSameFamily of the encoder's normals at those inputs."
        )
