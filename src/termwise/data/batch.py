"""A batch: some examples of a data set, and what stands beside them."""

from dataclasses import dataclass

from torch import Tensor

from termwise.notebook import in_a_line


@dataclass(frozen=True, slots=True)
class Batch:
    """Some examples of a Dataset, and where they lie in it.

    Attributes:
        x: The examples, shape (B, *shape), float32.
        index: Their positions in the Dataset, from 0, shape (B,), int64.
        side: What stands beside x, shape (B, V), float64, as `Dataset.side` has it; None where nothing does.

    Example:
        >>> import termwise as tw
        >>> batch = next(tw.load_data("four-points").train.batches(2))
        >>> batch.x.tolist(), batch.index.tolist()
        ([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], [0, 1])
    """

    x: Tensor
    index: Tensor
    side: Tensor | None = None

    def __repr__(self) -> str:
        return in_a_line(self)
