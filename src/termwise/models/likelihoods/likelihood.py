"""What a likelihood is: a module that turns a decoder's output into p(x|z), and says which data it can take."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn
from torch.distributions import Distribution, Independent

from termwise.data import Dataset, ValueRange
from termwise.errors import Refused


class Likelihood(nn.Module, ABC):
    """p(x|z), given a decoder's output: the abstract class of which every likelihood is a subclass.

    A subclass sets `spec`, and has a `forward(decoded)` that turns the decoder's output, of shape
    (B, *decoded_shape(shape)), into a torch Distribution of batch shape (B,), whose event is one example: its
    `log_prob` of examples, shape (B, *shape), has shape (B,), in nats. `over_examples` makes that of independent
    pixels. It may have parameters, which learn with the decoder, and buffers; both are saved with the model.

    When a model is built, `decoded_shape` and `for_examples` are asked once; `check` is called with the range of the
    whole data set before anything is trained or measured, and `begin` before a training; `forward` at every draw, in
    training mode while a player moves and in evaluation mode otherwise; `inputs` wherever a network looks at x; `fit`
    before a training evaluates, and at its end. Where `makes_examples`, `mean` of the law is what pictures show of a
    code.

    Attributes:
        spec: What a configuration calls it, with its argument: `likelihood_from(spec)` makes it again.
        makes_examples: Whether it can make an example of a code, and not only say how probable one is.
        scales: Whether it brings x to one scale itself, so that nothing else is to standardise x for it.

    Example:
        >>> import torch
        >>> class Cauchy(Likelihood):
        ...     spec = "cauchy"
        ...     def forward(self, decoded):
        ...         return over_examples(torch.distributions.Cauchy(decoded, 1.0))
        >>> Cauchy()(torch.zeros(2, 1, 8, 8)).log_prob(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2])
    """

    spec: str
    makes_examples = True
    scales = False

    @abstractmethod
    def forward(self, decoded: Tensor) -> Distribution:
        """p(x|z) from the decoder's output, (B, *decoded_shape(shape)): batch shape (B,), event shape that of x."""

    def decoded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that the decoder must give, per example, for examples of `shape`."""
        return shape

    def for_examples(self, shape: tuple[int, ...]) -> None:
        """Make what learns ready for examples of `shape`, where it is of each entry; most likelihoods need none."""

    def begin(self, data: Dataset) -> None:
        """Take what is of the data and learns nothing, such as the scales of columns, before a training begins."""

    def inputs(self, x: Tensor) -> Tensor:
        """Examples x, shape (B, *shape), as networks see them where nothing standardises x: most often as they are."""
        return x

    def fit(self, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set what is no parameter but an optimum, such as a sigma, to its best; most likelihoods have no such thing.

        A training asks for it before it evaluates, and at its end.

        Args:
            pairs: The decoder's output and the examples, (B, *decoded_shape) and (B, *shape), of batches of the data.
        """

    def check(self, values: ValueRange) -> None:
        """Raise BadData where the data's values are none that this likelihood can take."""


def by_entry(parameter: nn.Parameter, shape: tuple[int, ...]) -> nn.Parameter:
    """A parameter of each entry of examples of a shape, from one of all entries; one that is so already stays.

    Example:
        >>> import torch
        >>> by_entry(nn.Parameter(torch.tensor(2.0)), (3,)).tolist()
        [2.0, 2.0, 2.0]
    """
    if parameter.shape == shape:
        return parameter
    if parameter.dim():
        raise Refused(
            f"This likelihood learns of every entry of examples of shape {tuple(parameter.shape)}, and the model's are "
            f"of shape {shape}. Make another one, by its name."
        )
    return nn.Parameter(parameter.detach().expand(shape).clone())


def over_examples(distribution: Distribution) -> Distribution:
    """The same law with every dimension but the batch's counted as one event: log_prob has shape (B,).

    Example:
        >>> import torch
        >>> pixels = torch.distributions.Normal(torch.zeros(3, 2, 2), 1.0)
        >>> over_examples(pixels).event_shape
        torch.Size([2, 2])
    """
    return Independent(distribution, len(distribution.batch_shape) - 1, validate_args=False)
