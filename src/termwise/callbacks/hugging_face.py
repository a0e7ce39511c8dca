"""A callback of Hugging Face's Trainer: the terms of its model on the evaluation set, among its own metrics."""

from collections.abc import Callable
from typing import Any

from termwise.callbacks.loop_accounts import LoopAccounts, needed


class TrainerHooks:
    """What Hugging Face's Trainer calls, of `hugging_face_callback`."""

    def __init__(self, accounts: LoopAccounts, trainer: Any, posterior: Callable[[Any, Any], Any]) -> None:
        self.accounts, self.trainer, self.posterior = accounts, trainer, posterior
        self._evaluations = 0

    @property
    def account(self) -> Any:
        """The last account; None before the first."""
        return self.accounts.account

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any) -> None:
        """Ask the posteriors of the evaluation set, log their account, and add it to the metrics."""
        import torch

        self._evaluations += 1
        if not (self.accounts.due(self._evaluations) or state.global_step == state.max_steps):
            return
        model, loader = given["model"], given["eval_dataloader"]
        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                for batch in loader:
                    self.accounts.take(self.posterior(model, batch), len(loader.dataset))
        finally:
            model.train(training)
        values = self.accounts.of_batches()
        self.trainer.log(dict(values))
        if metrics is not None:
            metrics.update(values)


def hugging_face_callback(
    trainer: Any,
    posterior: Callable[[Any, Any], Any],
    *,
    every: int = 1,
    limit: int = 10_000,
    prefix: str = "eval_",
) -> Any:
    """A callback for Hugging Face's Trainer that logs the ELBO's terms at each evaluation.

    It is added once there is a Trainer, by whose `log` readings reach all that it reports to, and its
    `state.log_history`; `trainer.evaluate()` returns them, too.

    Args:
        trainer: The Trainer.
        posterior: (model, batch) -> {"posterior": (mean, log_variance), "z": z, "log_likelihood": ...}, or the
            posterior alone; called on each batch of the evaluation set, in evaluation mode and without gradients.
        every: Evaluations from one account to the next; one at the last step has one, too.
        limit: At most so many examples are in an account.
        prefix: What stands before the names of readings.

    Raises:
        Refused: transformers is not installed.

    Example:
        >>> encode = lambda model, batch: model.encode(batch["x"])
        >>> trainer.add_callback(hugging_face_callback(trainer, encode))  # doctest: +SKIP
    """
    transformers = needed("transformers", "transformers")
    accounts = LoopAccounts(every=every, limit=limit, prefix=prefix)
    return type("TrainerTerms", (TrainerHooks, transformers.TrainerCallback), {})(accounts, trainer, posterior)
