"""A callback of Lightning: the terms of a LightningModule, or of a model of scvi-tools, in Lightning's own logs."""

import warnings
from collections.abc import Callable
from typing import Any

from termwise.callbacks.loop_accounts import LoopAccounts, needed
from termwise.errors import Refused, in_short


class NoAccount(UserWarning):
    """A training ended of which no account was made."""


class LightningHooks:
    """What Lightning calls, of `lightning_callback`."""

    def __init__(self, accounts: LoopAccounts, posterior: Callable[[Any, Any], Any] | None) -> None:
        super().__init__()
        self.accounts, self.posterior = accounts, posterior
        self._validated = False

    @property
    def account(self) -> Any:
        """The last account; None before the first."""
        return self.accounts.account

    def on_validation_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Take in a batch of the first validation set, where the loop says the posteriors."""
        if self.accounts.model is not None or dataloader_idx or trainer.sanity_checking:
            return
        self._validated = True
        if not self._due(trainer):
            return
        said = outputs if self.posterior is None else self.posterior(module, batch)
        loaders = trainer.val_dataloaders
        first = loaders[0] if isinstance(loaders, list | tuple) else loaders
        self.accounts.take(said, len(first.dataset))

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        """Log the account of the batches."""
        if self.accounts.model is None and not trainer.sanity_checking:
            module.log_dict(self.accounts.of_batches())

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Measure the model, and log its account."""
        if self.accounts.model is not None and self._due(trainer):
            module.log_dict(self.accounts.of_model(device=module.device))

    def on_fit_end(self, trainer: Any, module: Any) -> None:
        """Warn where the whole training had no account."""
        if self.account is not None:
            return
        why = (
            f"no validation fell on an epoch that every={self.accounts.every} takes"
            if self._validated
            else "the Trainer validated nothing: give fit() validation data, and the module a validation_step; or "
            "give this callback a model and data"
        )
        warnings.warn(f"lightning_callback: no account was made, because {why}.", NoAccount, stacklevel=2)

    def _due(self, trainer: Any) -> bool:
        """Whether an account is taken after this epoch: every so many, the last, and of a validation by itself."""
        last = trainer.should_stop or trainer.global_step == trainer.max_steps
        alone = trainer.state.fn != "fit"
        epoch = trainer.current_epoch + 1
        return last or alone or epoch == trainer.max_epochs or self.accounts.due(epoch)


def lightning_callback(
    model: Any = None,
    data: Any = None,
    *,
    posterior: Callable[[Any, Any], Any] | None = None,
    side: Any = None,
    likelihood: str | None = None,
    every: int = 1,
    limit: int = 10_000,
    prefix: str = "val/",
) -> Any:
    """A callback for Lightning's Trainer, and for `train(callbacks=[...])` of scvi-tools, that logs the ELBO's terms.

    Of a LightningModule, the posteriors are those that its `validation_step` returns, {"posterior": (mean,
    log_variance), "z": z, "log_likelihood": ...}, or those of a function. Of a model that `adapt` takes whole, such as
    one of scvi-tools, nothing need be said: it is measured. Readings are logged by `self.log`, and so are in whatever
    logger the Trainer has, and in scvi-tools' `model.history`; the last account is the callback's `account`.

    Args:
        model: A model to measure: of scvi-tools, or whatever `adapt` takes whole.
        data: The examples to measure it on; a model of scvi-tools has its own.
        posterior: (module, batch) -> what `validation_step` would return; called under validation, on each batch.
        side: Names of what stands beside x, whose information in the code is read, too.
        likelihood: Of the model's decoder, as `adapt` has it.
        every: Epochs from one account to the next; the last epoch has one, too.
        limit: At most so many examples are in an account.
        prefix: What stands before the names of readings.

    Raises:
        Refused: Lightning is not installed, or posterior is no function.

    Example:
        >>> terms = lightning_callback(posterior=lambda module, batch: module.encode(batch[0]))  # doctest: +SKIP
        >>> trainer = lightning.Trainer(callbacks=[terms])  # doctest: +SKIP
    """
    if not (posterior is None or callable(posterior)):
        raise Refused(
            f"Expected posterior as a function, posterior=lambda module, batch: module.encode(batch[0]); got "
            f"{in_short(posterior)}."
        )
    lightning = needed("lightning", "lightning.pytorch", "pytorch_lightning")
    accounts = LoopAccounts(model, data, side=side, likelihood=likelihood, every=every, limit=limit, prefix=prefix)
    return type("LightningTerms", (LightningHooks, lightning.Callback), {})(accounts, posterior)
