"""D(s|z): a network's law of what stands beside x, given a code, against p(s) of what trains.

    log D(s|z) - log p(s) = log D(c|z) - log p(c) + log D(t|z, c) - log N(t; 0, 1)

c is all that are categories, together, and the numbers but the last, in bins; t is the last number, as a normal score:
Phi^-1 of its rank among those of the same c, drawn anew between the ranks of equal ones. So t is N(0, 1) whatever the
number's law or scale, and tells no less and no more of z; D(t|z, c) is a mixture of normals.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from termwise.data.side import SIDE_BINS, Side
from termwise.errors import BadData, Refused
from termwise.models.draw import Draw
from termwise.terms.adversarial.critic import Critic, Widths
from termwise.terms.adversarial.normal_scores import normal_scores
from termwise.terms.aggregate.memory import nothing_beside

COMPONENTS = 5
"""Normals of which a number's law is a mixture."""
NARROWEST, WIDEST = -4.0, 2.0
"""Between what the logs of their standard deviations are held."""


class SideLaw(nn.Module):
    """D(s|z) of categories and numbers, learnt from codes; it knows p(s) of the data that it was built on.

    Args:
        hidden: The widths of the hidden layers.

    Example:
        >>> import termwise as tw
        >>> from termwise.models.data_pass import DataPass
        >>> data = tw.load_data(torch.rand(30, 4), test=0.0).with_side({"age": torch.rand(30)})
        >>> draw = DataPass(tw.VAE.build((4,), 2), data).at(torch.arange(10))
        >>> law = SideLaw((8,))
        >>> law.build(draw)
        >>> law.log_ratio(draw.z, draw).shape
        torch.Size([10])
    """

    def __init__(self, hidden: Widths) -> None:
        super().__init__()
        self.critic = Critic(hidden)
        self.shift: nn.Embedding | None = None
        self.number: int | None = None
        self._edges: list[Tensor | None] = []  # by variable, of its bins; None of categories and of the last number
        self._stages: list[Tensor] = []  # by variable, which pairs of what was before and its category there are
        self._counts = torch.empty(0)  # of every class
        self._ordered = torch.empty(0)  # the numbers, class by class

    def build(self, draw: Draw) -> None:
        """Make the layers for the codes of this draw, and take up what stands beside x of all its data.

        Raises:
            Refused: Nothing stands beside x, the draw is of no data set, or all is the same.
        """
        side = draw.data_side
        if side is None:
            raise nothing_beside("A classifier")
        if told := side.unknown():
            raise BadData(f"A classifier learns what stands beside every example: {told}")
        self._begin(side)
        classes = len(self._counts)
        if classes == 1 and self.number is None:
            same = "is the same" if len(side.names) == 1 else "are the same"
            raise Refused(
                f"A classifier is to read {', '.join(side.names)} off the codes, which {same} for all that trains: "
                "there is nothing to tell apart. Name something else as side, or take another recipe, such as vae."
            )
        of_number = 0 if self.number is None else 3 * COMPONENTS
        self.critic.heads = (classes if classes > 1 else 0) + of_number
        self.critic.build(draw, given_x=False)
        self.shift = None
        if of_number and classes > 1:
            self.shift = nn.Embedding(classes, of_number)
            nn.init.zeros_(self.shift.weight)

    def _begin(self, side: Side) -> None:
        numbers = [place for place, one in enumerate(side.variables) if one.is_number]
        distinct = {place: len(side.values[:, place].unique()) for place in numbers}
        self.number = next((place for place in reversed(numbers) if distinct[place] > SIDE_BINS), None)
        self._edges = []
        for place, variable in enumerate(side.variables):
            edges = None
            if variable.is_number and place != self.number:
                bins = side.chosen([variable.name]).binned(SIDE_BINS).values[:, 0].long()
                last = [side.values[bins == one, place].max() for one in range(int(bins.max()))]
                edges = torch.stack(last) if last else side.values.new_empty(0)
            self._edges.append(edges)
        self._stages = []
        ids = torch.zeros(len(side), dtype=torch.int64)
        for place, column in enumerate(side.values.T):
            if place == self.number:
                continue
            stage, ids = self._key(ids, column, place).unique(return_inverse=True)
            self._stages.append(stage)
        self._counts = ids.bincount()
        if self.number is not None:
            values = side.values[:, self.number]
            order = values.argsort(stable=True)
            self._ordered = values[order][ids[order].argsort(stable=True)]

    def _key(self, ids: Tensor, column: Tensor, place: int) -> Tensor:
        """What stands for the class so far and this variable's category, or bin, together, shape (B,)."""
        edges = self._edges[place]
        codes = column.long() if edges is None else torch.bucketize(column.contiguous(), edges.to(column))
        return ids * (2**31) + codes

    def _stages_on(self, device: torch.device) -> list[Tensor]:
        """The pairs that there are, on a device."""
        if self._stages and self._stages[0].device != device:
            self._stages = [stage.to(device) for stage in self._stages]
        return self._stages

    def _counts_on(self, device: torch.device) -> Tensor:
        """How many examples each class has, on a device."""
        if self._counts.device != device:
            self._counts = self._counts.to(device)
        return self._counts

    def classes_of(self, values: Tensor) -> Tensor:
        """The class of values beside x, shape (B, V): shape (B,), int64; -1 of one that none of what trained had."""
        values = values.detach()
        ids, known = values.new_zeros(len(values), dtype=torch.int64), values.new_ones(len(values), dtype=torch.bool)
        places = (place for place in range(values.shape[1]) if place != self.number)
        for place, stage in zip(places, self._stages_on(values.device), strict=True):
            key = self._key(ids, values[:, place], place)
            ids = torch.searchsorted(stage, key).clamp(max=len(stage) - 1)
            known &= stage[ids] == key
        return ids.masked_fill(~known, -1)

    def scores_of(self, values: Tensor, classes: Tensor) -> Tensor:
        """The last number's normal scores among those of the same class, shape (B,), drawn between equal ones."""
        assert self.number is not None
        numbers, classes = values[:, self.number].detach().cpu(), classes.cpu()
        counts = self._counts.cpu()
        ends = counts.cumsum(0)
        between, scores = torch.rand(2, len(numbers), dtype=torch.float64)  # the scores are written over
        for one in classes.unique().tolist():
            mine, ordered = classes == one, self._ordered[ends[one] - counts[one] : ends[one]]
            scores[mine] = normal_scores(numbers[mine].to(ordered), ordered, between[mine])
        return scores

    def told(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """The class of each of the draw's examples, and its normal score; the same however often they are asked for."""

        def compute() -> tuple[Tensor, Tensor]:
            assert draw.side is not None
            classes = self.classes_of(draw.side)
            if self.number is None:
                return classes, torch.zeros(0, device=classes.device)
            return classes, self.scores_of(draw.side, classes.clamp(min=0)).to(classes.device, torch.float32)

        return draw.once(("what stands beside x", self), compute)

    def log_ratio(self, z: Tensor, draw: Draw) -> Tensor:
        """log D(s|z) - log p(s) at codes z, shape (B, D), of the draw's examples: shape (B,), nats.

        0 of an example whose categories did not come together in what trained.
        """
        classes, scores = self.told(draw)
        given, logits = classes.clamp(min=0), self.critic.steps(z)
        ratio = z.new_zeros(len(z))
        if (count := len(self._counts)) > 1:
            shares = (self._counts_on(z.device).to(z) / self._counts_on(z.device).sum()).log()
            ratio = logits[:, :count].log_softmax(1).gather(1, given.unsqueeze(1)).squeeze(1) - shares[given]
        if self.number is not None:
            score = scores.to(z)
            ratio = ratio + self._law(logits, given, score) - Normal(0.0, 1.0).log_prob(score)
        return torch.where(classes < 0, torch.zeros_like(ratio), ratio)

    def right(self, z: Tensor, draw: Draw) -> Tensor:
        """Where the likeliest categories are right; of a number alone, the likelier side of its median."""
        classes, scores = self.told(draw)
        logits = self.critic.steps(z)
        if (count := len(self._counts)) > 1:
            return logits[:, :count].argmax(1) == classes
        weights, means, _ = self._mixture(logits, classes.clamp(min=0))
        return ((weights.softmax(1) * means).sum(1) > 0) == (scores > 0)

    def _mixture(self, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The logits, means and log standard deviations of a number's mixture, shape (B, COMPONENTS) each."""
        raw = logits[:, -3 * COMPONENTS :]
        if self.shift is not None:
            raw = raw + self.shift(classes).to(raw)
        weights, means, log_scales = raw.chunk(3, 1)
        return weights, means, log_scales.clamp(NARROWEST, WIDEST)

    def _law(self, logits: Tensor, classes: Tensor, scores: Tensor) -> Tensor:
        """log D(t|z, c), shape (B,)."""
        weights, means, log_scales = self._mixture(logits, classes)
        apart = (scores.unsqueeze(1) - means) * (-log_scales).exp()
        log_normal = -0.5 * apart.square() - log_scales - 0.5 * math.log(2 * math.pi)
        return (weights.log_softmax(1) + log_normal).logsumexp(1)
