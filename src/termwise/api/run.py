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
    """A training that was carried out: its folder, its model, its data and its account of the test split."""

    folder: RunFolder
    config: Config
    model: VAE
    data: Dataset
    account: Account

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return self.folder.metrics()


def load_model(run: str | Path) -> VAE:
    """The model of a run folder, in evaluation mode."""
    folder = RunFolder(run)
    folder.config()  # says so where it is no run folder
    return VAE.from_pretrained(folder.model_folder)


def load_run(path: str | Path) -> Run:
    """The run in a folder, with its model, its data, and its account as it was last measured."""
    folder = RunFolder(path)
    config, model = folder.config(), load_model(path)
    account = Account.load(folder.account_file, folder.values_file)
    return Run(folder, config, model, configured_data(config), account)
