"""What all callbacks do: take the account of a training that another package runs, every so many epochs.

There are two ways. A loop that says its posteriors, batch by batch, fills a `Meter`. Of a model that `adapt` knows, or
that can be measured, and of data, the account is `measure`'s. Neither moves the training: modes and random state are
what they were, and nothing has a gradient.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import torch
from torch.distributions import Distribution

from termwise import measuring
from termwise.account import Account
from termwise.data import Dataset
from termwise.data.load import load_undivided
from termwise.errors import Refused
from termwise.meter import Meter
from termwise.models import Drawable, adapt
from termwise.models.adapters import Adapted

SAID = ("posterior", "z", "log_likelihood", "index", "side")
"""What a loop can say of a batch, as `Meter.update` takes it."""
NEAR = 0.9
"""How alike a name of a loop's own is to one of these where it is taken for a slip; "neg_log_likelihood" is none."""


def values_to_log(account: Account, prefix: str = "") -> dict[str, float]:
    """The values of an account's readings of one number, by name: what any logger takes.

    Args:
        account: The account.
        prefix: What stands before each name, such as "val/"; a "/" is put after a plain word.

    Raises:
        Refused: There is no account.

    Example:
        >>> import termwise as tw
        >>> meter = tw.Meter(dataset_size=100)
        >>> meter.update((torch.randn(100, 2), torch.zeros(100, 2)))
        >>> list(values_to_log(meter.compute(), "val/"))[:2]  # accelerator.log(..., step=step), wandb.log(...)
        ['val/rate', 'val/index_code_mi']
    """
    if not isinstance(account, Account):
        raise Refused(f"Expected an account, such as meter.compute() gives; got a {type(account).__name__}.")
    before = f"{prefix}/" if prefix[-1:].isalnum() else prefix
    return {f"{before}{name}": one.value for name, one in account.overall.items()}


class LoopAccounts:
    """The accounts of a training, one every so many epochs, of which the last is kept.

    Args:
        model: What is measured, where it is not the loop that says posteriors: what `adapt` takes whole, or a model
            that can be measured as it is.
        data: The examples to measure it on.
        side: Names of what stands beside x and is read, too.
        likelihood: As `adapt` has it.
        every: Epochs from one account to the next.
        limit: At most so many examples are in an account.
        prefix: What stands before each reading's name in the logs.

    Attributes:
        account: The last account; None before the first.

    Example:
        >>> accounts = LoopAccounts(prefix="val/")
        >>> for x in torch.randn(3, 40, 2):
        ...     accounts.take({"posterior": (x, torch.zeros_like(x)), "z": x, "loss": 0.0}, dataset_size=120)
        >>> values = accounts.of_batches()
        >>> "val/rate" in values, accounts.account.data["n"]
        (True, 120)
    """

    def __init__(
        self,
        model: Any = None,
        data: Any = None,
        *,
        side: Any = None,
        likelihood: str | None = None,
        every: int = 1,
        limit: int = 10_000,
        prefix: str = "",
    ) -> None:
        if every < 1 or limit < 2:
            raise Refused(f"Expected every=1 or more and limit=2 or more; got every={every}, limit={limit}.")
        self.model, self.data, self.side, self.likelihood = model, data, side, likelihood
        self.every, self.limit, self.prefix = every, limit, prefix
        self.account: Account | None = None
        self._meter: Meter | None = None

    def due(self, epoch: int) -> bool:
        """Whether an account is taken after this epoch, counted from 1."""
        return epoch % self.every == 0

    def take(self, said: Any, dataset_size: int) -> None:
        """Take in what a loop says of a batch.

        Args:
            said: A mapping with "posterior", and perhaps "z", "log_likelihood", "index" and "side", as `Meter.update`
                takes them, other entries left alone; or a posterior by itself.
            dataset_size: How many examples there are.

        Raises:
            Refused: No posterior is said, or a name is misspelt.
        """
        if isinstance(said, Distribution | tuple):
            said = {"posterior": said}
        if not isinstance(said, Mapping) or "posterior" not in said:
            got = f"a mapping of {', '.join(map(str, said))}" if isinstance(said, Mapping) else type(said).__name__
            raise Refused(
                f"Expected the posteriors of a batch; got {got}. Return them from the validation step, as in return "
                '{"posterior": (mean, log_variance), "z": z, "log_likelihood": -distortion}, or give the callback a '
                "function that says them: posterior=lambda module, batch: module.encode(batch[0])."
            )
        self._check_names(said)
        if self._meter is None or self._meter.dataset_size != dataset_size:
            self._meter = Meter(dataset_size, size=self.limit)
        self._meter.update(**{name: said[name] for name in SAID if name in said})

    def _check_names(self, said: Mapping[Any, Any]) -> None:
        """Raise Refused where a name is nearly one that is not said: what stands there would be left out."""
        plain = {name.replace("_", ""): name for name in SAID if name not in said}
        for key in map(str, said.keys() - set(SAID)):
            if near := get_close_matches(key.replace("_", "").lower(), plain, n=1, cutoff=NEAR):
                raise Refused(f"The loop says {key!r} of a batch, which is not known: did you mean {plain[near[0]]!r}?")

    def of_batches(self) -> dict[str, float]:
        """The values to log of the batches that were taken in, which are then forgotten; none where none came."""
        if self._meter is None or not self._meter.updates:
            return {}
        self.account = self._meter.compute()
        self._meter = None
        return values_to_log(self.account, self.prefix)

    def of_model(self, model: Any = None, data: Any = None, device: torch.device | str = "cpu") -> dict[str, float]:
        """The values to log of the model as it is now, measured on the data.

        Args:
            model: The model, where it was not given at the beginning.
            data: The examples, where they were not.
            device: Where the model is.
        """
        model = self.model if self.model is not None else model
        measured = model if isinstance(model, Drawable) else adapt(model, likelihood=self.likelihood)
        examples = self._examples(measured, self.data if self.data is not None else data)
        self.account = measuring.measure(measured, examples, side=self.side, device=device)
        return values_to_log(self.account, self.prefix)

    def _examples(self, model: Drawable, data: Any) -> Dataset:
        """At most `limit` examples to measure on: of data in parts the validation part, else the test part."""
        if isinstance(model, Adapted) and (data is None or not isinstance(data, Dataset)):
            data = model.dataset(data) or data
        if data is None:
            raise Refused("Nothing to measure the model on: give the callback data=, such as the validation examples.")
        whole = data if isinstance(data, Dataset) else load_undivided(data)
        if {"validation", "test"} & set(whole.splits):
            whole = whole.test if whole.validation is None else whole.validation
        return whole.random_subset(self.limit, seed=0)


def needed(extra: str, *modules: str) -> Any:
    """The first of the modules that is installed.

    Raises:
        Refused: None is.

    Example:
        >>> needed("cards", "no_such_package.cards")
        Traceback (most recent call last):
        termwise.errors.Refused: This callback needs no_such_package. Install it: pip install 'termwise[cards]'.
    """
    for name in modules:
        try:
            return import_module(name)
        except ImportError:
            continue
    package = modules[0].partition(".")[0]
    raise Refused(f"This callback needs {package}. Install it: pip install 'termwise[{extra}]'.")
