"""Discriminators: networks that tell real examples from decoded ones, and whose inner layers see what is alike.

T(x) is the logit that x is real, D = sigma(T) (Goodfellow et al., 2014). The layers are those of Larsen et al. (2016,
table 1), in numbers that fit the images at hand:

    conv1, relu1    5x5                         conv2 ... conv4, norm, relu    5x5, stride 2, batch normalisation
    hidden, norm, relu, logit                   linear

Real and decoded examples pass through in one batch: were each normalised by a batch of its own, what sets them apart
as a whole, such as a paler colour, would be out of sight of logits and features alike.

Where the decoder is told what stands beside x, so is the discriminator, T(x, s): the numbers of s are further channels,
the same in every place. One that is not told lets the decoder make any example, whatever it was asked for.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from termwise.errors import Refused, UnknownName
from termwise.models.draw import Draw
from termwise.models.given_side import takes_side
from termwise.models.networks import LinearLayer, channels_last
from termwise.terms.adversarial.data_laws import ExampleLaw, GeneratedExamples, RealExamples, ReconstructedExamples


@dataclass(frozen=True)
class Look:
    """A discriminator's output on examples: its logit, and the features of one of its layers.

    Attributes:
        logit: T, shape (B,).
        features: What its layer gives, shape (B, F).
    """

    logit: Tensor
    features: Tensor


class Discriminator(nn.Module):
    """T(x), and one layer's features; its layers are made from the first draw it meets.

    Args:
        channels: Of the convolutions.
        hidden: The width of the linear layer.
        layer: Whose output the features are, by its name; of a body of your own, any module in it.
        laws: Whose examples it looks at together while it is trained.
        body: A network of your own in place of these: x, shape (B, *shape), to (B,) or (B, 1); of a decoder that takes
            what stands beside x, of x and its numbers, shape (B, S).
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 128, 256, 256),
        hidden: int = 512,
        layer: str = "conv4",
        laws: Sequence[ExampleLaw] = (RealExamples(), ReconstructedExamples(), GeneratedExamples()),
        *,
        body: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if body is None and (not channels or min(*channels, hidden) < 1):
            raise Refused(f"A discriminator's widths are 1 or more; got channels={list(channels)}, hidden={hidden}.")
        self.channels, self.hidden, self.layer, self.laws = tuple(channels), hidden, layer, tuple(laws)
        self.body = body
        self._own = body is not None
        if body is not None:
            self._check_layer()

    def build(self, draw: Draw) -> None:
        """Make the layers for examples of this draw's shape; again where they were made already."""
        told = 0 if draw.told is None else draw.told.shape[1]
        if self._own:
            if told and self.body is not None and not takes_side(self.body):
                raise Refused(
                    "The decoder takes what stands beside x, and this discriminator sees x alone, so that any example "
                    f"would do. Let it be called with both, forward(self, x, side), with side of shape (B, {told})."
                )
            return
        shape = tuple(draw.x.shape[1:])
        if len(shape) != 3:
            raise Refused(
                f"This discriminator is for images (C, H, W); got examples of shape {shape}. Give "
                "Discriminator(body=...) a network of your own."
            )
        self.body = convolutions((shape[0] + told, *shape[1:]), self.channels, self.hidden)
        self._check_layer()

    def forward(self, x: Tensor, told: Tensor | None = None) -> Look:
        """T and the features of examples x, shape (B, *shape), beside which stand the numbers `told`, shape (B, S)."""
        if self.body is None:
            raise Refused("This discriminator has no layers yet: call build(draw) with any draw of the model first.")
        outputs: list[Tensor] = []
        hook = self.body.get_submodule(self.layer).register_forward_hook(lambda *call: outputs.append(call[-1]))
        try:
            if told is None:
                logit = self.body(x)
            elif self._own:
                logit = self.body(x, told.to(x))
            else:
                planes = told.to(x)[..., None, None].expand(*told.shape, *x.shape[2:])  # (B, S, H, W)
                logit = self.body(torch.cat([x, planes], 1))
        finally:
            hook.remove()
        if logit.shape not in ((len(x),), (len(x), 1)) or not outputs:
            raise Refused(
                f"A discriminator gives one logit for each of {len(x)} examples, and calls its layer {self.layer!r}; "
                f"got shape {tuple(logit.shape)}, and {len(outputs)} calls."
            )
        return Look(logit.view(-1), outputs[-1].flatten(1))

    def at(self, law: ExampleLaw, draw: Draw) -> Look:
        """A look at a law's examples, once a draw, however many terms ask; in training, at all laws' at once."""
        if not self.training:
            return draw.once(("look", self, law.name), lambda: self(law.sample(draw), draw.told))
        return draw.once(("look", self), lambda: self._together(draw))[law.name]

    def _together(self, draw: Draw) -> dict[str, Look]:
        told = None if draw.told is None else draw.told.repeat(len(self.laws), 1)
        look = self(torch.cat([law.sample(draw) for law in self.laws]), told)
        parts = zip(look.logit.split(len(draw)), look.features.split(len(draw)), strict=True)
        return {law.name: Look(*part) for law, part in zip(self.laws, parts, strict=True)}

    def _check_layer(self) -> None:
        assert self.body is not None
        names = [name for name, _ in self.body.named_modules() if name]
        if self.layer not in names:
            raise UnknownName("layer of the discriminator", self.layer, names)


def convolutions(shape: tuple[int, ...], channels: Sequence[int], hidden: int) -> nn.Sequential:
    """The network for images of `shape`, (C, H, W), with a name for every layer."""
    inward, height, width = shape
    layers: list[tuple[str, nn.Module]] = []
    for i, outward in enumerate(channels, start=1):
        stride = 1 if i == 1 else 2
        layers += [(f"conv{i}", nn.Conv2d(inward, outward, 5, stride, 2))]
        layers += [] if i == 1 else [(f"norm{i}", nn.BatchNorm2d(outward))]
        layers += [(f"relu{i}", nn.ReLU())]
        inward = outward
        height, width = -(-height // stride), -(-width // stride)
    layers += [("flat", nn.Flatten()), ("hidden", LinearLayer(inward * height * width, hidden))]
    layers += [("norm", nn.BatchNorm1d(hidden)), ("relu", nn.ReLU()), ("logit", LinearLayer(hidden, 1))]
    return channels_last(nn.Sequential(OrderedDict(layers)))
