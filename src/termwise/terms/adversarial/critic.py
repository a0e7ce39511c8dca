"""Critics: networks that tell the samples of two laws apart, and so learn their log ratio.

The best critic of left samples (label 1) against right ones (label 0) under cross-entropy has the logit

    T = log left/right    (Sugiyama, Suzuki and Kanamori, 2012, section 4; Goodfellow et al., 2014, proposition 1)
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as spectrally_normalised
from torch.nn.utils.parametrize import is_parametrized

from termwise.errors import BadData, Refused, UnknownName
from termwise.models.draw import Draw
from termwise.models.networks.linear_layer import LinearLayer
from termwise.products import linear
from termwise.terms.adversarial.normal_scores import SideScores
from termwise.terms.aggregate.memory import nothing_beside
from termwise.values import Count, NonNegativeFinite, checked

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}
"""What may stand between a critic's layers, by name."""

Widths = tuple[Count, ...]
"""The widths of a network's hidden layers."""


class Critic(nn.Module):
    """T(z), T(x, z) where the left law is another for every x, or T(s, z); its layers are made from the first draw.

    Args:
        hidden: The widths of the hidden layers.
        activation: One of `ACTIVATIONS`; leaky ReLU has the slope 0.2 below zero.
        spectral_norm: Divide each layer by its largest singular value (Miyato et al., 2018, eq. 8). T then grows no
            faster than its input, and so can bridge no sharp ratio.
        gradient_penalty: gamma of gamma/2 E|grad_z T|^2 over both laws' samples, which the critic's loss is given
            (Mescheder, Geiger and Nowozin, 2018, eq. 9 and 10).
        quadratic: Add 1/2 |z|^2 to T. Against a standard normal prior the layers then learn log q alone.
        heads: How many logits it gives, of which T is the sum; more than one bridges two laws in steps (Telescoping).
        body: A network of your own in place of the layers: z, shape (B, D), or x and z, to (B,) or (B, heads). Of a
            model that takes something beside x, x comes as a row with it, `Draw.given`.

    Example:
        >>> from termwise.models import VAE
        >>> critic = Critic(hidden=(8,))
        >>> draw = Draw(VAE.build((4,), 3), torch.rand(5, 4))
        >>> critic.build(draw, given_x=True)
        >>> critic(draw.z, draw.x).shape
        torch.Size([5])
    """

    @checked
    def __init__(
        self,
        hidden: Sequence[Count] = (256, 256),
        activation: str = "leaky-relu",
        *,
        spectral_norm: bool = False,
        gradient_penalty: NonNegativeFinite = 0.0,
        quadratic: bool = False,
        heads: Count = 1,
        body: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise UnknownName("activation", activation, ACTIVATIONS)
        if body is not None and spectral_norm:
            raise Refused("A body of your own brings its own normalisation; spectral_norm is for layers made here.")
        self.hidden, self.activation, self.spectral_norm = tuple(hidden), activation, spectral_norm
        self.gradient_penalty, self.quadratic = gradient_penalty, quadratic
        self.heads, self.given_x = heads, False
        self.body = body
        self.side_scores: SideScores | None = None
        self._own = body is not None

    def build(self, draw: Draw, given_x: bool, given_side: bool = False) -> None:
        """Make the layers for codes, and examples, of this draw's shapes; again where they were made already.

        Args:
            draw: Any draw of the model.
            given_x: Whether T reads x beside z, or what stands beside x.
            given_side: Whether it reads what stands beside x, and not x.

        Raises:
            Refused: It is to read what stands beside x, and nothing does.
        """
        self.given_x, self.side_scores = given_x, None
        if given_side:
            if draw.data_side is None:
                raise nothing_beside("A critic of codes and of what stands beside x")
            if told := draw.data_side.unknown():
                raise BadData(f"A critic reads what stands beside every example: {told}")
            self.side_scores = SideScores(draw.data_side)
        self.make_layers(draw.posterior.event_shape.numel() + (self.given(draw)[0].numel() if given_x else 0))

    def make_layers(self, inputs: int) -> None:
        """Make the layers for so many numbers, again where they were made already; not where it has a body of its own.

        Example:
            >>> critic = Critic(hidden=(8,))
            >>> critic.make_layers(3)
            >>> critic(torch.zeros(5, 3)).shape
            torch.Size([5])
        """
        if self._own:
            return
        layers: list[nn.Module] = []
        for inward, outward in itertools.pairwise((inputs, *self.hidden, self.heads)):
            linear = LinearLayer(inward, outward)
            layers += [spectrally_normalised(linear) if self.spectral_norm else linear, ACTIVATIONS[self.activation]()]
        self.body = nn.Sequential(*layers[:-1])

    def given(self, draw: Draw) -> Tensor:
        """What T reads beside the codes of a draw: x, or what stands beside it as numbers, shape (B, S)."""
        if self.side_scores is None:
            return draw.given
        if draw.side is None:
            raise nothing_beside("A critic of codes and of what stands beside x")
        return self.side_scores(draw.side)

    def forward(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """T, the logit that z is the left law's, shape (B,).

        Args:
            z: Codes, shape (B, D).
            x: The examples, shape (B, *shape), where T reads them.
        """
        return self._summed(self.steps(z, x), z)

    def at_all(self, several: Sequence[Tensor], x: Tensor | None = None) -> tuple[Tensor, ...]:
        """T at several batches of codes of the same examples, shape (B,) each.

        What the first layer makes of x, most of its work, is the same for all, and computed once.

        Example:
            >>> from termwise.models import VAE
            >>> critic, draw = Critic(hidden=(8,)), Draw(VAE.build((4,), 3), torch.rand(5, 4))
            >>> critic.build(draw, given_x=True)
            >>> one, other = critic.at_all((draw.z, draw.prior_codes), draw.x)
            >>> bool(torch.allclose(other, critic(draw.prior_codes, draw.x), atol=1e-6))
            True
        """
        first, *rest = self.body if isinstance(self.body, nn.Sequential) and not self._own else [None]
        if x is None or not self.given_x or not isinstance(first, LinearLayer) or is_parametrized(first):
            return tuple(self(z, x) for z in several)
        row = x.flatten(1)
        by_x, by_z = first.weight.split([row.shape[1], first.in_features - row.shape[1]], dim=1)
        of_x, others = linear(row, by_x.contiguous(), first.bias), nn.Sequential(*rest)
        return tuple(self._summed(self._checked(others(of_x + z @ by_z.t()), z), z) for z in several)

    def _summed(self, steps: Tensor, z: Tensor) -> Tensor:
        logit = steps.sum(1)
        return logit + 0.5 * z.square().sum(1) if self.quadratic else logit

    def steps(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        """The logits of which T is the sum, shape (B, heads)."""
        if self.body is None:
            raise Refused("This critic has no layers yet: call build(draw, given_x) with any draw of the model first.")
        examples = (x,) if self.given_x and x is not None else ()
        if self._own:
            logit = self._by_own_body(*examples, z)
        else:
            logit = self.body(torch.cat([*(one.flatten(1) for one in examples), z], dim=1))
        return self._checked(logit, z)

    def _checked(self, logit: Tensor, z: Tensor) -> Tensor:
        """What the layers gave at codes z, shape (B, heads)."""
        logit = logit.unsqueeze(1) if logit.dim() == 1 else logit
        if logit.shape != (len(z), self.heads):
            wanted = "one logit" if self.heads == 1 else f"{self.heads} logits"
            raise Refused(f"A critic must give {wanted} for each of {len(z)} codes; got shape {tuple(logit.shape)}.")
        return logit.to(z.dtype)  # mixed precision gives less

    def _by_own_body(self, *inputs: Tensor) -> Tensor:
        assert self.body is not None
        try:
            return self.body(*inputs)
        except (RuntimeError, ValueError, TypeError) as error:
            given, shapes = "x and z" if self.given_x else "z", " and ".join(str(tuple(one.shape)) for one in inputs)
            raise Refused(f"The critic's body failed on {given} of shape {shapes}: {error}") from None


@contextmanager
def as_constants(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """A context in which these parameters are constants: what they are part of depends on its input alone."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
