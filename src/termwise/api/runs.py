"""Runs that were carried out: their models, data, accounts and reports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from termwise.account import Account, Comparison, compare as compare_accounts
from termwise.data import Dataset, load_data
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.report.page import page
from termwise.report.pictures import pictures_of
from termwise.report.walk_diagram import standard_links
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
    return Run(folder, config, model, load_configured(config), account)


def compare(*runs: Account | Run | str | Path) -> list[Comparison]:
    """Accounts side by side, term by term; two of the same examples are paired.

    Args:
        runs: Accounts, Runs, or paths of run folders.
    """
    return compare_accounts([_account(run) for run in runs])


def _account(run: Account | Run | str | Path) -> Account:
    if isinstance(run, Account):
        return run
    folder = run.folder if isinstance(run, Run) else RunFolder(run)
    folder.config()  # says so where it is no run folder
    return Account.load(folder.account_file, folder.values_file)


def write_report(run: Run) -> Path:
    """Write the run's report.html."""
    account, folder = run.account.to_json(), run.folder
    edits = Account.load(folder.attributes_file).to_json() if folder.attributes_file.exists() else None
    figures = {method: folder.edits_figure(method) for method in edits["data"]["methods"]} if edits else {}
    by_dimension = account["readings"].get("rate_by_dimension", {}).get("value")
    content = page(
        title=f"{run.data.name}, {run.config.objective.recipe or 'a walk of its own'}",
        config=run.config.to_json(),
        metrics=run.metrics(),
        account=account,
        links=standard_links(account),
        pictures=pictures_of(run.model, run.data.test, by_dimension),
        quality=[Account.load(file).to_json() for file in folder.quality_files if file.exists()],
        attributes=edits,
        figures={method: file.read_bytes() for method, file in figures.items() if file.exists()},
    )
    folder.report_file.write_text(content, encoding="utf-8")
    return folder.report_file


def load_configured(settings: Config) -> Dataset:
    """The data that a configuration names."""
    arguments = settings.data.arguments()
    source = arguments.pop("source", None)
    if source is None:
        raise Refused("No data: give a source's name, a path, or, from Python, a tensor (`termwise data` lists names).")
    return load_data(source, **arguments)


def check_fit(model: VAE, data: Dataset) -> None:
    """Raise BadData where the examples are none that the model can take."""
    if data.shape != model.shape:
        raise BadData(
            f"The model takes examples of shape {model.shape}; {data.name} has examples of shape {data.shape}."
        )
    model.likelihood.check(data.value_range())
