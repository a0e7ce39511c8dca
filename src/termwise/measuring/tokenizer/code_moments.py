"""What is gathered of codes of C channels at P places, example by example, in one pass over the data."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Normal

from termwise.errors import Refused
from termwise.models.distributions import innermost
from termwise.models.draw import Draw
from termwise.terms.closed_form import ClosedForm, has_closed_form
from termwise.terms.link import Link


@dataclass
class CodeMoments:
    """The moments of codes, and their rate, by example; and codes at some places of each, for `channel_walk`.

    Args:
        shape: The shape of a code: channels first, (C, *places), or last.
        channels_last: Which it is.
        chosen: How many places of each example are kept.
        generator: By which they are chosen.

    Attributes:
        rate_by_channel, rate_by_place: Shape (N, C), and (N, P), nats.
        mean: E z over places, shape (N, C).
        products: E z z^T over places, shape (N, C, C).
        noise: E Var(z|x) over places, shape (N, C).
        kept: Mean and variance at the places kept, shape (N, k, 2 C).
    """

    shape: tuple[int, ...]
    channels_last: bool
    chosen: int
    generator: torch.Generator
    of_batches: list[tuple[Tensor, ...]] = field(default_factory=list)
    sums: Tensor | None = None

    @property
    def channels(self) -> int:
        """C, how many channels a code has."""
        return self.shape[-1 if self.channels_last else 0]

    @property
    def places(self) -> int:
        """P, how many places a code has."""
        return math.prod(self.shape) // self.channels

    def add(self, draw: Draw) -> None:
        """Take in a batch.

        Raises:
            Refused: Its posterior is no normal of independent numbers, or its prior no product.
        """
        base = innermost(draw.posterior)
        if not isinstance(base, Normal) or not has_closed_form(draw.posterior, draw.prior):
            raise Refused(
                "A tokenizer report is of normals of independent numbers, or of codewords, beside a prior of "
                f"independent numbers; got a {type(base).__name__} beside a {type(innermost(draw.prior)).__name__}. "
                "Measure it as it is: measure(model, data)."
            )
        rate = Link("posterior", "prior", ClosedForm())(draw)
        if rate.dim() != 2:
            raise Refused("The prior is no product over the numbers of a code, so its rate has no share by channel.")
        rate, mean, variance = (self._laid_out(of) for of in (rate, base.loc, base.scale.square()))
        places = torch.rand(len(mean), self.places, generator=self.generator).argsort(1)[:, : self.chosen]
        index = places.to(mean.device).unsqueeze(1).expand(-1, self.channels, -1)
        kept = torch.cat([of.gather(2, index) for of in (mean, variance)], 1).transpose(1, 2)
        noise = variance.mean(2)
        products = mean @ mean.mT / self.places + torch.diag_embed(noise)
        self.of_batches.append(
            tuple(of.cpu() for of in (rate.sum(2), rate.sum(1), mean.mean(2), products, noise, kept))
        )
        sums = torch.stack([mean.sum(0), mean.square().sum(0)]).cpu()
        self.sums = sums if self.sums is None else self.sums + sums

    def joined(self) -> tuple[Tensor, ...]:
        """rate_by_channel, rate_by_place, mean, products, noise and kept of all examples."""
        return tuple(torch.cat(of) for of in zip(*self.of_batches, strict=True))

    def share_of_x(self) -> Tensor:
        """By channel, shape (C,), the share that x has in the variance of a code at its place: the rest is noise."""
        n = sum(len(batch[0]) for batch in self.of_batches)
        total, squares = self.sums if self.sums is not None else torch.zeros(2, 1, 1)
        over_x = ((squares - total.square() / n) / (n - 1)).clamp(min=0).mean(1)
        noise = torch.cat([batch[4] for batch in self.of_batches]).mean(0)
        return over_x / (over_x + noise)

    def _laid_out(self, flat: Tensor) -> Tensor:
        """Numbers of codes, shape (B, D), as channels and places, (B, C, P), float64."""
        rows = flat.double().reshape(len(flat), *self.shape)
        if self.channels_last:
            rows = rows.movedim(-1, 1)
        return rows.reshape(len(rows), self.channels, self.places)
