"""A network that learned from real examples alone: it judges attributes, and its features say what is alike.

The body is a chain of layers; logits(x) = W h(x) + b of its last one, h. The features are what all of them see: the
mean of every channel of every convolution, and h, each less its mean and over its standard deviation among real
training examples. Blur and noise show in the early ones, kinds of things in the last. What it learns is what is known:

    attributes   A logits, sigma(logit_a) the probability that x has attribute a
    labels       K logits, softmax over the classes
    turns        4 logits, softmax over the quarter turns that an image was given (Gidaris et al., 2018, eq. 2-3),
                 where nothing is known of it
"""

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from termwise.account.reading import AnyReading, reading_of_each
from termwise.data.dataset import Dataset
from termwise.data.examples import spread
from termwise.data.missing import check_whole
from termwise.errors import BadData, NonFiniteLoss, Refused, UnknownName
from termwise.measuring.classifier.targets import TARGETS, Task, target_of
from termwise.models.data_pass import Progress
from termwise.models.networks import LinearLayer, PadTo
from termwise.models.randomness import own_randomness
from termwise.values import Count, PositiveFinite, Seed, checked

CHANNELS = (16, 32, 64, 128)
"""The channels of the convolutions, each of which halves the sides; further ones have as many as the last."""

HELD_OUT = 0.2
"""The part of the examples on which the accuracy is read, where the data set has no other part for it."""

STANDARD = 4096
"""How many training examples the features' means and standard deviations are taken of, at most."""


class Classifier(nn.Module):
    """What `train_classifier` returns: frozen, and in evaluation mode.

    Attributes:
        target: What it learned: "attributes", "labels" or "turns".
        names: One a logit.
        exclusive: Whether just one of the names is true of an example (a softmax), or any number of them.
        accuracy: On real examples that it did not learn from: a list, one by attribute, with its standard errors; one
            number where the names exclude one another.
        majority: What always giving the most frequent answer would reach there, likewise.
        learned_from: The name of the data.

    Example:
        >>> import termwise as tw
        >>> classifier = train_classifier(tw.load_data("digits", test=0.2), target="turns", hidden=16, steps=2)
        >>> classifier.probabilities(torch.rand(3, 1, 8, 8)).shape  # upright, a quarter turn, ...
        torch.Size([3, 4])
    """

    accuracy: AnyReading
    majority: AnyReading

    def __init__(self, body: nn.Sequential, head: nn.Module, target: str, task: Task, learned_from: str) -> None:
        super().__init__()
        self.body, self.head = body, head
        self.target, self.names, self.exclusive, self.learned_from = target, task.names, task.exclusive, learned_from
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def features(self, x: Tensor) -> Tensor:
        """What the layers see of examples x, shape (B, *shape): shape (B, F), in standard deviations of real ones."""
        return (self._layer_means(x) - self.centre) / self.scale

    def logits(self, x: Tensor) -> Tensor:
        """One logit a name, shape (B, A): an attribute is judged present where its logit is above 0."""
        return self.head(self.body(x))

    def standardise(self, x: Tensor) -> None:
        """Let the features have mean 0 and variance 1 on examples x, shape (N, *shape), where they vary there."""
        with torch.no_grad():
            means = torch.cat([self._layer_means(some) for some in x.split(512)])
        spread = means.std(0)
        self.centre, self.scale = means.mean(0), torch.where(spread > 0, spread, 1.0)

    def _layer_means(self, x: Tensor) -> Tensor:
        means = []
        for layer in self.body:
            x = layer(x)
            means.append(x.mean((2, 3)) if x.dim() == 4 else x)
        return torch.cat(means, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The logits, one a name, of examples x, as `logits` gives them."""
        return self.logits(x)

    def probabilities(self, x: Tensor) -> Tensor:
        """The probability of every name, shape (B, A)."""
        return self.logits(x).softmax(1) if self.exclusive else self.logits(x).sigmoid()

    def loss(self, logits: Tensor, answers: Tensor) -> Tensor:
        """The cross-entropy of the answers, in nats, averaged over examples and attributes."""
        if self.exclusive:
            return F.cross_entropy(logits, answers)
        return F.binary_cross_entropy_with_logits(logits, answers.to(logits.dtype))

    def correct(self, logits: Tensor, answers: Tensor) -> Tensor:
        """Which answers are right: shape (B, A), or (B,) where they exclude one another."""
        return (logits.argmax(1) if self.exclusive else (logits > 0).long()) == answers

    def __str__(self) -> str:
        right, usual = (np.mean(reading.value) for reading in (self.accuracy, self.majority))
        return (
            f"a network that learned the {self.target} of {self.learned_from} (right on {right:.3f} of "
            f"{self.accuracy.n} held-out examples; {usual:.3f} by the most frequent answer)"
        )


@checked
def train_classifier(
    data: Dataset,
    *,
    target: str | None = None,
    hidden: Count = 128,
    steps: Count = 1000,
    batch_size: Count = 128,
    learning_rate: PositiveFinite = 3e-3,
    seed: Seed = 0,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Classifier:
    """Train a small network on real examples: convolutions for images, a perceptron for all else.

    It learns on the training part and its accuracy is read on the test part, or the validation part where there is no
    test part; a fifth of the examples is kept apart at random where there is neither. The random state is left as it
    was; the same seed gives the same network.

    Args:
        data: Real examples, whole, with its splits where it has some.
        target: "attributes", "labels" or "turns"; where left out, the first of these that the data have.
        hidden: The width of the last layer; the features are these and one for every channel before.
        steps: How many moves of Adam, its rate rising and falling once (Smith and Topin, 2018).
        batch_size: Examples a move.
        learning_rate: The highest.
        seed: Of the weights, the order, and what is kept apart.
        device: Where to train, and where the classifier is left.
        progress: Told how far it is.

    Raises:
        UnknownName: No such target.
        BadData: The data do not have it, or not in a form that can be learned.
        NonFiniteLoss: It diverged.

    Example:
        >>> import termwise as tw
        >>> digits = tw.load_data("digits", test=0.2)
        >>> classifier = train_classifier(digits, hidden=16, steps=20)
        >>> classifier.target, len(classifier.names)
        ('labels', 10)
        >>> classifier.accuracy.value > classifier.majority.value
        True
    """
    check_whole(data, "What a classifier learns from")
    if batch_size < 2:
        raise Refused(f"Expected batches of 2 examples or more; got batch_size={batch_size}.")
    target = target_of(data) if target is None else target
    if target not in TARGETS:
        raise UnknownName("target of a classifier", target, TARGETS)
    train, held_out = _learning_parts(data, seed)
    task, asked = TARGETS[target](train, train), TARGETS[target](held_out, train)
    with own_randomness(seed), torch.enable_grad():
        head = LinearLayer(hidden, len(task.names))
        classifier = Classifier(_body(data.shape, hidden), head, target, task, data.name).to(device)
        optimizer = torch.optim.Adam(classifier.parameters(), learning_rate)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
        for step, batch in enumerate(train.batches(batch_size, _order(len(train), steps * batch_size))):
            x, answers = task.pose(batch.x, batch.index)
            loss = classifier.loss(classifier.logits(x.to(device)), answers.to(device))
            if not bool(loss.isfinite()):
                raise NonFiniteLoss(f"The classifier's loss is not finite at step {step}. Lower its learning_rate.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            if progress is not None:
                progress("classifier", (step + 1) / steps)
        classifier.eval().requires_grad_(False)
        classifier.standardise(train.subset(spread(len(train), STANDARD)).tensor().to(device))
        right, usual = _answers_right(classifier, held_out, asked, task.usual, device)
    estimator = f"share of right answers on {held_out.name}, {len(held_out)} examples that it did not learn from"
    about = {"estimator": estimator, "bias": "unbiased"}
    classifier.accuracy = reading_of_each(right, "classifier_accuracy", **about)
    classifier.majority = reading_of_each(usual, "classifier_majority", **about)
    return classifier


def _learning_parts(data: Dataset, seed: Seed) -> tuple[Dataset, Dataset]:
    """What to learn from, and what to be judged on."""
    other = next((name for name in ("test", "validation") if name in data.splits), None)
    if other is not None and "train" in data.splits:
        train, held_out = data.train, data.split(other)
    else:
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
        apart = max(1, round(HELD_OUT * len(data)))
        train, held_out = (data.subset(part.sort().values) for part in (order[apart:], order[:apart]))
    if min(len(train), len(held_out)) < 2:
        raise BadData(
            f"{data.name}: a classifier needs two examples or more to learn from and as many to be judged on, got "
            f"{len(train)} and {len(held_out)}."
        )
    return train, held_out


def _order(count: int, visits: int) -> Tensor:
    """Positions for `visits` visits, (visits,): every example once before any is seen again."""
    return torch.cat([torch.randperm(count) for _ in range(-(-visits // count))])[:visits]


def _answers_right(
    classifier: Classifier, data: Dataset, task: Task, usual: Tensor, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Where the classifier is right, (N, A) or (N,), and where the most frequent answer is."""
    right, majority = [], []
    with torch.no_grad():
        for batch in data.batches(512):
            x, answers = task.pose(batch.x, batch.index)
            right.append(classifier.correct(classifier.logits(x.to(device)).cpu(), answers))
            majority.append(answers == usual)
    return torch.cat(right), torch.cat(majority)


def _body(shape: tuple[int, ...], hidden: Count) -> nn.Sequential:
    """x, (B, *shape) -> (B, hidden), layer by layer; any scale of x will do."""
    layers: list[nn.Module] = []
    if len(shape) == 3:
        halvings = max(1, math.ceil(math.log2(max(shape[1:]) / 4)))
        step = 2**halvings
        height, width = (math.ceil(side / step) * step for side in shape[1:])
        channels = [shape[0], *(CHANNELS[min(i, len(CHANNELS) - 1)] for i in range(halvings))]
        for before, after in itertools.pairwise(channels):
            first = [] if layers else [nn.BatchNorm2d(before, affine=False), PadTo((height, width))]
            convolution = nn.Conv2d(before, after, 3, 2, 1, bias=False)
            layers.append(nn.Sequential(*first, convolution, nn.BatchNorm2d(after), nn.ReLU()))
        wide = channels[-1] * (height // step) * (width // step)
    else:
        wide, size = 2 * hidden, math.prod(shape)
        layers.append(
            nn.Sequential(nn.Flatten(), nn.BatchNorm1d(size, affine=False), LinearLayer(size, wide), nn.ReLU())
        )
    last = nn.Sequential(nn.Flatten(), LinearLayer(wide, hidden), nn.BatchNorm1d(hidden), nn.ReLU())
    return nn.Sequential(*layers, last)
