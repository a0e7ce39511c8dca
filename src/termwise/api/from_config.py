"""What a configuration names: the data and the model, made or read."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch

from termwise.data import Dataset, load_data
from termwise.data.pixel_cache import caches_as_they_are
from termwise.data.side import Side, SideVariable
from termwise.data.side_names import side_names
from termwise.data.suits import is_standardised, suited_likelihood
from termwise.errors import BadData, Refused
from termwise.models import VAE
from termwise.models.likelihoods import likelihood_from, likelihood_of_columns
from termwise.models.missing import observed
from termwise.models.observed import of_observed
from termwise.models.pretrained import GIVEN
from termwise.models.supports import takes_real_numbers
from termwise.models.target import suited_to_target
from termwise.models.user_function import Trust
from termwise.training import Config, RunFolder
from termwise.training.config import config_from, merged
from termwise.training.model_section import ModelSection
from termwise.training.resolve import OWN


def configured_data(config: Config) -> Dataset:
    """The data that a configuration names."""
    arguments = config.data.arguments()
    source = arguments.pop("source", None)
    if source is None:
        raise Refused("No data: give a source's name, a path, or, from Python, a tensor (`termwise data` lists names).")
    return load_data(source, **arguments)


def data_of_run(folder: RunFolder, trust: Trust = (), given: Any = None) -> Dataset:
    """The data that a run's configuration names, or those given, which must be those that it was trained on.

    No cache is written where the configuration says, unless it is trusted: it may be somebody else's.
    """
    with nullcontext() if trust is True else caches_as_they_are():
        data = configured_data(folder.config()) if given is None else load_data(given)
    folder.check(data.fingerprint())
    return data


def settled(
    config: Config, data: Dataset, model: VAE | None, resumed: bool, parts: Mapping[str, Any] | None = None
) -> Config:
    """The configuration, in which also stands what the data decide where nobody did: likelihood and standardising.

    A run of a version that knew no standardising is resumed without it.

    Args:
        config: As it was asked for.
        data: The data set.
        model: One made in Python.
        resumed: Whether it is of a run that goes on.
        parts: Laws made in Python: "posterior", "likelihood", "prior".
    """
    own = (parts or {}).get("likelihood") if model is None else model.likelihood
    asked = data.standardize if config.data.standardize is None else config.data.standardize
    target = configured_target(config, data) if model is None else model.target
    suited = suited_likelihood(replace(data, standardize=asked)).name if target is None else suited_to_target(target)
    if suited == "normal:optimal" and config.objective.weighs_codes:  # whose sigma is of codes that weigh alike
        suited = "normal:learned"
    name = config.model.likelihood or suited
    name = likelihood_of_columns(data) if name == "columns" and model is None else name
    chosen = own if own is not None or name == GIVEN else likelihood_from(name)
    wanted = not resumed and is_standardised(data) if asked is None else asked
    if asked is None and wanted and chosen is not None and target is None:
        wanted = takes_real_numbers(chosen, data.shape)  # others take x as it is
    tables: dict[str, Any] = {"model": {"likelihood": name}, "data": {"standardize": True} if wanted else {}}
    if model is None and _observes(config.model.code):
        tables["model"]["code"] = of_observed(config.model.code, data.side)
    return config_from(merged(config.tables(), tables))


def configured_target(config: Config, data: Dataset) -> SideVariable | None:
    """What the model's decoder is to say in the place of x, as the data know it; None where it says x."""
    if config.model.target is None:
        return None
    (named,) = side_names([config.model.target], () if data.side is None else data.side.names)
    found = None if data.side is None else data.side.chosen([named.name])
    if found is not None and (told := found.unknown()):
        raise BadData(f"The target is to be known of every example. {told}")
    if found is None or len(found.values.unique()) < 2:
        raise BadData(f"The target {named.name} is the same for all examples of {data.name}: there is nothing to say.")
    return found.variables[0]


def configured_model(config: Config, data: Dataset, parts: Mapping[str, Any] | None = None) -> VAE:
    """A fresh model, as a settled configuration describes it, of examples as the data has them.

    Args:
        config: As `settled` gives it.
        data: The data set.
        parts: Laws made in Python, in the place of those that it names: "posterior", "likelihood", "prior".

    Raises:
        Refused: It has a part that was made in Python, and is not among these.
    """
    section, made = config.model, dict(parts or {})
    target, side = configured_target(config, data), data.train.side
    assert section.likelihood is not None
    if section.network == OWN:
        raise Refused("This run's model was made in Python. Pass it again: train(..., model=...).")
    named = {"posterior": section.posterior, "likelihood": section.likelihood, "prior": section.prior}
    if lacking := [kind for kind, name in named.items() if name == GIVEN and kind not in made]:
        again = ", ".join(f"{kind}=..." for kind in lacking)
        raise Refused(
            f"This run's {' and '.join(lacking)} was made in Python, and no file holds it. Pass it again: "
            f"train(..., {again}); or the whole model: train(..., model=...)."
        )
    named |= made
    return VAE.build(
        data.shape,
        section.latent,
        section.network,
        named["posterior"],
        named["likelihood"],
        section.options,
        {} if "posterior" in made else section.posterior_options,
        named["prior"],
        {} if "prior" in made else section.prior_options,
        code=section.code,
        side=_beside(section, side, target),
        side_to=section.side_to or (),
        target=target,
    )


def _beside(section: ModelSection, side: Side | None, target: SideVariable | None) -> Side | None:
    """What a model takes of what stands beside x, in its networks or in a block of its code, but for its target."""
    if side is None or (section.side_to is None and not _observes(section.code)):
        return None
    return side.without(target)


def _observes(code: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a block of a code observes what stands beside x."""
    return any(block.get("observes") for block in code)


def check_fit(model: VAE, data: Dataset) -> None:
    """Raise BadData where the examples are none that the model can take, or Refused where some are missing."""
    if data.shape != model.shape:
        raise BadData(
            f"The model takes examples of shape {model.shape}; {data.name} has examples of shape {data.shape}."
        )
    names = tuple(column.name for column in data.columns)
    if model.columns and names and names != model.columns:
        raise BadData(
            f"The model takes columns {', '.join(model.columns):.300}, in this order; {data.name} has "
            f"{', '.join(names):.300}. Read the table as the run's config.toml has it (columns=, drop=, labels= and "
            "side=)."
        )
    if data.has_missing and model.filler is None:
        raise BadData(
            f"{data.name} has missing entries, and the model was trained on data that has none. Fill them: "
            'missing="mean" (--set data.missing=mean).'
        )
    if data.has_missing and model.target is None:
        observed(model.likelihood(torch.zeros(1, *model.likelihood.decoded_shape(model.shape))))
    if not model.is_of_standardised and model.target is None:
        model.likelihood.check(data.value_range())
