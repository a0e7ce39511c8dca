"""The variational autoencoder: an encoder, a posterior family, a prior, a decoder and a likelihood.

It knows no term and no loss: it infers, generates, and is saved and loaded.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from termwise.data.side import Side, SideVariable
from termwise.errors import Refused
from termwise.files import write_whole
from termwise.models.blocks import Block, BlockFamily, blocks_from, count_decoded, numbers_decoded
from termwise.models.check_shape import check_shape
from termwise.models.distributions import at_least_single, centre, check_one_law_an_example, expected_example
from termwise.models.draw import Draw
from termwise.models.drawable import observed_variables
from termwise.models.given_side import build_given_side, called, taking_side
from termwise.models.likelihoods import Likelihood
from termwise.models.missing import Filler, observed
from termwise.models.networks import NETWORKS, checked_bodies
from termwise.models.networks.grid import keeping_places
from termwise.models.observed import Observe, observing, of_observed, parted, seen_by, taken_by
from termwise.models.parts_again import model_again, more_of
from termwise.models.places import with_shape
from termwise.models.posteriors import PosteriorFamily, posterior_family
from termwise.models.pretrained import AnyLikelihood, AnyPosterior, AnyPrior, parts_of, write_model
from termwise.models.priors import is_of_posteriors, prior_from
from termwise.models.priors.meeting import meet_model
from termwise.models.samples import law_of_samples
from termwise.models.scaler import ScaledLaw, Scaler
from termwise.models.side_input import SideInput, SideValues
from termwise.models.side_numbers import SideNumbers
from termwise.models.supports import takes_real_numbers
from termwise.models.target import PREDICTION_CODES, TargetLikelihood, check_makes_examples, likelihood_of, predicted
from termwise.models.user_function import Trust
from termwise.values import Count, Name, checked

ONE_CODE = "Independent(law, 1) counts all dimensions of a code as one event."
ONE_EXAMPLE = "over_examples(law), of termwise.models.likelihoods, counts all pixels of an example as one event."


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
            or "normal:0.1"; "bernoulli" where left out.
        prior: p(z), batch shape (), event shape (D,), as a Distribution, as a module that gives one, or by name: a row
            of `termwise.models.priors.PRIORS`, such as "mixture:10". N(0, I) where left out.
        scaler: What standardises x for the networks and the likelihood; all that goes in and comes out is in x's own
            units. `train` makes one of tables.
        filler: What the networks see where an entry of x is missing, nan, and left out of the likelihood; `train` makes
            one where x has such.
        columns: What the entries of x are called, where x is a row of a table.
        side: What it takes beside x: the `Dataset.side` of what is to train it, or its variables. Bodies of your own
            then have forward(x, side) and forward(z, side), with side as numbers, shape (B, S).
        side_to: Of "encoder", "decoder" and "prior", those that take what no block observes; else the first two.
        target: What stands beside x and the decoder says in x's place, a label or a number; the likelihood is then of
            it, and the one that suits it where left out. `predict` gives its law, and no example is made of a code.

    A part that is no row of a table is the user's to make again, and to give to `from_pretrained`.

    Raises:
        Refused: A body's output has another shape than its law asks for; the prior is over something else.

    Example:
        >>> encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
        >>> model = VAE(encoder, decoder, shape=(6,), latent=2, likelihood="normal:0.1")
        >>> model.encode(torch.zeros(5, 6)).mean.shape, model.sample(3).shape
        (torch.Size([5, 2]), torch.Size([3, 6]))
    """

    @checked
    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        shape: tuple[Count, ...],
        latent: Count,
        posterior: str | PosteriorFamily = "diagonal-normal",
        likelihood: str | Likelihood | None = None,
        prior: str | Distribution | nn.Module | None = None,
        scaler: Scaler | None = None,
        filler: Filler | None = None,
        columns: tuple[str, ...] = (),
        side: Side | SideInput | Sequence[SideVariable] | None = None,
        side_to: Sequence[str] | None = None,
        target: SideVariable | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.latent = tuple(shape), latent
        self.family = posterior_family(posterior, latent) if isinstance(posterior, str) else posterior
        if self.family.latent != latent:
            raise Refused(f"The posterior is over codes of {self.family.latent} dimensions, and latent is {latent}.")
        self.likelihood, self.target = likelihood_of(likelihood, target), target
        self.prior, (self.side, self.observed) = prior_from(prior, latent), parted(side, side_to, self.family)
        self.prior_given_side = self.side is not None and "prior" in self.side.parts
        self.likelihood.for_examples(self.shape)
        meet_model(self.prior, self.family, latent, self.shape, self.side)
        decoded = self.likelihood.decoded_shape(self.shape)
        if self.side is not None:
            encoder, decoder = taking_side(encoder, decoder, self.side)
        sizes = self.shape, self.family.features, count_decoded(self.family), decoded
        beside = {} if self.side is None else self.side.trial(2)
        self.encoder, self.decoder = checked_bodies((encoder, decoder), *sizes, beside=beside)
        self.network: dict[str, Any] | None = None
        self.scaler, self.filler, self.columns = scaler, filler, columns

    @classmethod
    @checked
    def build(
        cls,
        shape: tuple[Count, ...],
        latent: Count = 10,
        network: Name = "mlp",
        posterior: AnyPosterior = "diagonal-normal",
        likelihood: AnyLikelihood | None = None,
        options: Mapping[str, Any] | None = None,
        posterior_options: Mapping[str, Any] | None = None,
        prior: AnyPrior = "standard-normal",
        prior_options: Mapping[str, Any] | None = None,
        scaler: Scaler | None = None,
        code: Sequence[Block | Mapping[str, Any]] = (),
        side: Side | SideInput | Sequence[SideVariable] | None = None,
        side_to: Sequence[str] | None = None,
        code_shape: tuple[Count, ...] = (),
        target: SideVariable | None = None,
    ) -> "VAE":
        """A VAE of parts by name: each a row of a table, or for the network a builder of yours, "module:function".

        Posterior, likelihood and prior may also be objects of yours, which `from_pretrained` is to be given again.

        Args:
            options: What the network's builder takes beside shapes, such as {"hidden": [512, 512]} or {"channels": 32}.
            posterior_options: What the posterior family takes, such as {"noise": 16}.
            prior_options: What the prior takes, such as {"components": 20}.
            scaler: What standardises x.
            code: Blocks, in the place of latent, posterior and prior: each has its own.
            side, side_to: What it takes beside x, and which parts do, as `VAE` has it; by any network.
            code_shape: How positions of categories or codewords are laid out: (7, 7); a grid keeps their places.
            target: What the decoder says in the place of x, as `VAE` has it; by a linear layer.

        Example:
            >>> model = VAE.build((1, 8, 8), latent=3, side=Side.of({"digit": [3, 5, 5]}))
            >>> model.encode(torch.zeros(2, 1, 8, 8), side={"digit": [5, 3]}).mean.shape, model.sample(4).shape
            (torch.Size([2, 3]), torch.Size([4, 1, 8, 8]))
        """
        options, shape = dict(options or {}), tuple(shape)
        if code:
            blocks = blocks_from(of_observed(code, side))
            latent, posterior, prior = sum(block.latent for block in blocks), "blocks", "blocks"
            posterior_options = prior_options = {"code": [block.table() for block in blocks]}
        if isinstance(posterior, str):
            posterior_options = with_shape(posterior, posterior_options, code_shape)
        elif posterior_options or code_shape:
            raise Refused("A posterior of your own takes no options here, and no shape. Give it as it should be.")
        if network in NETWORKS:
            options = NETWORKS[network].with_defaults(options)
        family = posterior_family(posterior, latent, posterior_options) if isinstance(posterior, str) else posterior
        options = keeping_places(network, options, shape, getattr(family, "shape", ()), blocks=len(code) or 1)
        decoded = likelihood_of(likelihood, target).decoded_shape(shape)
        sizes = shape, family.features, count_decoded(family), decoded
        taken, _ = parted(side, side_to, family)
        encoder, decoder = build_given_side(network, *sizes, options, taken, target is not None)
        model = cls(
            encoder,
            decoder,
            shape=shape,
            latent=latent,
            posterior=family,
            likelihood=likelihood,
            prior=prior_from(prior, latent, prior_options),
            scaler=scaler,
            side=side,
            side_to=side_to,
            target=target,
        )
        model.network = {"name": network, "options": options}
        return model

    def __repr__(self) -> str:
        network = "modules of your own" if self.network is None else self.network["name"]
        laws = ", ".join(f"{name} {spec}" for name, spec in self.parts().items() if isinstance(spec, str))
        weights = sum(one.numel() for one in self.parameters())
        return f"VAE(x {self.shape}, z ({self.latent},): {network}; {laws}; {weights:,} weights)"

    def encode(self, x: Tensor, side: SideValues | None = None) -> Distribution:
        """q(z|x) of examples x, shape (B, *shape): batch shape (B,), event shape (D,).

        `side` is what stands beside x, where the encoder takes it: {"digit": 3}, or {"digit": [3, 5]}, one an example.
        A block that observes it is then that.
        """
        return self._posterior(x, taken_by(self, side, len(x), "encoder"), seen_by(self, side, len(x)))

    def _posterior(self, x: Tensor, side: Tensor | None, seen: Tensor | None, pinned: bool = True) -> Distribution:
        check_shape(x, self.shape, "examples")
        law = self._inferred(self.standardised(x), side, observing(seen, pinned))
        check_one_law_an_example(law, x.shape[: -len(self.shape)], self.family, ONE_CODE)
        return law

    def _inferred(self, inputs: Tensor, side: Tensor | None = None, observe: Observe | None = None) -> Distribution:
        """q(z|x) of what the networks see of x, shape (B, *shape), and of values beside it."""
        features = at_least_single(called(self.encoder, inputs, side))
        if isinstance(self.family, BlockFamily):
            return self.family.forward(features, self.prior() if self.family.asks_prior else None, observe)
        return self.family(features)

    def decode(self, z: Tensor, side: SideValues | None = None) -> Distribution:
        """p(x|z) of codes z, shape (B, D): batch shape (B,), the event an example.

        `side` is what stands beside x, as `encode` has it; what a block observes is put in the place of its numbers.
        """
        written = z if self.observed is None else self.observed.written(z, seen_by(self, side, len(z)))
        return self._law_of(written, taken_by(self, side, len(z), "decoder"))

    def _law_of(self, z: Tensor, side: Tensor | None) -> Distribution:
        check_shape(z, (self.latent,), "codes")
        law, gaps = self.likelihood(self.decoded(z, side)), self.filler is not None and self.target is None
        check_one_law_an_example(law, z.shape[:-1], self.likelihood, ONE_EXAMPLE)
        law = observed(law) if gaps else law
        return ScaledLaw(law, self.scaler, gaps) if self.scaler is not None and self.is_of_standardised else law

    def decoded(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        """What the decoder makes of codes z, shape (B, D), for the likelihood to be made of; of all that it sees.

        Args:
            z: The codes.
            side: The values beside x, shape (B, V), where it takes them.
        """
        seen = numbers_decoded(self.family)
        return at_least_single(called(self.decoder, z if seen is None else z[..., seen], side))

    @property
    def is_of_standardised(self) -> bool:
        """Whether the likelihood is of standardised x: where there is a scaler, and it takes all numbers."""
        return self.scaler is not None and self.target is None and self._takes_real_numbers

    @cached_property
    def _takes_real_numbers(self) -> bool:
        return takes_real_numbers(self.likelihood, self.shape)

    def standardised(self, x: Tensor) -> Tensor:
        """Examples x, shape (..., *shape), as the networks see them: without gaps, and scaled, where it does either.

        Where no scaler is, as the likelihood would have them seen: of counts the logarithms.
        """
        x = x if self.filler is None else self.filler(x)
        return self.likelihood.inputs(x) if self.scaler is None else self.scaler(x)

    def modelled(self, x: Tensor) -> Tensor:
        """Examples x, shape (..., *shape), as the likelihood is of them: scaled, or as they are."""
        return self.scaler(x) if self.scaler is not None and self.is_of_standardised else x

    @property
    def side_variables(self) -> tuple[SideVariable, ...]:
        """What it takes beside x, what a block of its code observes, and last its target, of what there is of these."""
        taken = (() if self.side is None else self.side.variables) + observed_variables(self)
        return taken if self.target is None else (*taken, self.target)

    def side_numbers(self, side: Tensor) -> Tensor:
        """Values beside x, shape (B, V), as its networks take them, shape (B, S), and as constants."""
        return next(one for one in self.modules() if isinstance(one, SideNumbers))(side).detach()

    def infer(self, x: Tensor, side: Tensor | None = None) -> tuple[Distribution, Tensor | None]:
        """q(z|x) of examples x, shape (B, *shape), and of values beside them, (B, V): the context, if the decoder's."""
        law = self.encode(x) if side is None else self._posterior(x, side, seen_by(self, side, len(x)), self.training)
        return law, side if self.side is not None and "decoder" in self.side.parts else None

    def generate(self, z: Tensor, context: Tensor | None = None) -> Distribution:
        """The likelihood p(x|z) of codes z, shape (B, D), and of values beside x, shape (B, V)."""
        return self.decode(z) if context is None else self._law_of(z, context)

    @torch.no_grad()
    @checked
    def predict(self, x: Tensor, side: SideValues | None = None, codes: Count = PREDICTION_CODES) -> Distribution:
        """p(t|x), of a model of a target t: its law at codes of q(z|x), averaged; or q(t|x), where a block observes t.

        Of a category a torch Categorical, `probs` (B, K) by the categories of `target`, or of `observed.variable`.

        Example:
            >>> model = VAE.build((6,), latent=2, target=SideVariable("label", ("cat", "dog", "eel"))).eval()
            >>> model.predict(torch.zeros(5, 6)).probs.shape
            torch.Size([5, 3])
        """
        told = taken_by(self, side, len(x), "encoder", "decoder")
        return predicted(self, x, told, codes, seen_by(self, side, len(x)))

    def prior_law(self, side: Tensor | None = None) -> Distribution:
        """The prior p(z), batch shape (), event shape (D,); of one that takes values, (B, V), p(z|s), batch (B,)."""
        if self.side is not None and self.prior_given_side:
            return self.prior(self.side.values_of(side, 0 if side is None else len(side)))
        return self.prior(self._inferred) if is_of_posteriors(self.prior) else self.prior()

    def draw(
        self, x: Tensor, index: Tensor | None = None, dataset_size: int | None = None, side: Tensor | None = None
    ) -> Draw:
        """The draw of a batch of examples x, shape (B, *shape): what it becomes through this model."""
        return Draw(self, x, index, dataset_size, side=side)

    @torch.no_grad()
    def generate_examples(self, z: Tensor, side: SideValues | None = None) -> Tensor:
        """Expected examples at codes z, shape (B, D), and at what stands beside x: shape (B, *shape)."""
        check_makes_examples(self)
        return expected_example(self.decode(z, side))

    @torch.no_grad()
    def reconstruct(self, x: Tensor, side: SideValues | None = None) -> Tensor:
        """The expected example at the posterior's centre, its mean where it can say it, shape (B, *shape)."""
        check_makes_examples(self)
        told = taken_by(self, side, len(x), "encoder", "decoder")
        return expected_example(self._law_of(centre(self._posterior(x, told, seen_by(self, side, len(x)))), told), x)

    @torch.no_grad()
    @checked
    def sample(self, count: Count, side: SideValues | None = None) -> Tensor:
        """Expected examples at codes from the prior, shape (count, *shape).

        Args:
            count: How many.
            side: What stands beside x, where decoder or prior takes it, or a block observes it: {"digit": 3}, or
                {"digit": [3, 5]}, one each. What is left out is drawn as training had it, beside what is given.
        """
        return expected_example(law_of_samples(self, count, side))

    def config(self) -> dict[str, Any]:
        """What `from_pretrained` needs to build this model again, as JSON; what is "given" must be given again."""
        sizes = {"shape": list(self.shape), "latent": self.latent}
        return {"termwise": "VAE", **sizes, **self.parts(), "network": self.network, **more_of(self)}

    def parts(self) -> dict[str, Any]:
        """The posterior, the likelihood and the prior by name, with options; "given" where Python made it."""
        law = self.likelihood.law if isinstance(self.likelihood, TargetLikelihood) else self.likelihood
        return parts_of(self.family, law, self.prior, self.latent)

    def save_pretrained(self, folder: str | PathLike[str], card: str | None = None) -> Path:
        """Write config.json, model.safetensors and, where given, the model card README.md, to `folder`."""
        folder = Path(folder)
        write_model(self, self.config(), folder)
        if card is not None:
            write_whole(folder / "README.md", card.encode())
        return folder

    @classmethod
    @checked
    def from_pretrained(
        cls,
        folder: str | PathLike[str],
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        *,
        posterior: PosteriorFamily | None = None,
        likelihood: Likelihood | None = None,
        prior: Distribution | nn.Module | None = None,
        model: "VAE | None" = None,
        trust: Trust = (),
    ) -> "VAE":
        """The model that `save_pretrained` wrote to `folder`, in evaluation mode.

        What was made of names is made again. What was made in Python is given again; its weights are of no matter.

        Args:
            encoder, decoder: Modules of your own, together.
            posterior: A family of your own.
            likelihood: A likelihood of your own.
            prior: A prior of your own.
            model: All of it, in place of parts; the weights are loaded into it.
            trust: Modules whose code may be run, where the network is a function of yours, "module:function": their
                names; or True, which also takes a config.json that was changed.

        Raises:
            Refused: A part of your own is lacking, or a module is not trusted.
            BadData: The folder holds no such model, or it is damaged.

        Example:
            >>> import tempfile
            >>> model = VAE(nn.Linear(6, 4), nn.Linear(2, 6), shape=(6,), latent=2).eval()
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     again = VAE.from_pretrained(model.save_pretrained(folder), nn.Linear(6, 4), nn.Linear(2, 6))
            >>> x = torch.zeros(1, 6)
            >>> torch.equal(again.reconstruct(x), model.reconstruct(x))
            True
        """
        laws: dict[str, Any] = {"posterior": posterior, "likelihood": likelihood, "prior": prior}
        parts = {"encoder": encoder, "decoder": decoder, **laws}
        given = {name: part for name, part in parts.items() if part is not None}
        return model_again(cls, Path(folder), given, model, trust)
