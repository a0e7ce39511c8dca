"""The parts of a saved model made again: by name, as its folder has them, or those that are given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from termwise.errors import BadData, Refused
from termwise.models.blocks import count_decoded
from termwise.models.finite import check_finite_weights
from termwise.models.given_side import build_given_side
from termwise.models.likelihoods import likelihood_from
from termwise.models.missing import Filler
from termwise.models.posteriors import posterior_family
from termwise.models.pretrained import SavedModel
from termwise.models.priors import prior_from
from termwise.models.scaler import Scaler
from termwise.models.side_input import SideInput
from termwise.models.target import TargetLikelihood
from termwise.models.user_function import Trust
from termwise.registry import UnknownRow


def model_again(make: Any, folder: Path, given: Mapping[str, Any], model: Any | None, trust: Trust) -> Any:
    """The model of a folder, in evaluation mode, as `VAE.from_pretrained` has it.

    Args:
        make: `VAE`, or a class of its kind.
        folder: Where it lies.
        given: Parts of the user's own.
        model: All of it, in place of parts.
        trust: Modules whose code may be run.
    """
    saved = SavedModel.read(folder)
    if model is not None and given:
        raise Refused(f"Expected a whole model, or parts of one; got both, model and {', '.join(given)}.")
    if model is None:
        saved.check(given, trust)
        model = make(**parts_again(saved, given))
        model.network = None if "encoder" in given else saved.network
    elif (model.shape, model.latent) != (saved.shape, saved.latent):
        raise BadData(
            f"{folder} holds a model of examples of shape {saved.shape} and {saved.latent} latent dimensions; the "
            f"one to take its weights has {model.shape} and {model.latent}."
        )
    fit_to_saved(model, saved)
    saved.load_into(model)
    check_finite_weights(model, str(folder))
    return model.eval()


def parts_again(saved: SavedModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `VAE` is made of, by its argument's name.

    Args:
        saved: What a folder says.
        given: Parts of the user's own.

    Raises:
        Refused: A part's name is not known any more.
    """
    parts, latent, network = saved.parts, saved.latent, None if "encoder" in given else saved.network
    side = None if saved.side is None else SideInput.from_config(saved.side)
    try:
        family = given.get("posterior") or posterior_family(parts["posterior"], latent, parts["posterior_options"])
        likelihood = given.get("likelihood") or likelihood_from(parts["likelihood"])
        likelihood = likelihood if saved.target is None else TargetLikelihood(saved.target, likelihood)
        prior = given.get("prior") or prior_from(parts["prior"], latent, parts["prior_options"])
    except UnknownRow as error:
        raise Refused(
            f"{error} The model was made with it. Where it is yours, first run what adds its row, such as "
            "tw.LIKELIHOODS.add(...); commands know it by an entry point of your package (CONTRIBUTING.md)."
        ) from None
    if network is None:
        encoder, decoder = given["encoder"], given["decoder"]
    else:
        sizes = saved.shape, family.features, count_decoded(family), likelihood.decoded_shape(saved.shape)
        of_target = saved.target is not None
        encoder, decoder = build_given_side(network["name"], *sizes, network["options"], side, of_target)
    laws = {"posterior": family, "likelihood": likelihood, "prior": prior, "target": saved.target}
    beside: dict[str, Any] = {"side": side}
    if saved.observed is not None:
        others, to = ((), ()) if side is None else (side.variables, side.parts)
        beside = {"side": (*others, saved.observed), "side_to": to}
    return {"encoder": encoder, "decoder": decoder, "shape": saved.shape, "latent": latent, **laws, **beside}


def more_of(model: Any) -> dict[str, Any]:
    """What a model's config.json says beside its sizes and parts, as far as it has such: JSON."""
    found: dict[str, Any] = {}
    if model.scaler is not None:
        found["standardize"] = True
    if model.filler is not None:
        found["gaps"] = True
    if model.columns:
        found["columns"] = list(model.columns)
    if model.side is not None:
        found["side"] = model.side.config()
    if model.observed is not None:
        found["observed"] = model.observed.config()
    if model.target is not None:
        found["target"] = {"name": model.target.name, "categories": list(model.target.categories)}
    return found


def fit_to_saved(model: Any, saved: SavedModel) -> None:
    """Make a VAE ready for a saved one's weights: scaler and filler, columns, and frequencies of what stands beside x.

    Raises:
        BadData: It takes something else beside x, or has another target.
    """
    if saved.standardize and model.scaler is None:
        model.scaler = Scaler.blank(model.shape)
    if saved.gaps and model.filler is None:
        model.filler = Filler.blank(model.shape)
    model.columns = saved.columns
    if model.target != saved.target:
        names = ["x" if one is None else one.name for one in (saved.target, model.target)]
        raise BadData(
            f"{saved.folder}: expected a model whose likelihood is of {names[0]}, with the same categories; got one "
            f"whose likelihood is of {names[1]}."
        )
    _check_side(saved, model.side, saved.folder)


def _check_side(saved: SavedModel, taken: SideInput | None, folder: Path) -> None:
    """Make a model ready for the frequencies of a saved one, which must take the same beside x.

    Raises:
        BadData: It takes something else.
    """
    wanted = None if saved.side is None else SideInput.from_config(saved.side)
    if wanted is None or taken is None:
        if wanted is not taken:
            has, lacks = ("the saved model", "this one") if taken is None else ("this model", "the saved one")
            names = (wanted or taken).names  # type: ignore[union-attr]
            raise BadData(f"{folder}: {has} takes {names} beside x, and {lacks} does not.")
        return
    if (wanted.variables, wanted.parts) != (taken.variables, taken.parts):
        raise BadData(
            f"{folder}: expected a model whose {' and '.join(wanted.parts)} take {wanted.names} beside x, with the "
            f"same categories; got one whose {' and '.join(taken.parts)} take {taken.names}."
        )
    taken.rows, taken.counts = wanted.rows.to(taken.rows), wanted.counts.to(taken.counts)
