"""The variational autoencoder: an encoder, a posterior family, a prior, a decoder and a likelihood.

It knows no term and no loss: it infers, generates, and is saved and loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, load_model, save_model
from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.errors import BadData, Refused
from termwise.models.distributions import expected_example
from termwise.models.draw import Draw
from termwise.models.likelihoods import Likelihood, LogDensity, likelihood_from
from termwise.models.networks import build_bodies, checked_bodies
from termwise.models.posteriors import PosteriorFamily, posterior_family
from termwise.models.priors import GivenPrior, Prior, prior_from


class VAE(nn.Module):
    """An autoencoder of examples of one shape.

    Args:
        encoder: (B, *shape) -> (B, features), features as many as the posterior family asks.
        decoder: (B, latent) -> (B, *decoded), decoded the shape that the likelihood asks (most often `shape`).
        shape: The shape of one example.
        latent: D, the number of the code's dimensions.
        posterior: A family, or its name: a row of `termwise.models.posteriors.POSTERIORS`, such as "full-normal" or,
            without a density, "noise-input".
        likelihood: A likelihood, or its name: a row of `termwise.models.likelihoods.LIKELIHOODS`, such as "bernoulli"
            or "normal:0.1".
        prior: p(z), batch shape (), event shape (D,), as a Distribution, as a module that gives one, or by name: a row
            of `termwise.models.priors.PRIORS`. N(0, I) where left out. One that is no row is the user's to make again:
            `from_pretrained` cannot.

    Raises:
        Refused: A body's output has another shape than the posterior or the likelihood asks for; the prior is over
            something else.

    Example:
        >>> encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
        >>> model = VAE(encoder, decoder, shape=(6,), latent=2, likelihood="normal:0.1")
        >>> model.encode(torch.zeros(5, 6)).mean.shape, model.sample(3).shape
        (torch.Size([5, 2]), torch.Size([3, 6]))
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        shape: tuple[int, ...],
        latent: int,
        posterior: str | PosteriorFamily = "diagonal-normal",
        likelihood: str | Likelihood = "bernoulli",
        prior: str | Distribution | nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.latent = tuple(shape), latent
        self.family = posterior_family(posterior, latent) if isinstance(posterior, str) else posterior
        if self.family.latent != latent:
            raise Refused(f"The posterior is over codes of {self.family.latent} dimensions, and latent is {latent}.")
        self.likelihood = likelihood_from(likelihood) if isinstance(likelihood, str) else likelihood
        self.prior = prior_from(prior, latent)
        decoded = self.likelihood.decoded_shape(self.shape)
        self.encoder, self.decoder = checked_bodies(
            (encoder, decoder), self.shape, self.family.features, latent, decoded
        )
        self.network: dict[str, Any] | None = None

    @classmethod
    def build(
        cls,
        shape: tuple[int, ...],
        latent: int = 10,
        network: str = "mlp",
        posterior: str = "diagonal-normal",
        likelihood: str = "bernoulli",
        options: Mapping[str, Any] | None = None,
        posterior_options: Mapping[str, Any] | None = None,
        prior: str = "standard-normal",
        prior_options: Mapping[str, Any] | None = None,
    ) -> "VAE":
        """A VAE of parts by name: each a row of a table, or for the network a builder of yours, "module:function".

        Args:
            options: What the network's builder takes beside shapes, such as {"hidden": [512, 512]} or {"channels": 32}.
            posterior_options: What the posterior family takes, such as {"noise": 16}.
            prior_options: What the prior takes.

        Example:
            >>> model = VAE.build((1, 8, 8), latent=3, likelihood="normal:0.1", options={"hidden": [16]})
            >>> model.sample(5).shape
            torch.Size([5, 1, 8, 8])
        """
        options, shape = dict(options or {}), tuple(shape)
        family = posterior_family(posterior, latent, posterior_options)
        decoded = likelihood_from(likelihood).decoded_shape(shape)
        encoder, decoder = build_bodies(network, shape, family.features, latent, decoded, options)
        model = cls(
            encoder,
            decoder,
            shape=shape,
            latent=latent,
            posterior=family,
            likelihood=likelihood,
            prior=prior_from(prior, latent, prior_options),
        )
        model.network = {"name": network, "options": options}
        return model

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x) of examples x, shape (B, *shape): batch shape (B,), event shape (D,)."""
        return self.family(at_least_single(self.encoder(x)))

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z) of codes z, shape (B, D): batch shape (B,), the event an example."""
        return self.likelihood(at_least_single(self.decoder(z)))

    def infer(self, x: Tensor) -> tuple[Distribution, None]:
        """The posterior q(z|x) of examples x, shape (B, *shape); and no context."""
        return self.encode(x), None

    def generate(self, z: Tensor, context: None = None) -> Distribution:
        """The likelihood p(x|z) of codes z, shape (B, D); there is no context."""
        return self.decode(z)

    def prior_law(self) -> Distribution:
        """The prior p(z): batch shape (), event shape (D,)."""
        return self.prior()

    def draw(self, x: Tensor, index: Tensor | None = None, dataset_size: int | None = None) -> Draw:
        """The draw of a batch of examples x, shape (B, *shape): what it becomes through this model."""
        return Draw(self, x, index, dataset_size)

    @torch.no_grad()
    def generate_examples(self, z: Tensor) -> Tensor:
        """Expected examples at codes z, shape (B, D): shape (B, *shape)."""
        return expected_example(self.decode(z))

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The expected example at the posterior's mean, shape (B, *shape)."""
        return self.generate_examples(self.encode(x).mean)

    @torch.no_grad()
    def sample(self, count: int) -> Tensor:
        """Expected examples at codes from the prior, shape (count, *shape)."""
        return self.generate_examples(self.prior().sample(torch.Size([count])))

    def config(self) -> dict[str, Any]:
        """All that `from_pretrained` needs to build this model again, as JSON."""
        return {
            "termwise": "VAE",
            "shape": list(self.shape),
            "latent": self.latent,
            "posterior": self.family.name,
            "posterior_options": self.family.options,
            "likelihood": self.likelihood.spec,
            **self.prior_config(),
            "network": self.network,
        }

    def prior_config(self) -> dict[str, Any]:
        """The prior's name and options, as a configuration holds them; "given" where it is no row of the table."""
        prior = self.prior
        if not isinstance(prior, Prior):
            return {"prior": GivenPrior.name, "prior_options": {}}
        return {"prior": prior.name, "prior_options": prior.options}

    def save_pretrained(self, folder: str | Path, card: str | None = None) -> Path:
        """Write config.json, model.safetensors and, where given, the model card README.md, to `folder`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config(), indent=2) + "\n")
        save_model(self, str(folder / "model.safetensors"))
        if card is not None:
            (folder / "README.md").write_text(card)
        return folder

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
    ) -> "VAE":
        """The model that `save_pretrained` wrote to `folder`, in evaluation mode.

        Args:
            encoder: Where the model was made of modules of your own: the same module, its weights of no matter.
            decoder: The same for the decoder.

        Example:
            >>> import tempfile
            >>> model = VAE.build((6,), latent=2, options={"hidden": [16]}).eval()
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     again = VAE.from_pretrained(model.save_pretrained(folder))
            >>> x = torch.zeros(1, 6)
            >>> torch.equal(again.reconstruct(x), model.reconstruct(x))
            True
        """
        folder = Path(folder)
        missing = [name for name in ("config.json", "model.safetensors") if not (folder / name).exists()]
        if missing:
            raise BadData(f"Expected config.json and model.safetensors in {folder}; {missing[0]} is missing.")
        try:
            config = json.loads((folder / "config.json").read_text())
            load_file(folder / "model.safetensors")  # says whether it is whole, before anything is built
            shape, latent, network = tuple(config["shape"]), int(config["latent"]), config["network"]
            posterior, posterior_options = config["posterior"], dict(config.get("posterior_options", {}))
            likelihood, prior = config["likelihood"], config.get("prior", "standard-normal")
            prior_options = dict(config.get("prior_options", {}))
            builder = None if network is None else (network["name"], dict(network["options"]))
        except (KeyError, TypeError) as error:
            raise BadData(f"{folder / 'config.json'} is not what save_pretrained writes: {error!r}.") from None
        except Exception as error:  # JSON and safetensors each have errors of their own
            raise BadData(f"{folder} holds no model that can be read: {error}") from None
        if likelihood == LogDensity.spec or prior == GivenPrior.name:
            raise Refused(
                f"The model in {folder} has a likelihood or a prior of your own, which is not saved. Make the model "
                "again, and load its weights: safetensors.torch.load_model(model, folder / 'model.safetensors')."
            )
        if encoder is not None and decoder is not None:
            family = posterior_family(posterior, latent, posterior_options)
            law = prior_from(prior, latent, prior_options)
            parts = {"shape": shape, "latent": latent, "posterior": family, "likelihood": likelihood, "prior": law}
            model = cls(encoder, decoder, **parts)
        elif builder is None:
            raise Refused(
                f"The model in {folder} was made of modules of your own, which are not saved. "
                "Pass from_pretrained(folder, encoder=..., decoder=...)."
            )
        else:
            network, options = builder
            model = cls.build(
                shape, latent, network, posterior, likelihood, options, posterior_options, prior, prior_options
            )
        try:
            load_model(model, folder / "model.safetensors")
        except RuntimeError as error:
            raise BadData(f"The weights in {folder} are not those of its config.json: {error}") from None
        return model.eval()


def at_least_single(values: Tensor) -> Tensor:
    """The same values, in float32 where a network under mixed precision gave less: densities need it."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
