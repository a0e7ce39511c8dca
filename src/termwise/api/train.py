"""From a configuration to a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from termwise.api.measure import measure
from termwise.api.runs import Run, check_fit, load_configured, write_report
from termwise.data import Dataset, load_data
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.objectives import Game, Objective, Weighted, solo
from termwise.objectives.configured import ObjectiveSpec
from termwise.report.card import model_card
from termwise.training import Config, RunFolder, Trainer, config_from, merged
from termwise.training.checkpoint import seed_all
from termwise.training.config import ModelSection
from termwise.training.watchers import Bar, Silent

OWN = "own"
"""What a configuration calls networks that were made in Python, and cannot be made again from it."""


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
        posterior: "diagonal-normal", "full-normal", or one without a density: "noise-basis", "noise-input", and with a
            last Gaussian layer "noise-basis+normal", "noise-input+normal"; its options stand in the configuration, as
            model.posterior_options.
        likelihood: "bernoulli", "normal:0.1", "normal:learned", "normal:optimal", "laplace:1", "categorical:17".
        epochs, batch_size, learning_rate, seed, device: Of the training.
        out: The run folder; runs/DATA-RECIPE-seedS where left out.
        resume: Go on with the run in `out`; with more `epochs` than it was given, beyond its end.
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
    dataset = dataset or load_configured(settings)
    if dataset.source is not None and settings.data.source is None:
        settings = config_from(merged(settings.model_dump(exclude_none=True, by_alias=True), {"data": dataset.source}))

    seed_all(settings.training.seed)
    vae = model or _built(settings, dataset)
    check_fit(vae, dataset)
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
    if settings != folder.config():  # more epochs: what was found at the old end goes once the checkpoint is read
        folder.extend(settings)
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
            posterior_options=model.family.options,
            likelihood=model.likelihood.spec,
            options=network["options"],
        )
    return config_from(settings.model_copy(update=changes).model_dump(exclude_none=True, by_alias=True))


def _agreed(folder: RunFolder, said: dict[str, Any], objective: object | None, model: VAE | None) -> Config:
    """The configuration of the run to resume; what is said anew must be what it says, but for more epochs."""
    held = folder.config()
    asked = config_from(merged(held.model_dump(exclude_none=True, by_alias=True), said))
    epochs = max(held.training.epochs, asked.training.epochs)
    held = held.model_copy(update={"training": held.training.model_copy(update={"epochs": epochs})})
    if _with_own(asked, objective, model) != held:
        raise Refused(
            f"{folder} was begun with another configuration. Resume it with its own settings, of which epochs alone "
            "may grow, or begin anew in another folder."
        )
    if objective is None and held.objective == ObjectiveSpec():
        raise Refused(f"{folder} was begun with an objective made in Python. Pass it again: train(..., objective=...).")
    return held


def _built(settings: Config, dataset: Dataset) -> VAE:
    section = settings.model
    if section.network == OWN:
        raise Refused("This run's networks were made in Python. Pass the model again: train(..., model=...).")
    return VAE.build(
        dataset.shape,
        section.latent,
        section.network,
        section.posterior,
        section.likelihood,
        section.options,
        section.posterior_options,
    )


def _as_game(objective: Game | Objective | Weighted) -> Game:
    if isinstance(objective, Game):
        return objective
    return solo(Objective((objective,)) if isinstance(objective, Weighted) else objective)
