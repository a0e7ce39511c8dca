"""The one configuration of a training, from all that a user says: a file's tables, keywords, what was made in Python.

Where several say something, the last in this order has the say: the defaults, the run that is resumed, the tables, the
keywords. What was made in Python describes itself, as far as a file can.
"""

from collections.abc import Mapping
from typing import Any

from termwise.data.beside import name_of
from termwise.data.dataset import Dataset
from termwise.errors import Refused
from termwise.models.vae import VAE
from termwise.objectives.configured import ObjectiveSpec
from termwise.training.config import Config, changed, config_from, merged
from termwise.training.model_section import ModelSection, without_recipes_model
from termwise.training.run_folder import RunFolder
from termwise.values import checked

OWN = "own"
"""What a configuration calls networks that were made in Python, and cannot be made again from it."""


@checked
def resolve(
    config: Mapping[str, Any] | Config | None = None,
    keywords: Mapping[str, Any] | None = None,
    *,
    data: Dataset | None = None,
    objective: object | None = None,
    model: VAE | None = None,
    resumed: RunFolder | None = None,
) -> Config:
    """The configuration that a training has.

    Args:
        config: Tables as in a TOML file, or a Config.
        keywords: More such tables, which have the say; None stands for what is not said. Another recipe than the
            tables' takes the place of their objective.
        data: A data set made in Python; where it came from is told in the tables' place, if they do not tell it.
        objective: Whatever was made in Python in place of a recipe or of links: the configuration then names none.
        model: A model made in Python, in place of the tables' one.
        resumed: The run to go on with. All that is said must agree with its configuration, but for more epochs.

    Raises:
        Refused: A mistake in a table, all of them at once; an objective said twice; a run to resume that was begun with
            another configuration.

    Example:
        >>> resolve({"model": {"latent": 3}}, {"model": {"latent": 5}, "training": {"epochs": None}}).model.latent
        5
    """
    tables = config.tables() if isinstance(config, Config) else dict(config or {})
    config_from(tables)  # raises for what is wrong in them, also where a keyword would hide it
    above = _without_none(keywords or {})
    goal = above.get("objective", {})
    if objective is not None and goal:
        raise Refused("An objective of your own has no recipe and no recipe's options; pass one or the other.")
    if "recipe" in goal:
        tables = without_recipes_model(tables)
        tables.pop("objective", None)
    asked = changed(tables, above)
    if resumed is None:
        result = _described(config_from(asked), objective, model)
    else:
        result = _resumed(resumed, asked, objective, model)
    if data is not None and data.source is not None and result.data.source is None:
        return config_from(merged(result.tables(), {"data": data.source}))
    return result


def _without_none(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The tables without the entries that are None, and without the tables that are then empty."""
    cleaned = {key: _without_none(v) if isinstance(v, dict) else v for key, v in tables.items() if v is not None}
    return {key: value for key, value in cleaned.items() if value != {}}


def _described(config: Config, objective: object | None, model: VAE | None) -> Config:
    """The configuration as it is where the objective or the model was made in Python: no recipe, its own networks."""
    changes: dict[str, Any] = {}
    if objective is not None:
        changes["objective"] = ObjectiveSpec()
    if model is not None:
        network = model.network or {"name": OWN, "options": {}}
        parts: dict[str, Any] = _without_none({"latent": model.latent, **model.parts()})
        if model.side is not None:
            parts["side_to"] = list(model.side.parts)
        if model.target is not None:
            parts["target"] = str(name_of(model.target))
        changes["model"] = ModelSection(network=network["name"], options=network["options"], **parts)
    return config_from(config.model_copy(update=changes).tables())


def _resumed(folder: RunFolder, asked: dict[str, Any], objective: object | None, model: VAE | None) -> Config:
    """The configuration of the run to resume, with as many epochs as are asked, if those are more.

    How many examples are measured at the end, who tracks it, and how many processes train, may change, too. What
    schedules have as shares of the run stays a share of the epochs that it was begun with.
    """
    begun = folder.config()
    tables, goal = begun.tables(), asked.get("objective", {})
    if goal.get("recipe", begun.objective.recipe) != begun.objective.recipe:
        del tables["objective"]  # whose options are another recipe's
    wanted = config_from(merged(tables, asked))
    epochs = max(begun.training.epochs, wanted.training.epochs)
    changes: dict[str, Any] = {"epochs": epochs, "measure_limit": wanted.training.measure_limit}
    changes |= {"track": wanted.training.track, "devices": wanted.training.devices}
    if epochs > begun.training.epochs and (objective is not None or _has_shares(begun.tables())):
        changes["schedule_epochs"] = begun.training.schedule_epochs or begun.training.epochs
        if wanted.training.schedule_epochs is None:
            kept = {"schedule_epochs": changes["schedule_epochs"]}
            wanted = wanted.model_copy(update={"training": wanted.training.model_copy(update=kept)})
    longer = begun.model_copy(update={"training": begun.training.model_copy(update=changes)})
    if _described(wanted, objective, model) != longer:
        raise Refused(
            f"{folder} was begun with another configuration. Resume it with its own settings, of which epochs alone "
            "may grow, or begin anew in another folder."
        )
    if objective is None and longer.objective == ObjectiveSpec():
        raise Refused(f"{folder} was begun with an objective made in Python. Pass it again: train(..., objective=...).")
    return longer


def _has_shares(table: Any) -> bool:
    """Whether some schedule in nested tables lasts a share of the run."""
    if isinstance(table, Mapping):
        return ("schedule" in table and "share" in table) or any(map(_has_shares, table.values()))
    return isinstance(table, list | tuple) and any(map(_has_shares, table))
