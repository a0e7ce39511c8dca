"""References r(z|x) that a small network of x learns, by maximum likelihood on codes of q:

    the network minimises E_q[-log r(z|x)] = H(q) + KL(q || r), codes being constants

which are the moments of q where r is a normal. The autoencoder's objective would not teach it: with the best critic its
gradient in r vanishes, as the walk is the rate by way of any r. To all others its parameters are constants.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from termwise.errors import Refused, UnknownName
from termwise.models.draw import Draw
from termwise.models.networks import perceptron
from termwise.models.posteriors import DiagonalNormal, FullNormal
from termwise.models.spline_flow import SplineFlow
from termwise.terms.adversarial.adversary import Adversary
from termwise.terms.adversarial.critic import Widths, as_constants
from termwise.terms.distribution_law import DistributionLaw
from termwise.terms.references.moments import standardised
from termwise.values import Count


class MixtureOfNormals(nn.Module):
    """sum_k pi_k N(mu_k, diag sigma_k^2); features are [logits of pi, mu, log sigma], component by component.

    Args:
        latent: D.
        components: K.
    """

    name = "mixture"

    def __init__(self, latent: int, components: int = 5) -> None:
        super().__init__()
        if components < 2:
            raise Refused(f"A mixture needs 2 components or more; got {components}. One is the learned normal.")
        self.latent, self.components = latent, components
        self.start = nn.Parameter(torch.randn(components, latent))  # so that components differ, as wide as a prior

    @property
    def features(self) -> int:
        """How many numbers a network gives for an example: K (1 + 2 D)."""
        return self.components * (1 + 2 * self.latent)

    def forward(self, features: Tensor) -> Distribution:
        """r(z|x) from features of shape (B, K (1 + 2 D))."""
        logits, normals = features.split([self.components, features.shape[-1] - self.components], dim=-1)
        mean, log_scale = normals.unflatten(-1, (self.components, -1)).chunk(2, dim=-1)  # (B, K, D) each
        parts = Independent(Normal(self.start + mean, log_scale.exp(), validate_args=False), 1, validate_args=False)
        return MixtureSameFamily(Categorical(logits=logits, validate_args=False), parts, validate_args=False)


REFERENCE_FAMILIES: dict[str, Callable[..., Any]] = {
    "normal": DiagonalNormal,
    "full-normal": FullNormal,
    "mixture": MixtureOfNormals,
    "flow": SplineFlow,
}
"""The families of a learned reference: by name, what makes one of codes of D dimensions."""


class ReferenceNetwork(nn.Module):
    """x -> r(z|x); its layers are made from the first draw it meets.

    Args:
        family: Makes the family of codes of D dimensions.
        hidden: The widths of the hidden layers between x and the family's features.
    """

    def __init__(self, family: Callable[[int], Any], hidden: Sequence[int]) -> None:
        super().__init__()
        self.make, self.hidden = family, tuple(hidden)
        self.family: Any = None
        self.body: nn.Module | None = None

    def build(self, draw: Draw) -> None:
        """Make the layers for examples, and codes, of this draw's shapes; again where they were made already."""
        self.family = self.make(draw.posterior.event_shape.numel())
        self.body = perceptron([draw.x[0].numel(), *self.hidden, self.family.features])

    def forward(self, x: Tensor) -> Distribution:
        """r(z|x) of examples x, shape (B, *shape)."""
        if self.body is None:
            raise Refused(
                "This reference has no network yet. It learns beside a critic: give AdaptiveContrast(reference) one, "
                "and build the game."
            )
        return self.family(self.body(x.flatten(1)).to(x.dtype))  # mixed precision gives less


class Fit:
    """E_q[-log r(z|x)], codes constants: what the reference's network minimises.

    Args:
        network: r.
    """

    name, unit, label, bias = "reference_cross_entropy", "nats", "samples of the posterior", "unbiased"
    memory = None

    def __init__(self, network: ReferenceNetwork) -> None:
        self.network = network

    def __call__(self, draw: Draw) -> Tensor:
        """Shape (B,), nats."""
        return -self.network(draw.inputs).log_prob(draw.z.detach())


class LearnedReference(DistributionLaw):
    """r(z|x), learned by a player of its own.

    Args:
        family: One of `REFERENCE_FAMILIES`: a normal with variances alone, or the whole covariance; a mixture; a flow.
        hidden: The widths of its network.
        moves: How often it moves in a round.
        optimizer: How it moves: OptimizerSettings, or a table of them; as the critic does where left out.
        options: The family's own, such as components=8.

    Example:
        >>> from termwise.objectives import solo, distortion, link
        >>> from termwise.terms import AdaptiveContrast, MonteCarlo
        >>> r = LearnedReference("mixture", components=3)
        >>> walk = link("posterior", r, AdaptiveContrast(r)) + link(r, "prior", MonteCarlo())
        >>> [player.name for player in solo(distortion() + walk).players]
        ['autoencoder', 'reference of posterior', 'critic of reference kl']
    """

    name = "reference"
    given_x = True

    def __init__(
        self,
        family: str = "normal",
        hidden: Sequence[int] = (64, 64),
        *,
        moves: int = 1,
        optimizer: Any = None,
        **options: Any,
    ) -> None:
        if family not in REFERENCE_FAMILIES:
            raise UnknownName("reference family", family, REFERENCE_FAMILIES)
        if moves < 1:
            raise Refused(f"A learned reference must move once a round or more; got moves={moves}.")

        def make(latent: int) -> Any:
            return REFERENCE_FAMILIES[family](latent, **options)

        try:
            make(1)
        except TypeError as error:
            raise Refused(f"The reference {family!r} cannot be built with options {options}: {error}") from None
        self.moves, self.optimizer = moves, optimizer
        self.network = ReferenceNetwork(make, hidden)

    def distribution(self, draw: Draw) -> Distribution:
        """r(z|x), batch shape (B,), its parameters constants; once a draw."""

        def compute() -> Distribution:
            with as_constants(self.network.parameters()):
                return self.network(draw.inputs)

        return draw.once(("reference", self), compute)

    def sample(self, draw: Draw) -> Tensor:
        """One code per example."""
        return self.distribution(draw).sample()

    def log_prob(self, z: Tensor, draw: Draw) -> Tensor:
        """Shape (B,); its gradient is that of z alone."""
        with as_constants(self.network.parameters()):  # a flow asks its layers again
            return self.distribution(draw).log_prob(z)

    def standardised(self, z: Tensor, draw: Draw) -> Tensor:
        """Codes z, shape (B, D), in coordinates in which r is N(0, I); of a mixture, its mean 0 and its variances 1."""
        with as_constants(self.network.parameters()):
            return standardised(self.distribution(draw), z)

    def adversary(self, optimizer: Any = None) -> Adversary:
        """The player who learns it, by maximum likelihood on the posterior's codes.

        Args:
            optimizer: How it moves, where it has no settings of its own.
        """
        chosen = optimizer if self.optimizer is None else self.optimizer
        terms = ((1.0, Fit(self.network)),)
        return Adversary("reference of posterior", self.network, self.network.build, terms, self.moves, chosen)


def learned_normal(hidden: Widths = (64, 64), moves: Count = 1, optimizer: Any = None) -> LearnedReference:
    """A learned normal with variances alone."""
    return LearnedReference("normal", hidden, moves=moves, optimizer=optimizer)


def learned_full_normal(hidden: Widths = (64, 64), moves: Count = 1, optimizer: Any = None) -> LearnedReference:
    """A learned normal with covariances."""
    return LearnedReference("full-normal", hidden, moves=moves, optimizer=optimizer)


def learned_mixture(
    components: Count = 5, hidden: Widths = (64, 64), moves: Count = 1, optimizer: Any = None
) -> LearnedReference:
    """A learned mixture of normals."""
    return LearnedReference("mixture", hidden, moves=moves, optimizer=optimizer, components=components)


def learned_flow(
    layers: Count = 2,
    bins: Count = 8,
    hidden: Widths = (64, 64),
    moves: Count = 1,
    optimizer: Any = None,
) -> LearnedReference:
    """A learned flow of splines."""
    return LearnedReference("flow", hidden, moves=moves, optimizer=optimizer, layers=layers, bins=bins)
