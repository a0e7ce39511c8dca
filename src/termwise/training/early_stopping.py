"""Early stopping: a training ends once its validation loss no longer falls, and the best weights are kept.

The loss is the first player's objective as it is at the end of all schedules of its weights and targets (evaluate.py),
so that losses of different times can be compared. While a schedule lasts, the training is not after that loss, which
may well rise; no evaluation counts as one waited for until it has ended. With a schedule longer than the training
there is no early stopping, but still the best weights are kept.
"""

from torch import Tensor, nn


class EarlyStopping:
    """Watches the validation loss.

    Args:
        patience: How many evaluations without a lower loss are waited for; None for no end, and then nothing is kept.

    Attributes:
        best: The lowest loss so far.
        best_weights: The weights at that loss, as a state_dict.
        waited: How many evaluations there were since.

    Example:
        >>> stopping, model = EarlyStopping(patience=2), nn.Linear(1, 1)
        >>> for loss in (3.0, 2.0, 2.5, 2.1):
        ...     stopping.observe(loss, model)
        >>> stopping.best, stopping.is_due
        (2.0, True)
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.best: float | None = None
        self.best_weights: dict[str, Tensor] | None = None
        self.waited = 0

    @property
    def is_due(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def observe(self, loss: float, model: nn.Module, counts: bool = True) -> None:
        """Take one more evaluation into account, and keep the weights if they are the best.

        Args:
            loss: The validation loss.
            model: Whose weights these are.
            counts: Whether the evaluation is one waited for, should it be no better.
        """
        if self.patience is None:
            return
        if self.best is None or loss < self.best:
            self.best, self.waited = loss, 0
            self.best_weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        elif counts:
            self.waited += 1
