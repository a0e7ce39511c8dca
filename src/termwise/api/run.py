"""A run that was carried out, as it is read from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from termwise.account import Account
from termwise.api.from_config import configured_data
from termwise.data import Dataset
from termwise.models import VAE
from termwise.training import Config, RunFolder


@dataclass(frozen=True)
class Run:
    """A training that was carried out: its folder, its model, its data and its account of the test split.

    Attributes:
        folder: The files of the run.
        config: The configuration that it was trained by.
        model: The trained model.
        data: The data set, with its splits.
        account: The account of the test split.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> run.model.latent, len(run.data.test), run.account["elbo"].n
        (10, 4, 4)
    """

    folder: RunFolder
    config: Config
    model: VAE
    data: Dataset
    account: Account

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, in the order in which they were written."""
        return self.folder.metrics()


def load_model(run: str | Path) -> VAE:
    """The model of a run folder, in evaluation mode.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> load_model(folder).training
        False
    """
    folder = RunFolder(run)
    folder.config()  # says so where it is no run folder
    return VAE.from_pretrained(folder.model_folder)


def load_run(path: str | Path) -> Run:
    """The run in a folder, with its model, its data, and the account that is saved there.

    Example:
        >>> from tempfile import mkdtemp
        >>> import termwise as tw
        >>> folder = mkdtemp()
        >>> run = tw.train(data="four-points", recipe="vae", epochs=1, out=folder, progress=False)
        >>> load_run(folder).account["elbo"] == run.account["elbo"]
        True
    """
    folder = RunFolder(path)
    config, model = folder.config(), load_model(path)
    account = Account.load(folder.account_file, folder.values_file)
    return Run(folder, config, model, configured_data(config), account)
