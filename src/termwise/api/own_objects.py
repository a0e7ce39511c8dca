"""Objects where a name is meant: laws and options made in Python, as far as a run's files can say them."""

from collections.abc import Mapping
from numbers import Number
from os import PathLike
from typing import Any

from pydantic import BaseModel

from termwise.errors import Refused
from termwise.models.pretrained import part_in_words
from termwise.objectives import RECIPES, Game, Objective, Weighted
from termwise.training.model_section import ModelSection


def parts_in_words(parts: Mapping[str, Any], latent: int | None) -> dict[str, Any]:
    """Parts made in Python as a configuration has them; the code is as large as their posterior's.

    Args:
        parts: By kind: "posterior", "likelihood", "prior".
        latent: The number of the code's dimensions, where it is said.

    Example:
        >>> from termwise.models.likelihoods import likelihood_from
        >>> parts_in_words({"likelihood": likelihood_from("normal:0.1")}, latent=None)
        {'likelihood': 'normal:0.1'}
    """
    family = parts.get("posterior")
    size = latent or (ModelSection().latent if family is None else family.latent)
    words = {} if family is None else {"latent": size}
    for kind, part in parts.items():
        words |= part_in_words(kind, part, size)
    return {name: value for name, value in words.items() if value != {}}


def own_objective(
    recipe: str | None, objective: Game | Objective | Weighted | None, options: dict[str, Any]
) -> tuple[str | None, Game | Objective | Weighted | None, dict[str, Any]]:
    """A recipe and its options; or, where an option is an object, such as a memory of q(z), the game that they make.

    A file cannot hold such a game, so it is an objective of the user's own.

    Raises:
        Refused: The recipe brings a model, too, which its name alone does.

    Example:
        >>> own_objective("beta-vae", None, {"beta": 4.0})
        ('beta-vae', None, {'beta': 4.0})
        >>> name, game, options = own_objective("f-vae", None, {"divergence": lambda r: (r - 1) ** 2})
        >>> name, [player.name for player in game.players], options
        (None, ['autoencoder', 'critic of marginal kl'], {})
    """
    made = [name for name, value in options.items() if value is not None and not _writable(value)]
    if recipe is None or not made or objective is not None:
        return recipe, objective, options
    if RECIPES[recipe].model:
        raise Refused(
            f"The recipe {recipe} brings a model, and its option {made[0]!r} is an object, which no file holds. Give "
            f"it by name; or pass objective=tw.recipe({recipe!r}, ...) and the model that it is for."
        )
    return None, RECIPES.build(recipe, **options), {}


def _writable(value: Any) -> bool:
    """Whether a file can hold an option: a name, a number, a table, or a schedule, which is written as one."""
    if isinstance(value, Mapping):
        return all(map(_writable, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_writable, value))
    return isinstance(value, str | int | float | BaseModel | Number | PathLike)
