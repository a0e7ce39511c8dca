"""A callback of pythae's trainers: the terms of its model, in what the trainer logs."""

from typing import Any

from termwise.callbacks.loop_accounts import LoopAccounts, needed


class PythaeHooks:
    """What pythae's trainers call, of `pythae_callback`."""

    def __init__(self, accounts: LoopAccounts) -> None:
        self.accounts = accounts
        self._epoch, self._examples = 0, None

    @property
    def account(self) -> Any:
        """The last account; None before the first."""
        return self.accounts.account

    def on_epoch_begin(self, training_config: Any, **given: Any) -> None:
        """Keep the evaluation set at hand."""
        loader = given.get("eval_loader")
        self._epoch, self._examples = given["epoch"], None if loader is None else loader.dataset.data

    def on_log(self, training_config: Any, logs: Any, **given: Any) -> None:
        """Measure the model, and add its account to what is logged."""
        if self.accounts.due(self._epoch) or self._epoch == training_config.num_epochs:
            model = given["model"]
            logs.update(self.accounts.of_model(model, self._examples, next(model.parameters()).device))


def pythae_callback(
    data: Any = None,
    *,
    side: Any = None,
    likelihood: str | None = None,
    every: int = 1,
    limit: int = 10_000,
    prefix: str = "eval_",
) -> Any:
    """A callback for pythae's TrainingPipeline that measures the model and adds the ELBO's terms to what is logged.

    Callbacks that come after it in the list, such as pythae's for Weights & Biases or MLflow, get the terms with the
    losses.

    Args:
        data: The examples to measure on; pythae's evaluation set where left out.
        side: Names of what stands beside x, whose information in the code is read, too.
        likelihood: Of the decoder, as `adapt` has it; the model's own where left out.
        every: Epochs from one account to the next; the last epoch has one, too.
        limit: At most so many examples are in an account.
        prefix: What stands before the names of readings.

    Raises:
        Refused: pythae is not installed.

    Example:
        >>> terms = pythae_callback()  # doctest: +SKIP
        >>> pipeline(train_data=x, eval_data=held_out, callbacks=[terms])  # doctest: +SKIP
    """
    callbacks = needed("pythae", "pythae.trainers.training_callbacks")
    accounts = LoopAccounts(None, data, side=side, likelihood=likelihood, every=every, limit=limit, prefix=prefix)
    return type("PythaeTerms", (PythaeHooks, callbacks.TrainingCallback), {})(accounts)
