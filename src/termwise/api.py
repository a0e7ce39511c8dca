"""What ties the rooms together for a user: load_data, train, measure, adapt, compare."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from termwise.data import Dataset, load_data
from termwise.errors import BadData, Refused, TermwiseError
from termwise.measuring import Account, Comparison
from termwise.measuring import compare as compare_accounts
from termwise.measuring import measure as measure_model
from termwise.models import VAE, Drawable, adapt
from termwise.models.networks import imported
from termwise.objectives import Game, Objective, Weighted, solo
from termwise.objectives.spec import ObjectiveSpec
from termwise.report.card import model_card
from termwise.report.page import write_page
from termwise.report.pictures import pictures_of
from termwise.report.walk import standard_links
from termwise.training import Config, RunFolder, Trainer, config_from, merged
from termwise.training.checkpoint import seed_all
from termwise.training.config import LARGEST_SEED, ModelSection
from termwise.training.progress import Bar, Silent

OWN = "own"
"""What a configuration calls networks that were made in Python, and cannot be made again from it."""


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


def train(
    config: Mapping[str, Any] | Config | None = None,
    *,
    data: str | Path | Tensor | np.ndarray | Dataset | None = None,
    recipe: str | None = None,
    objective: Game | Objective | Weighted | None = None,
    model: VAE | None = None,
    network: str | None = None,
    latent: int | None = None,
    posterior: str | None = None,
    likelihood: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int | None = None,
    device: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    **options: Any,
) -> Run:
    """Train a VAE, measure it on the test split, and write a run folder with a report.

    Args:
        config: Tables as in a TOML file (data, model, objective, training); the keywords below have the say.
        data: A source's name, a path, a tensor or array, or a Dataset.
        recipe: A named objective; its options, such as `beta=6`, are given beside it.
        objective: An objective or game of your own, in place of a recipe.
        model: A VAE of your own networks, in place of `network`, `latent`, `posterior` and `likelihood`.
        network: "mlp", "conv" or "module:function".
        latent: The number of the code's dimensions.
        posterior: "diagonal-normal" or "full-normal".
        likelihood: "bernoulli", "normal:0.1", "normal:learned", "normal:optimal", "laplace:1", "categorical:17".
        epochs, batch_size, learning_rate, seed, device: Of the training.
        out: The run folder; runs/DATA-RECIPE-seedS where left out.
        resume: Go on with the run in `out`.
        overwrite: Begin anew where `out` holds a run.
        progress: Show a bar.
        **options: The recipe's.

    Raises:
        TermwiseError: Something cannot be as asked; the message says what to do.
    """
    optimizer = {"learning_rate": learning_rate}
    training = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "device": device, "optimizer": optimizer}
    said = {
        "data": {"source": str(data) if isinstance(data, str | Path) else None},
        "model": {"network": network, "latent": latent, "posterior": posterior, "likelihood": likelihood},
        "objective": {"recipe": recipe, **options},
        "training": training,
    }
    given = config.model_dump(exclude_none=True, by_alias=True) if isinstance(config, Config) else dict(config or {})
    config_from(given)  # says its mistakes, also those that a keyword would hide
    if objective is not None and (recipe is not None or options):
        raise Refused("An objective of your own has no recipe and no recipe's options; pass one or the other.")
    if recipe is not None:
        given.pop("objective", None)
    settings = _with_own(config_from(merged(given, _without_none(said))), objective, model)
    dataset = load_data(data) if data is not None and not isinstance(data, str | Path) else None
    folder = RunFolder(out or Path("runs") / _run_name(settings, dataset, objective))
    if resume:
        settings = _agreed(folder, merged(given, _without_none(said)), objective, model)
    elif folder.exists and not overwrite:
        raise Refused(f"{folder} holds a run already. Resume it (resume, --resume), or begin anew (overwrite).")
    dataset = dataset or _load(settings)
    if dataset.source is not None and settings.data.source is None:
        settings = config_from(merged(settings.model_dump(exclude_none=True, by_alias=True), {"data": dataset.source}))

    seed_all(settings.training.seed)
    vae = model or _built(settings, dataset)
    _check_fit(vae, dataset)
    if len(dataset.test) < 2:
        raise BadData(f"{dataset.name}: expected a test part of two examples or more, got {len(dataset.test)}.")
    game = settings.objective.build() if objective is None else _as_game(objective)
    steps = settings.training.epochs * (len(dataset.train) // min(settings.training.batch_size, len(dataset.train)))
    watcher = Bar(steps, settings.training.epochs) if progress else Silent()
    trainer = Trainer(vae, game, dataset, settings.training, folder, watcher)
    if not resume:
        folder.create(settings)
    if folder.checkpoint_file.exists():
        trainer.resume()
    else:
        trainer.start()
    trained = trainer.run().to(dtype=torch.float32)
    account = measure(trained, dataset.test, device=trainer.engine.device)
    trained.to("cpu")
    account.save(folder.account_file, folder.values_file)
    written = settings.model_dump(mode="json", exclude_none=True, by_alias=True)
    trained.save_pretrained(folder.model_folder, card=model_card(written, account.to_json()))
    run = Run(folder, settings, trained, dataset, account)
    write_report(run)
    return run


def _without_none(tables: dict[str, Any]) -> dict[str, Any]:
    cleaned = {k: _without_none(v) if isinstance(v, dict) else v for k, v in tables.items() if v is not None}
    return {key: value for key, value in cleaned.items() if value != {}}


def _run_name(settings: Config, dataset: Dataset | None, objective: object) -> str:
    name = dataset.name if dataset is not None else Path(settings.data.source or "data").stem
    goal = settings.objective.recipe if objective is None else None
    return f"{name}-{goal or 'walk'}-seed{settings.training.seed}"


def _with_own(settings: Config, objective: object | None, model: VAE | None) -> Config:
    """The configuration as it is where the objective or the model was made in Python: no recipe, its own networks."""
    changes: dict[str, Any] = {}
    if objective is not None:
        changes["objective"] = ObjectiveSpec()
    if model is not None:
        network = model.network or {"name": OWN, "options": {}}
        changes["model"] = ModelSection(
            network=network["name"],
            latent=model.latent,
            posterior=model.family.name,
            likelihood=model.likelihood.spec,
            options=network["options"],
        )
    return config_from(settings.model_copy(update=changes).model_dump(exclude_none=True, by_alias=True))


def _agreed(folder: RunFolder, said: dict[str, Any], objective: object | None, model: VAE | None) -> Config:
    """The configuration of the run to resume; what is said anew must be what it says."""
    held = folder.config()
    asked = config_from(merged(held.model_dump(exclude_none=True, by_alias=True), said))
    if _with_own(asked, objective, model) != held:
        raise Refused(
            f"{folder} was begun with another configuration. Resume it without other settings, or begin anew in "
            "another folder."
        )
    if objective is None and held.objective == ObjectiveSpec():
        raise Refused(f"{folder} was begun with an objective made in Python. Pass it again: train(..., objective=...).")
    return held


def _load(settings: Config) -> Dataset:
    arguments = settings.data.arguments()
    source = arguments.pop("source", None)
    if source is None:
        raise Refused("No data: give a source's name, a path, or, from Python, a tensor (`termwise data` lists names).")
    return load_data(source, **arguments)


def _built(settings: Config, dataset: Dataset) -> VAE:
    section = settings.model
    if section.network == OWN:
        raise Refused("This run's networks were made in Python. Pass the model again: train(..., model=...).")
    return VAE.build(
        dataset.shape, section.latent, section.network, section.posterior, section.likelihood, section.options
    )


def _check_fit(model: VAE, data: Dataset) -> None:
    """Raise BadData where the examples are none that the model can take."""
    if data.shape != model.shape:
        raise BadData(
            f"The model takes examples of shape {model.shape}; {data.name} has examples of shape {data.shape}."
        )
    model.likelihood.check(data.value_range())


def _as_game(objective: Game | Objective | Weighted) -> Game:
    if isinstance(objective, Game):
        return objective
    return solo(Objective((objective,)) if isinstance(objective, Weighted) else objective)


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
    return Run(folder, config, model, _load(config), account)


def measure(
    model: Drawable | Run | str | Path,
    data: Dataset | Tensor | np.ndarray | str | Path | None = None,
    *,
    split: str = "test",
    samples: int = 1,
    seed: int = 0,
    batch_size: int = 512,
    device: torch.device | str = "cpu",
) -> Account:
    """Every term of a model's ELBO, with its error: an Account.

    Args:
        model: A VAE, what `adapt` made, a Run, the path of a run folder, or "module:function", a function of yours
            that returns a model or what `adapt` takes. Its networks are left on the device that they were on.
        data: A Dataset, a tensor, or a source's name or path; a run's own where left out. Where it has splits, the
            one called `split` is measured.
        split: "train", "validation" or "test".
        samples: Codes for every example; more make the errors smaller.
        seed: Of the codes.
        batch_size: Examples at a time.
        device: Where to measure.
    """
    vae: Drawable
    if isinstance(model, str | Path) and _names_function(model):
        vae = _made(str(model))
    elif isinstance(model, str | Path):
        vae = load_model(model)
        data = _load(RunFolder(model).config()) if data is None else data
    elif isinstance(model, Run):
        vae, data = model.model, model.data if data is None else data
    else:
        vae = model
    if data is None:
        raise Refused("Nothing to measure on: pass the data, as a Dataset, a tensor, or a source's name or path.")
    if not 0 <= seed <= LARGEST_SEED:
        raise Refused(f"A seed is a whole number from 0 to {LARGEST_SEED}; got {seed}.")
    dataset = _to_measure(data, split)
    if isinstance(vae, VAE):
        _check_fit(vae, dataset)
    with _placed(vae, device):
        return measure_model(vae, dataset, samples=samples, seed=seed, batch_size=batch_size, device=device)


def _names_function(model: str | Path) -> bool:
    """Whether this is "module:function", and not the path of a folder."""
    return re.fullmatch(r"[\w.]+:\w+", str(model)) is not None and not Path(model).exists()


def _made(name: str) -> Drawable:
    """The model that the user's function "module:function" returns, adapted if it is not yet."""
    try:
        made = imported(*name.split(":"))()
    except TermwiseError:
        raise
    except Exception as error:
        raise Refused(f"{name} must return a model when it is called alone: {type(error).__name__}: {error}") from error
    return made if isinstance(made, Drawable) else adapt(made)


@contextmanager
def _placed(model: Drawable, device: torch.device | str) -> Iterator[None]:
    """The model's networks on the device, and afterwards where they were; one spread over several devices stays."""
    networks = [model] if isinstance(model, nn.Module) else getattr(model, "networks", [])
    lying = {network: {part.device for part in (*network.parameters(), *network.buffers())} for network in networks}
    homes = {network: devices.pop() for network, devices in lying.items() if len(devices) == 1}
    try:
        torch.empty(0, device=device)
        for network in homes:
            network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device that is not there
        _return(homes)
        raise Refused(f"The device {str(device)!r} cannot be used: {str(error).splitlines()[0]}") from None
    try:
        yield
    finally:
        _return(homes)


def _return(homes: Mapping[nn.Module, torch.device]) -> None:
    for network, home in homes.items():
        network.to(home)


def _to_measure(data: Dataset | Tensor | np.ndarray | str | Path, split: str) -> Dataset:
    """The examples to measure: a tensor whole, a data set by its split."""
    if isinstance(data, Dataset):
        return data.split(split) if data.splits else data
    if isinstance(data, Tensor | np.ndarray):
        whole = load_data(data)
        return whole.subset(torch.arange(len(whole)))
    return load_data(data).split(split)


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
    account = run.account.to_json()
    by_dimension = account["readings"].get("rate_by_dimension", {}).get("value")
    write_page(
        run.folder.report_file,
        title=f"{run.data.name}, {run.config.objective.recipe or 'a walk of its own'}",
        config=run.config.model_dump(mode="json", exclude_none=True, by_alias=True),
        metrics=run.metrics(),
        account=account,
        links=standard_links(account),
        pictures=pictures_of(run.model, run.data.test, by_dimension),
    )
    return run.folder.report_file


__all__ = [
    "Run",
    "compare",
    "load_data",
    "load_model",
    "load_run",
    "measure",
    "train",
    "write_report",
]
